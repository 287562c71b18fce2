"""Tiny random BERT encoders in the forms that people have on disk, with the token ids and the embeddings of sentence-transformers.

python encoder.py   (needs torch, transformers, sentence-transformers)
"""
import json, os, pathlib, random, re, shutil
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel
from tokenize_gold import corpus, strings

OUT = pathlib.Path(__file__).resolve().parent.parent / "encoder"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
D = 32
LATER = [(int(a, 16), int(b, 16)) for a, b in re.findall(r"\{0x(\w+), 0x(\w+)\}", (OUT.parents[2] / "src/text/unicode8.c").read_text())]

def texts():
    r = random.Random(9)
    words = "naïve CAFÉ Émigré author Author BOOK 日本 語 taipei 한국 Grüße ΣΊΣΥΦΟΣ ﬁ 1999 don't x+1 \u0301 \u200b \u00ad \x07 \ufffd \u3000 [MASK] [SEP]".split(" ")
    s = strings() + ["[CLS] a [SEP]", "[mask]", " [MASK] book", "book[MASK]book", "[UNK]", "[PAD] book", "z" * 100, "z" * 101, "é" * 100, "é" * 101, "Ä" * 51,
                     "a" * 99 + "b c", "full-name.", "state\u00adof", "tab\tand\x07bell", "x\x85y", "\U000e0001tag", "\ue000private", "中文 and words", "㐀𠀀豈",
                     "\u2e80\u3042", "İI ıi", "ＢＯＯＫ", "ǅ", "ẞ", "book " * 40]
    odd = [c for a, b in LATER + [(0x166D, 0x166D), (0x1734, 0x1734)] for c in (a - 1, a, b, b + 1)]  # characters around those that Unicode 8 did not know
    s += [" ".join(f"a{chr(c)}a" for c in odd[i:i + 5]) for i in range(0, len(odd), 5)]
    return s + [" ".join(r.choice(words) for _ in range(r.randrange(1, 9))) for _ in range(60)] + ["the author's full name, born in Taipei; Taiwan. " * 6]

def vocabulary(lower, size=420):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=lower)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(corpus(800), trainers.WordPieceTrainer(vocab_size=size, special_tokens=SPECIAL, show_progress=False))
    ids = t.get_vocab()
    return sorted(ids, key=ids.get)

def tokenizer_json(vocab, lower):
    """As the folders of 2021 have it: with truncation and padding, which sentence-transformers sets anew."""
    t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocab)}, unk_token="[UNK]"))
    t.add_special_tokens([AddedToken(s, special=True) for s in SPECIAL])
    t.normalizer = normalizers.BertNormalizer(lowercase=lower)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                                     special_tokens=[(s, vocab.index(s)) for s in ("[CLS]", "[SEP]")])
    t.enable_truncation(12)
    t.enable_padding(length=12, pad_token="[PAD]", pad_id=0)
    return t.to_str()

def write(folder, name, value):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value, indent=1))

