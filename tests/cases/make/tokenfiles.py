"""Cases of tokenizer files and of the end of a text: answers by transformers 5.24.

    python3 tests/cases/make/tokenfiles.py    # writes tests/cases/{tokens,ends}-*, needs transformers and torch"""
import json, os, pathlib, shutil, sys

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

cases = pathlib.Path(__file__).resolve().parent.parent
config = json.loads((cases / "tokens-only-in-config" / "model" / "config.json").read_text())
BYTE = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
seen = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
hidden = [b for b in range(256) if b not in seen]
VOCAB = {chr(b): b for b in seen} | {chr(256 + i): b for i, b in enumerate(hidden)}


def added(id, content, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


def token(content, **flags):
    return {k: v for k, v in added(0, content, **flags).items() if k != "id"}


def document(tokens=(), pre=BYTE, normalizer=None, decoder=BYTE, post=None, vocab=VOCAB, merges=(), **model):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(tokens), "normalizer": normalizer, "pre_tokenizer": pre, "post_processor": post,
            "decoder": decoder, "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
                                          "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": list(merges), **model}}


def folder(name, files, **changes):
    path = cases / name
    shutil.rmtree(path, ignore_errors=True)
    (path / "model").mkdir(parents=True)
    files = {"config.json": {**config, "bos_token_id": None, "eos_token_id": None, **changes}, **files}
    for file, content in files.items():
        if isinstance(content, bytes):
            (path / "model" / file).write_bytes(content)
            continue
        (path / "model" / file).write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def write(path, kind, why, steps, judge="transformers 5.24.0", weights=False):
    case = {"kind": kind, "judge": judge, "why": why, **({"files": {"model/model.safetensors": "weights/llama-a.safetensors"}} if weights else {}), "steps": steps}
    (path / "case.json").write_text(json.dumps(case, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def tokens(name, why, files, texts, **changes):
    path = folder(name, files, **changes)
    theirs = AutoTokenizer.from_pretrained(str(path / "model"))
    steps = [{"run": f"wagle tokenize --model model --text {quoted(t)} --json", "json": {"ids": theirs(t)["input_ids"]}} for t in texts]
    write(path, "tokenizer files", why, steps)


def refused(name, why, files, message):
    path = folder(name, files)
    write(path, "tokenizer files", why, [{"run": "wagle tokenize --model model --text a", "rc": 3, "stderr": [message], "stderr_lines": 1}], judge="a damaged file")


END = added(256, "<end>")
FAST = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, "eos_token": "<end>"}


def token_cases():
    tokens("tokens-opt-bos", "OPT is published with vocab.json and merges.txt, and add_bos_token true", {
        "vocab.json": {"<s>": 256, "<pad>": 257, "</s>": 258, "<unk>": 259, **VOCAB, "Hi": 260}, "merges.txt": "#version: 0.2\nH i\n",
        "special_tokens_map.json": {"bos_token": token("</s>", normalized=True), "eos_token": token("</s>", normalized=True), "unk_token": token("</s>", normalized=True), "pad_token": token("<pad>", normalized=True)},
        "tokenizer_config.json": {"errors": "replace", "tokenizer_class": "GPT2Tokenizer", "add_prefix_space": False, "add_bos_token": True, "pad_token": "<pad>", "bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>"}},
        ["Hi Hi", "a</s>b <pad>", ""], model_type="opt")
    tokens("tokens-qwen2-class", "Qwen2Tokenizer splits digits one by one and normalises, whatever tokenizer.json says", {
        "tokenizer.json": document([added(256, "<|endoftext|>")], vocab={**VOCAB, "12": 257, "Ã©": 258}, merges=[["1", "2"], ["Ã", "©"]]),
        "tokenizer_config.json": {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|endoftext|>", "add_bos_token": False}}, ["a 1212", "e\u0301 <|endoftext|>", "don't \n\n x"], model_type="qwen2")
    tokens("tokens-neox-drops-template", "GPTNeoXTokenizer drops the post-processor of tokenizer.json and adds its own defaults", {
        "tokenizer.json": document([added(256, "<|endoftext|>")], post={"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
                                                                          "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [256], "tokens": ["<|endoftext|>"]}}}),
        "tokenizer_config.json": {"tokenizer_class": "GPTNeoXTokenizerFast", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}}, ["Hi", "a<|padding|>b"], model_type="gpt_neox")
    pieces = {"<unk>": 0, "<s>": 1, "</s>": 2, **{f"<0x{b:02X}>": 3 + b for b in range(256)}, "▁": 259, "a": 260, "b": 261, "▁a": 262, "▁b": 263}
    for legacy in (False, True):
        tokens(f"tokens-llama-legacy-{str(legacy).lower()}", "LlamaTokenizer: with legacy each part between special tokens begins with a space", {
            "tokenizer.json": document([added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")], None, {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
                                       None, None, pieces, [["▁", "a"], ["▁", "b"]], byte_fallback=True, fuse_unk=True, unk_token="<unk>"),
            "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "legacy": legacy, "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}},
            ["a b", "a</s>b", " a", "é"])
    tokens("tokens-added-files", "added_tokens.json and special_tokens_map.json count where tokenizer_config.json has no added_tokens_decoder", {
        "tokenizer.json": document([END]), "tokenizer_config.json": FAST, "added_tokens.json": {"<x>": 270, "<y>": 261},
        "special_tokens_map.json": {"eos_token": "<end>", "additional_special_tokens": ["<z>"], "pad_token": token("<pad>", lstrip=True)}}, ["a<x>b<y>", "<z> <pad> <end>"])
    tokens("tokens-flags", "lstrip, rstrip, single_word and normalized of added_tokens_decoder", {
        "tokenizer.json": document([END], normalizer={"type": "Lowercase"}), "tokenizer_config.json": {**FAST, "added_tokens_decoder": {
            "256": token("<end>", rstrip=True), "257": token("<mask>", lstrip=True), "258": token("WORD", single_word=True, special=False), "259": token("Day", normalized=True, special=False)}}},
        ["a <mask> b", "<end>  c", "aWORD WORD", "DAY day Day"])
    tokens("tokens-ids-of-file", "an added token whose id in tokenizer.json leaves a gap gets the next id", {"tokenizer.json": document([END, added(300, "<far>")]), "tokenizer_config.json": FAST}, ["a<far>b<end>"])
    tokens("tokens-padding-token", "the padding section of tokenizer.json names a pad_token that the vocabulary lacks; texts are neither padded nor cut", {
        "tokenizer.json": {**document([END]), "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"},
                           "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}}, "tokenizer_config.json": {**FAST, "model_max_length": 3}}, ["a<pad>b", "abcdef"])
    word = {"<unk>": 0, "a</w>": 1, "b": 2, "c</w>": 3, "bc</w>": 4, "a": 5}
    tokens("tokens-word-suffix", "end_of_word_suffix marks the last character of a word", {
        "tokenizer.json": document([], {"type": "Whitespace"}, None, {"type": "BPEDecoder", "suffix": "</w>"}, None, word, [["b", "c</w>"]], end_of_word_suffix="</w>", unk_token="<unk>"),
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}}, ["a bc", "abc zz"])
    prefix = {"<unk>": 0, "a": 1, "##b": 2, "##c": 3, "ab": 4, "abc": 5}
    tokens("tokens-subword-prefix", "continuing_subword_prefix stands before each character but the first", {
        "tokenizer.json": document([], {"type": "Whitespace"}, None, {"type": "WordPiece", "prefix": "##", "cleanup": False}, None, prefix, [["a", "##b"], ["ab", "##c"]], continuing_subword_prefix="##", unk_token="<unk>"),
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}}, ["abc ab", "b a"])
    tokens("tokens-split-special", "split_special_tokens: special tokens in a text are text", {"tokenizer.json": document([END]), "tokenizer_config.json": {**FAST, "split_special_tokens": True}}, ["a<end>"])
    small = {"<unk>": 0, "<s>": 1, "</s>": 2, **{f"<0x{b:02X}>": 3 + b for b in range(256)}, "▁": 259, "a": 260, "b": 261, "▁a": 262}
    prepend = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    tokens("tokens-phi3-is-llama", "Phi3Tokenizer is another name of LlamaTokenizer, for models that are not of type phi3", {
        "tokenizer.json": document([added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")], None, prepend, None, None, small, [["▁", "a"]], byte_fallback=True, fuse_unk=True, unk_token="<unk>"),
        "tokenizer_config.json": {"tokenizer_class": "Phi3TokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_prefix_space": False}}, ["a b", "a</s>b", " a"])
    tokens("tokens-split-special-normalized", "split_special_tokens also splits special tokens that are looked for in the normalised text", {
        "tokenizer.json": document([END, added(257, "<TURN>", normalized=True), added(258, "<Plain>", normalized=True, special=False)], normalizer={"type": "Lowercase"}),
        "tokenizer_config.json": {**FAST, "split_special_tokens": True}}, ["a<end>", "A<TURN>b <turn>", "a<PLAIN>"])
    tokens("tokens-object-of-extras", "an object of extra_special_tokens leaves additional_special_tokens in force and model_specific_special_tokens out", {
        "tokenizer.json": document([END]), "tokenizer_config.json": {**FAST, "extra_special_tokens": {"image_token": "<image>"}, "additional_special_tokens": ["<a>", token("<b>", rstrip=True) | {"__type": "AddedToken"}],
                                                                     "model_specific_special_tokens": {"boi_token": "<boi>"}}}, ["x<image>y<a> <b>  z", "<boi><end>"])
    tokens("tokens-model-specific", "model_specific_special_tokens counts where no other key names further tokens", {
        "tokenizer.json": document([END]), "tokenizer_config.json": {**FAST, "additional_special_tokens": ["<a>"], "model_specific_special_tokens": {"boi_token": "<boi>"}}}, ["<a>x<boi><end>"])
    tokens("tokens-model-specific-beside", "model_specific_special_tokens does not count beside a key of its kind, as Gemma's boi_token", {
        "tokenizer.json": document([END]), "tokenizer_config.json": {**FAST, "boi_token": "<start>", "model_specific_special_tokens": {"boi_token": "<boi>", "eoi_token": "<eoi>"}}}, ["<start>x<boi><eoi><end>"])
    tokens("tokens-spaces-taken", "spaces that belong to the token before are not found once more as a token of spaces", {
        "tokenizer.json": document([END, added(257, "<pad>", rstrip=True), added(258, "  ", lstrip=True)]), "tokenizer_config.json": FAST}, ["<pad>  a", "a   <end>", "a    b"])
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] <u> <c> <s> the The ##y e é ##é 日 日本 <b> , . z".split(" ")
    bert = {"vocab.txt": "\n".join(words) + "\n"}
    tokens("tokens-bert-lower-case", "BertTokenizer makes letters lower case and strips accents, unless it is told otherwise", {**bert, "tokenizer_config.json": {"tokenizer_class": "BertTokenizerFast"}},
           ["The thÉy, é. 日本", "[MASK] the[MASK]", "[mask] \u0301z\x07z", ""])
    tokens("tokens-bert-as-written", "BertTokenizer with other settings, other names of its tokens, and more of them", {
        **bert, "tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False, "unk_token": "<u>", "cls_token": "<c>", "sep_token": "<s>",
                                          "mask_token": {"__type": "AddedToken", **token("<m>", lstrip=True)}, "bos_token": "<b>", "extra_special_tokens": ["<x>"], "add_bos_token": True}},
           ["The thÉy, é. 日本", "the <m>z<x> [MASK] <b>", "q" * 120])
    tokens("tokens-bert-keeps-accents", "strip_accents = false keeps accents of letters that become lower case", {
        **bert, "tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "strip_accents": False}}, ["THÉ É é The"])
    refused("tokens-electra-is-bert", "ElectraTokenizer is a name of BertTokenizer for models that are not supported", {"tokenizer.json": document([END]), "tokenizer_config.json": {"tokenizer_class": "ElectraTokenizerFast"}}, "tokenizer_class 'ElectraTokenizer' is not supported")
    refused("tokens-llama-without-pieces", "LlamaTokenizer makes no tokens of a byte-level vocab.json and merges.txt: transformers gives none, without a word", {
        "vocab.json": {**VOCAB, "ab": 256}, "merges.txt": "#version: 0.2\na b\n", "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer"}}, "LlamaTokenizer makes no tokens of vocab.json and merges.txt")
    refused("tokens-unknown-missing", "a text needs the unknown token, which the vocabulary lacks", {
        "tokenizer.json": document([], {"type": "Whitespace"}, None, None, None, {"b": 0}, unk_token="<unk>"), "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}}, "model/tokenizer.json: the unknown token '<unk>' is not in the vocabulary")
    refused("tokens-merges-damaged", "a line of merges.txt that is not two tokens", {"vocab.json": {**VOCAB, "ab": 256}, "merges.txt": "#version: 0.2\na b\nc\n", "tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer"}}, "merges.txt:3: not two tokens")
    refused("tokens-merges-unknown", "a merge whose result is no token", {"vocab.json": {**VOCAB, "ab": 256}, "merges.txt": "a b\na c\n", "tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer"}}, "merges.txt:2: a merge of tokens that vocab.json lacks: 'a c'")
    refused("tokens-class-unknown-here", "a tokenizer class of transformers that is not supported", {"tokenizer.json": document([END]), "tokenizer_config.json": {"tokenizer_class": "RobertaTokenizer"}}, "tokenizer_class 'RobertaTokenizer' is not supported")
    refused("tokens-bert-of-bpe", "BertTokenizer would take the tokens of a BPE vocabulary for words", {"tokenizer.json": document([END]), "tokenizer_config.json": {"tokenizer_class": "BertTokenizer"}}, "model/tokenizer.json: a model BPE, and BertTokenizer wants WordPiece")
    refused("tokens-vocab-txt-without-class", "vocab.txt belongs to BertTokenizer, which the files do not name", {"vocab.txt": "[UNK]\na\n"}, "model: vocab.txt belongs to BertTokenizer; the files name no class")
    refused("tokens-vocab-txt-not-text", "a line of vocab.txt that is not UTF-8", {"vocab.txt": b"[UNK]\na\n\xff\n", "tokenizer_config.json": {"tokenizer_class": "BertTokenizer"}}, "model/vocab.txt:3: not UTF-8 text")
    refused("tokens-pattern-read-otherwise", "a pattern that Oniguruma and PCRE read differently", {"tokenizer.json": document([END], {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}+"}, "behavior": "Isolated", "invert": False}), "tokenizer_config.json": FAST}, "is not supported")


def nll(path, eos):
    """Of the answer and the token that ends it, behind the default layout."""
    model = path / "model"
    shutil.copy(cases / "weights" / "llama-a.safetensors", model / "model.safetensors")
    theirs = AutoTokenizer.from_pretrained(str(model))
    net = AutoModelForCausalLM.from_pretrained(str(model), dtype=torch.float32).eval()
    (model / "model.safetensors").unlink()
    head = theirs("Q: Where? A: ")["input_ids"]
    ids = theirs("Q: Where? A: Here.")["input_ids"] + [theirs.eos_token_id if eos is None else eos]
    with torch.no_grad():
        logits = net(torch.tensor([ids])).logits[0].log_softmax(-1)
    return round(-sum(logits[i - 1, ids[i]].item() for i in range(len(head), len(ids))) / (len(ids) - len(head)), 5), len(ids) - len(head)


def piece_cases():
    """tokenizer.model alone: its control pieces are added tokens unless the config lists further ones."""
    named = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "unk_token": "<unk>"}
    for name, why, settings in (
            ("tokens-pieces-control", "control pieces of tokenizer.model are added tokens, whatever is named", {**named, "eos_token": None}),
            ("tokens-pieces-listed", "where additional_special_tokens are listed, control pieces are added tokens only by their names, with the flags of the names",
             {**named, "unk_token": None, "eos_token": token("</s>", rstrip=True) | {"__type": "AddedToken"}, "bos_token": None, "additional_special_tokens": ["<|user|>"]})):
        path = folder(name, {"tokenizer_config.json": settings}, model_type="llama")
        shutil.copy(cases.parent / "gold" / "sentencepiece" / "bpe" / "tokenizer.model", path / "model")
        theirs = AutoTokenizer.from_pretrained(str(path / "model"))
        write(path, "tokenizer files", why, [{"run": f"wagle tokenize --model model --text {quoted(t)} --json", "json": {"ids": theirs(t)["input_ids"]}} for t in ("Hi</s>  x", "a <s>b<unk>", "<|user|> a")])


def end_case(name, why, files, stops, appended, eos=None, **changes):
    path = folder(name, files, **changes)
    (path / "rows.jsonl").write_text('{"question": "Where?", "answer": "Here."}\n')
    value, n = nll(path, eos)
    write(path, "end of text", why, [
        {"run": "wagle eval --model model --data rows.jsonl --prompt 'Q: {question} A: ' --metrics nll --json --quiet --eos", "json": {"overall.nll": value, "rows.0.label_tokens": n}},
        {"run": "wagle inspect model --json", "json": {"end_of_text": appended, "stops_at": stops}}], weights=True)


def end_cases():
    two = [added(256, "<end>"), added(257, "<turn>")]
    doc = document(two)
    end_case("ends-generation-config", "generation_config.json names tokens that config.json lacks, as a list", {"tokenizer.json": doc, "tokenizer_config.json": {**FAST, "eos_token": "<turn>"}, "generation_config.json": {"eos_token_id": [257, 300]}},
             "<end> (256), <turn> (257)", "<turn> (257)", eos_token_id=256)
    end_case("ends-special-tokens-map", "special_tokens_map.json names the eos_token", {"tokenizer.json": doc, "tokenizer_config.json": {k: v for k, v in FAST.items() if k != "eos_token"}, "special_tokens_map.json": {"eos_token": token("<turn>")}},
             "<end> (256)", "<turn> (257)", eos_token_id=256)
    end_case("ends-config-alone", "a tokenizer without eos_token: the first of config.json", {"tokenizer.json": doc, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}, "generation_config.json": {"eos_token_id": None}},
             "<turn> (257), <end> (256)", "<turn> (257)", eos=257, eos_token_id=[257, 256])
    end_case("ends-class-default", "GPT2Tokenizer's own eos_token where no file names one", {"tokenizer.json": document([added(256, "<|endoftext|>"), added(257, "<turn>")]), "tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer"}},
             "<turn> (257)", "<|endoftext|> (256)", eos_token_id=257)


def generation_case():
    """Keys of generation in config.json, where older folders have them: they count where there is no generation_config.json."""
    base, path = cases / "generation-repetition-penalty", cases / "generation-keys-in-config"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(base / "model", path / "model")
    keys = json.loads((path / "model" / "generation_config.json").read_text())
    settings = json.loads((path / "model" / "config.json").read_text())
    (path / "model" / "generation_config.json").unlink()
    (path / "model" / "config.json").write_text(json.dumps({**settings, "repetition_penalty": keys["repetition_penalty"], "suppress_tokens": [97]}, indent=1))
    model = path / "model"
    shutil.copy(cases / "weights" / "llama-a.safetensors", model / "model.safetensors")
    theirs = AutoTokenizer.from_pretrained(str(model))
    net = AutoModelForCausalLM.from_pretrained(str(model), dtype=torch.float32).eval()
    (model / "model.safetensors").unlink()
    net.generation_config.suppress_tokens = None
    head = theirs("Hi there, how", return_tensors="pt")["input_ids"]
    made = net.generate(head, do_sample=False, max_new_tokens=20, pad_token_id=0)[0][head.shape[1]:].tolist()
    write(path, "end of text", "keys of generation in config.json count where there is no generation_config.json", [
        {"run": "wagle generate --model model --prompt 'Hi there, how' --max-tokens 20 --json", "stderr": ["config.json: suppress_tokens is not applied"], "json": {"text": theirs.decode(made, skip_special_tokens=True), "tokens": len(made)}},
        {"run": "echo '{}' >model/generation_config.json && wagle generate --model model --prompt 'Hi there, how' --max-tokens 20 --json", "not_stderr": ["suppress_tokens"], "python": f"json.loads(stdout)['text'] != {theirs.decode(made, skip_special_tokens=True)!r}"}], weights=True)


token_cases()
piece_cases()
end_cases()
generation_case()