def weights(folder, config, seed, dtype, rename=lambda n: n, more=()):
    """Weights large enough that every part of the forward pass shows in the result."""
    torch.manual_seed(seed)
    state = BertModel(BertConfig(**config), add_pooling_layer=False).state_dict()
    g = torch.Generator().manual_seed(seed)
    state = {n: p + 0.3 * torch.randn(p.shape, generator=g) for n, p in state.items() if p.is_floating_point()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file({**{rename(n): p.to(dtype).contiguous() for n, p in state.items()}, **dict(more)}, folder / "model.safetensors", {"format": "pt"})
    write(folder, "config.json", {"architectures": ["BertModel"], "model_type": "bert", "hidden_dropout_prob": 0.1, "position_embedding_type": "absolute",
                                  "gradient_checkpointing": False, "use_cache": True, "pad_token_id": 0, **config})

def config(vocab, **more):
    return {"vocab_size": len(vocab), "hidden_size": D, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
            "max_position_embeddings": 40, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu", **more}

def modules(folder, kinds):
    write(folder, "modules.json", [{"idx": i, "name": str(i), "path": path, "type": kind} for i, (path, kind) in enumerate(kinds)])

def uncased(folder):
    """The form of paraphrase-MiniLM-L6-v2 and all-MiniLM-L6-v2."""
    vocab = vocabulary(True)
    weights(folder, config(vocab), 1, torch.float32, more={"embeddings.position_ids": torch.arange(40)[None], "pooler.dense.bias": torch.zeros(D)}.items())
    write(folder, "tokenizer.json", tokenizer_json(vocab, True))
    write(folder, "vocab.txt", "\n".join(vocab) + "\n")
    write(folder, "tokenizer_config.json", {"do_lower_case": True, "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
                                            "tokenize_chinese_chars": True, "strip_accents": None, "model_max_length": 512, "tokenizer_class": "BertTokenizer"})
    write(folder, "special_tokens_map.json", {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"})
    write(folder, "sentence_bert_config.json", {"max_seq_length": 24, "do_lower_case": False})
    write(folder, "config_sentence_transformers.json", {"__version__": {"sentence_transformers": "2.0.0", "transformers": "4.7.0", "pytorch": "1.9.0+cu102"}})
    modules(folder, [("", "sentence_transformers.models.Transformer"), ("1_Pooling", "sentence_transformers.models.Pooling")])
    write(folder, "1_Pooling/config.json", {"word_embedding_dimension": D, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
                                            "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False})

def cased(folder):
    """BERT's own files: vocab.txt, names with a prefix and gamma and beta, heads that nobody uses; float16. Mean pooling."""
    vocab = vocabulary(False)
    lines = [w + " \t"[: i % 3] for i, w in enumerate(vocab)] + ["book", "", "again", "\x85", "again\u3000"]
    rename = lambda n: "bert." + n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    weights(folder, config(lines, layer_norm_eps=1e-5, num_attention_heads=2, hidden_act="gelu_new"), 2, torch.float16, rename,
            {"cls.predictions.bias": torch.zeros(len(lines))}.items())
    write(folder, "vocab.txt", "\r\n".join(lines))
    write(folder, "tokenizer_config.json", {"do_lower_case": False, "model_max_length": 30})

def pooled(folder):
    """All poolings at once, to unit length; the encoder in a folder of its own, lower-cased by sentence-transformers; bfloat16."""
    vocab, inner = vocabulary(False), folder / "0_Transformer"
    weights(inner, config(vocab, hidden_act="relu", num_hidden_layers=1, type_vocab_size=1), 3, torch.bfloat16)
    write(inner, "tokenizer.json", tokenizer_json(vocab, False))
    write(inner, "tokenizer_config.json", {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False, "truncation_side": "left", "tokenizer_class": "BertTokenizerFast",
                                           "model_max_length": 1000000000000000019884624838656})
    write(inner, "sentence_bert_config.json", {"max_seq_length": None, "do_lower_case": True})
    kind = "sentence_transformers.sentence_transformer.modules.pooling.Pooling"
    modules(folder, [("0_Transformer", "sentence_transformers.base.modules.transformer.Transformer"), ("1_Pooling", kind), ("2_Normalize", "sentence_transformers.models.Normalize")])
    write(folder, "1_Pooling/config.json", {"embedding_dimension": D, "pooling_mode": ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"], "include_prompt": True})

def main():
    for make, most in ((uncased, None), (cased, None), (pooled, 90)):
        folder = OUT / make.__name__
        shutil.rmtree(folder, ignore_errors=True)
        make(folder)
        s = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32}).double()
        chosen = texts() if most is None else texts()[-most:]
        with open(folder / "gold.jsonl", "w") as f:
            for t in chosen:
                f.write(json.dumps({"text": t, "ids": s.tokenizer([t], truncation="longest_first")["input_ids"][0]}) + "\n")
        gold = torch.tensor(s.encode(chosen, batch_size=1, convert_to_numpy=True))
        save_file({"embedding": gold.float().contiguous()}, folder / "gold.safetensors")
        print(make.__name__, s.max_seq_length, len(chosen), tuple(gold.shape), sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) // 1024, "KiB")

if __name__ == "__main__":
    main()
