"""Tokenizers of wagle beside transformers' AutoTokenizer, over a grid of generated folders.

    python3 tests/peer/check_tokenizers.py build/release [--keep FOLDER] [--only TEXT] [--show N]

Each folder holds a small tokenizer (components of tokenizer.json, or vocab.json with merges.txt, or
tokenizer.model), a tokenizer_config.json and its companions. For some 45 texts both encode (with and
without special tokens) and decode (special tokens kept and left out), and both name the end of text.
A folder is equal, or refused by wagle (with a line that names why), or refused by transformers, or
DIFFERENT, which ends with 1. Not needed by users."""
import argparse, collections, copy, ctypes, itertools, json, os, pathlib, random, shutil, subprocess, sys, tempfile, warnings

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false", RUST_BACKTRACE="0")
warnings.filterwarnings("ignore")
try:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import AutoTokenizer
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

here = pathlib.Path(__file__).resolve().parent
gold = here.parent / "gold"

TEXTS = [
    "", " ", "  ", "\n", "a", "A", "Hi", " Hi", "Hello world", "  two  spaces  ", "a 12345, b", "don't I'll WE'VE", "line\nline\r\n\ttab",
    "ünïcödé Ünï", "e\u0301 n\u0303 \u212b \ufb01", "日本語 テキスト。中文", "Привет, мир!", "مرحبا", "한국어 문장", "नमस्ते", "😀👍🏽 👩‍👩‍👧", "½ ² ⅷ ٣٤", "x_y-z @#$%^&*()",
    "<s>", "</s>", "a<s>b", "a <s> b", "<pad><unk>", "<x>", "a<x>b <x>", "<|endoftext|>", "a<|endoftext|>b", " <mask> ", "x <mask>  y", "aWORDb WORD", "Day day DAY", "<end>Hi<end>",
    "a\u00a0b\u2003c\u200bd\u2028e", "\u0000a\u0001b\u007f\u0085c", "zzzz qqqq", "the the the", "▁a ▁ a", "Ġa", "<0x41>", "<new>x<new2>", "tab\u3000ideographic", "I am a \u180e test", "... --- !!! ?", "C:\\a\\b https://x.y/?z=1",
    "3.14 1,000 v2", "\ufeffbom", "a" * 70, "ß straße İ ı", "<image>a<im_end>", "it 's n't ( ) .", "end. \n\n New"]


# --- wagle through its C interface -----------------------------------------------------------------
class Wagle:
    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.c.wagle_message.restype = ctypes.c_char_p
        self.ctx = ctypes.c_void_p()
        assert self.c.wagle_ctx_new(ctypes.byref(self.ctx)) == 0

    def message(self):
        return self.c.wagle_message(self.ctx).decode("utf-8", "replace")

    def open(self, folder):
        t = ctypes.c_void_p()
        status = self.c.wagle_tokenizer_open(self.ctx, str(folder).encode(), ctypes.byref(t))
        return t if status == 0 else None

    def encode(self, t, text, special):
        data, ids, n = text.encode("utf-8"), ctypes.POINTER(ctypes.c_int32)(), ctypes.c_int64()
        status = self.c.wagle_encode(self.ctx, t, data, ctypes.c_size_t(len(data)), ctypes.c_bool(special), ctypes.byref(ids), ctypes.byref(n))
        if status != 0:
            return "refused: " + self.message()
        out = ids[:n.value]
        self.c.wagle_ids_free(ids)
        return out

    def decode(self, t, ids, skip):
        array, text, n = (ctypes.c_int32 * max(1, len(ids)))(*ids), ctypes.c_void_p(), ctypes.c_size_t()
        status = self.c.wagle_decode(self.ctx, t, array, ctypes.c_int64(len(ids)), ctypes.c_bool(skip), ctypes.byref(text), ctypes.byref(n))
        if status != 0:
            return "refused: " + self.message()
        out = ctypes.string_at(text, n.value).decode("utf-8", "replace")
        self.c.wagle_string_free(text)
        return out

    def close(self, t):
        self.c.wagle_tokenizer_free(t)


# --- what folders are made of ----------------------------------------------------------------------
def added(content, id, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


def token(content, **flags):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


def corpus():
    r = random.Random(1)
    words = ("the a of and Hi Hello world day line question answer don't we've model weight forget retain 12 345 1999 text x_y e.g. café naïve "
             "über straße мир привет 日本 語 한국 end. new (this) that! what? day's").split()
    for _ in range(1500):
        yield " ".join(r.choice(words) for _ in range(r.randrange(3, 12)))


def train(model, trainer, pre=None, normalizer=None):
    t = Tokenizer(model)
    if pre is not None:
        t.pre_tokenizer = pre
    if normalizer is not None:
        t.normalizer = normalizer
    t.train_from_iterator(corpus(), trainer)
    return json.loads(t.to_str())["model"]


def make_models():
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    quiet = {"show_progress": False}
    byte = train(models.BPE(), trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, **quiet), pre_tokenizers.ByteLevel(add_prefix_space=False))
    pieces = train(models.BPE(), trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)], **quiet),
                   pre_tokenizers.Metaspace())
    chars = train(models.BPE(unk_token="<unk>"), trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], limit_alphabet=40, **quiet), pre_tokenizers.Whitespace())
    suffix = train(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], end_of_word_suffix="</w>", **quiet),
                   pre_tokenizers.Whitespace())
    prefix = train(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"),
                   trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], continuing_subword_prefix="##", **quiet), pre_tokenizers.Whitespace())
    unigram = train(models.Unigram(), trainers.UnigramTrainer(vocab_size=300, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", **quiet), pre_tokenizers.Metaspace())
    piece = train(models.WordPiece(unk_token="<unk>"), trainers.WordPieceTrainer(vocab_size=300, special_tokens=["<unk>"], **quiet), pre_tokenizers.Whitespace())
    word = train(models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=300, special_tokens=["<unk>"], **quiet), pre_tokenizers.Whitespace())
    return {"byte": byte, "pieces": {**pieces, "byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}, "pieces-unfused": {**pieces, "unk_token": "<unk>"},
            "chars": chars, "chars-fused": {**chars, "fuse_unk": True}, "chars-no-unk": {**chars, "unk_token": None}, "suffix": suffix, "prefix": prefix,
            "byte-ignore-merges": {**byte, "ignore_merges": True}, "byte-fallback": {**byte, "byte_fallback": True}, "byte-unk": {**byte, "unk_token": "Ġ", "fuse_unk": True},
            "byte-gap": {**byte, "vocab": {k: v for k, v in byte["vocab"].items() if k not in ("é", "Ã", "q", "à")}, "merges": [m for m in byte["merges"] if not set("éÃqà") & set("".join(m))], "unk_token": "!"},
            "byte-suffix": {**byte, "end_of_word_suffix": ""}, "unknown-unk": {**chars, "unk_token": "<nowhere>"},
            "dropout": {**byte, "dropout": 0.0}, "unigram": unigram, "unigram-bytes": {**unigram, "byte_fallback": True}, "wordpiece": piece,
            "wordpiece-short": {**piece, "max_input_chars_per_word": 4}, "wordlevel": word}


BL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
BLN = {**BL, "use_regex": False}
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def split(pattern, behavior="Isolated", invert=False, string=False):
    return {"type": "Split", "pattern": {"String" if string else "Regex": pattern}, "behavior": behavior, "invert": invert}


def seq(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def meta(scheme="always", split=True):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}


FALCON = seq({"type": "Punctuation", "behavior": "Contiguous"}, BL, {"type": "Digits", "individual_digits": False}, split("[0-9][0-9][0-9]"))
PRE = {
    "none": None, "byte": BL, "byte-prefix": {**BL, "add_prefix_space": True}, "byte-plain": BLN, "falcon": FALCON, "gpt4": seq(split(GPT4), BLN),
    "smollm": seq({"type": "Digits", "individual_digits": True}, BL), "whitespace": {"type": "Whitespace"}, "spaces": {"type": "WhitespaceSplit"},
    **{f"punct-{b}": {"type": "Punctuation", "behavior": b} for b in ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous")},
    **{f"split-{b}-{i}": split(r"[ei]+|\d", b, i) for b in ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous") for i in (False, True)},
    "split-string": split(" ", "MergedWithPrevious", False, True), "split-look": split(r"(?=[A-Z])"), "split-empty": split("x*"), "split-line": split(r"^.|\s+$", "Isolated"),
    "split-empty-next": split("(?=e)|a", "MergedWithNext"), "digits": {"type": "Digits", "individual_digits": False}, "bert": {"type": "BertPreTokenizer"},
    "delimiter": {"type": "CharDelimiterSplit", "delimiter": "-"}, "length": {"type": "FixedLength", "length": 3}, "scripts": {"type": "UnicodeScripts"},
    "meta": meta(), "meta-first": meta("first"), "meta-never": meta("never"), "meta-whole": meta("always", False), "meta-first-whole": meta("first", False),
    "nested": seq(seq({"type": "WhitespaceSplit"}, seq(meta("first", False))), BLN), "byte-twice": seq(BL, BL), "spaces-meta": seq({"type": "WhitespaceSplit"}, meta()),
    "digits-meta": seq({"type": "Digits", "individual_digits": True}, meta("first")), "byte-then-digits": seq(BL, {"type": "Digits", "individual_digits": True}),
    "byte-then-spaces": seq(BLN, split("Ġ", "MergedWithNext", False, True)), "deepseek": seq(split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(r"[一-龥ࠀ-一가-퟿]+"), {"type": "Digits", "individual_digits": True}, BLN),
    "possessive": split(r"\p{N}{1,3}+|\s++"), "class-set": split(r"[a-z&&[^aeiou]]"), "hex": split(r"\h+")}


def norms(*parts):
    return {"type": "Sequence", "normalizers": list(parts)}


REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
NORMAL = {
    "none": None, "nfc": {"type": "NFC"}, "nfd": {"type": "NFD"}, "nfkc": {"type": "NFKC"}, "nfkd": {"type": "NFKD"}, "lower": {"type": "Lowercase"},
    "llama": norms({"type": "Prepend", "prepend": "▁"}, REPLACE), "replace": REPLACE, "regex": {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
    "regex-empty": {"type": "Replace", "pattern": {"Regex": "x*"}, "content": "-"}, "strip": {"type": "Strip", "strip_left": True, "strip_right": True},
    "strip-left": {"type": "Strip", "strip_left": True, "strip_right": False}, "accents": norms({"type": "NFD"}, {"type": "StripAccents"}),
    "bert": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
    "bert-cased": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": False, "strip_accents": True, "lowercase": False},
    "bert-raw": {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": True, "strip_accents": False, "lowercase": False},
    "nmt": {"type": "Nmt"}, "byte": {"type": "ByteLevel"}, "nested": norms(norms({"type": "NFKC"}), norms({"type": "Lowercase"}, {"type": "Strip", "strip_left": False, "strip_right": True})),
    "anchors": {"type": "Replace", "pattern": {"Regex": r"\A +| +\z"}, "content": ""}}


def decs(*parts):
    return {"type": "Sequence", "decoders": list(parts)}


DECODE = {
    "none": None, "byte": BL, "wordpiece": {"type": "WordPiece", "prefix": "##", "cleanup": True}, "wordpiece-raw": {"type": "WordPiece", "prefix": "##", "cleanup": False},
    "bpe": {"type": "BPEDecoder", "suffix": "</w>"}, "meta": meta(), "meta-never": meta("never"),
    "llama": decs({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}),
    "fuse": {"type": "Fuse"}, "regex": decs({"type": "Replace", "pattern": {"Regex": "[aeiou]"}, "content": "*"}), "byte-last": decs({"type": "Replace", "pattern": {"String": "Ġ"}, "content": "Ġ"}, BL),
    "byte-strip": decs(BL, {"type": "Strip", "content": " ", "start": 2, "stop": 0}), "ctc": {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True}}


def template(single, ids):
    pieces = [{"Sequence": {"id": "A", "type_id": 0}} if p == "$A" else {"SpecialToken": {"id": p, "type_id": 0}} for p in single]
    return {"type": "TemplateProcessing", "single": pieces, "pair": pieces + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {p: {"id": p, "ids": ids[p], "tokens": [p] * len(ids[p])} for p in single if p != "$A"}}


POST = {
    "none": None, "byte": BL, "bos": template(["<s>", "$A"], {"<s>": [1]}), "both": template(["<s>", "$A", "</s>"], {"<s>": [1], "</s>": [2]}),
    "several": template(["<s>", "$A"], {"<s>": [1, 2, 1]}), "roberta": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1], "trim_offsets": True, "add_prefix_space": False},
    "bert": {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]},
    "sequence": {"type": "Sequence", "processors": [{**BL, "trim_offsets": False}, template(["<s>", "$A"], {"<s>": [1]})]},
    "two": {"type": "Sequence", "processors": [template(["<s>", "$A"], {"<s>": [1]}), template(["$A", "</s>"], {"</s>": [2]})]}}


def document(model, pre=None, normalizer=None, decoder=None, post=None, tokens=(), **more):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(tokens), "normalizer": normalizer, "pre_tokenizer": pre, "post_processor": post,
            "decoder": decoder, "model": model, **more}


def usual_tokens(model):
    n = len(model["vocab"])
    ids = {t: i for i, t in enumerate(model["vocab"])} if isinstance(model["vocab"], dict) else {}
    names = [("<s>", {}), ("</s>", {}), ("<mask>", {"lstrip": True}), ("WORD", {"single_word": True, "special": False}), ("Day", {"normalized": True, "special": False}), ("<end>", {"rstrip": True})]
    out = []
    for name, flags in names:
        at = model["vocab"][name] if isinstance(model["vocab"], dict) and name in model["vocab"] else n
        n += at == n
        out.append(added(name, at, **flags))
    return out


FAST = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}


def component_folders(kinds):
    r = random.Random(7)
    natural = {"byte": ("byte", "byte"), "pieces": ("meta-first-whole", "llama"), "chars": ("whitespace", "none"), "suffix": ("whitespace", "bpe"), "prefix": ("whitespace", "wordpiece"),
               "unigram": ("meta", "meta"), "wordpiece": ("bert", "wordpiece"), "wordlevel": ("whitespace", "none")}

    def make(name, kind, pre, normal, decode, post):
        model = kinds[kind]
        return name, {"tokenizer.json": document(model, PRE[pre], NORMAL[normal], DECODE[decode], POST[post], usual_tokens(model)), "tokenizer_config.json": FAST}

    def home(kind):
        return natural[max((n for n in natural if kind.startswith(n)), key=len, default="chars")]

    for kind in kinds:
        yield make(f"model-{kind}", kind, home(kind)[0], "none", home(kind)[1], "none")
        yield make(f"model-{kind}-none", kind, "none", "none", "none", "both")
    for pre in PRE:
        for kind in ("byte", "pieces", "chars"):
            yield make(f"pre-{pre}-{kind}", kind, pre, "none", home(kind)[1], "none")
    for normal in NORMAL:
        for kind in ("byte", "pieces", "unigram"):
            yield make(f"normal-{normal}-{kind}", kind, home(kind)[0], normal, home(kind)[1], "none")
    for decode in DECODE:
        for kind in ("byte", "pieces", "suffix", "wordpiece"):
            yield make(f"decode-{decode}-{kind}", kind, home(kind)[0], "none", decode, "none")
    for post in POST:
        yield make(f"post-{post}", "byte", "byte", "none", "byte", post)
    for k in range(120):
        kind = r.choice(list(kinds))
        yield make(f"mixed-{k}", kind, r.choice(list(PRE)), r.choice(list(NORMAL)), r.choice(list(DECODE)), r.choice(list(POST)))


CLASSES = ["PreTrainedTokenizerFast", "LlamaTokenizer", "LlamaTokenizerFast", "CodeLlamaTokenizer", "GPT2Tokenizer", "GPT2TokenizerFast", "GPTNeoXTokenizerFast", "Qwen2Tokenizer",
           "Qwen2TokenizerFast", "GemmaTokenizer", "GemmaTokenizerFast", "CohereTokenizerFast", "CodeGenTokenizer", "Qwen3_5Tokenizer", "TokenizersBackend", "NoSuchTokenizer", None]
TYPES = ["llama", "llama", "llama", "gpt2", "gpt_neox", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "mistral", "olmo2", "opt", "phi", "phi3", "stablelm", "falcon"]
NAMED = [{}, {"bos_token": "<s>", "eos_token": "</s>"}, {"bos_token": None, "eos_token": "<end>", "unk_token": None}, {"eos_token": {**token("</s>", lstrip=True), "__type": "AddedToken"}, "bos_token": "<s>"},
         {"pad_token": "<pad>", "eos_token": "<end>"}, {"unk_token": "<unk>", "pad_token": "<new>", "mask_token": {**token("<mask>", lstrip=True), "__type": "AddedToken"}},
         {"bos_token": "<new>", "eos_token": "<new2>", "cls_token": "<s>", "sep_token": "</s>"}, {"eos_token": "<end>", "image_token": "<image>"}]
MORE = [{}, {"additional_special_tokens": ["<x>", "<new>"]}, {"extra_special_tokens": ["<x>", "</s>"]}, {"extra_special_tokens": {"image_token": "<image>", "end_token": "<im_end>"}},
        {"additional_special_tokens": [{**token("<x>", rstrip=True), "__type": "AddedToken"}]}, {"additional_special_tokens": ["<x>"], "extra_special_tokens": []},
        {"added_tokens_decoder": {"700": token("<x>"), "701": token("WORD", single_word=True, special=False)}}, {"added_tokens_decoder": {"3": token("<x>", special=False, normalized=True)}},
        {"added_tokens_decoder": {}}, {"added_tokens_decoder": {"612": token("<new2>"), "611": token("<new>"), "610": token("<end>", lstrip=True)}}]
FLAGS = [{}, {"add_prefix_space": True}, {"add_prefix_space": False}, {"add_prefix_space": None}, {"add_bos_token": True}, {"add_bos_token": True, "add_eos_token": True},
         {"add_bos_token": False}, {"legacy": True}, {"legacy": False}, {"split_special_tokens": True}, {"clean_up_tokenization_spaces": True}, {"model_max_length": 5},
         {"clean_up_tokenization_spaces": True, "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": True}, {"padding_side": "left", "truncation_side": "left"}]
FILES = [{}, {"special_tokens_map.json": {"eos_token": "<end>", "pad_token": {**token("<pad>")}}}, {"added_tokens.json": {"<x>": 700, "<new>": 650}},
         {"special_tokens_map.json": {"additional_special_tokens": ["<x>", "<new>"], "bos_token": "<s>"}, "added_tokens.json": {"<x>": 620}}]
PADS = [{}, {}, {"padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"}},
        {"truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}}]


def configured(r, class_name):
    config = {**r.choice(NAMED), **r.choice(MORE), **r.choice(FLAGS)}
    if class_name is not None:
        config["tokenizer_class"] = class_name
    return config


def class_folders(kinds):
    r = random.Random(11)
    bases = {"byte": document(kinds["byte"], BL, None, BL, POST["bos"], usual_tokens(kinds["byte"])), "byte-plain": document(kinds["byte"], BL, None, BL),
             "pieces": document(kinds["pieces"], None, NORMAL["llama"], DECODE["llama"], POST["bos"], usual_tokens(kinds["pieces"])),
             "unigram": document(kinds["unigram"], PRE["meta"], None, DECODE["meta"], POST["both"], usual_tokens(kinds["unigram"])),
             "gaps": document(kinds["byte"], BL, None, BL, None, [added("<end>", 900), added("<s>", 950, special=False, normalized=True)]),
             "wordpiece": document(kinds["wordpiece"], PRE["bert"], NORMAL["bert"], DECODE["wordpiece"], None, usual_tokens(kinds["wordpiece"]))}
    k = 0
    for class_name in CLASSES:
        for base in ("byte", "byte-plain", "pieces", "gaps", "unigram", "wordpiece"):
            for _ in range(1 if base in ("unigram", "wordpiece") else 4):
                doc = copy.deepcopy(bases[base])
                doc.update(r.choice(PADS))
                k += 1
                yield f"class-{k}-{class_name}-{base}", {"tokenizer.json": doc, "tokenizer_config.json": configured(r, class_name), "config.json": {"model_type": r.choice(TYPES)}, **r.choice(FILES)}


def older_folders(kinds):
    r = random.Random(13)
    lines = [" ".join(m) if isinstance(m, list) else m for m in kinds["byte"]["merges"]]
    k = 0
    for class_name in ("GPT2Tokenizer", "GPT2TokenizerFast", "Qwen2Tokenizer", "GPTNeoXTokenizer", "CodeGenTokenizer", "CohereTokenizer", None):
        for model_type in ("opt", "gpt2", "qwen3", "phi"):
            head = r.choice(["", "#version: 0.2\n"])
            k += 1
            yield f"older-{k}-{class_name}-{model_type}", {"vocab.json": kinds["byte"]["vocab"], "merges.txt": head + "\n".join(lines) + r.choice(["", "\n"]),
                                                           "tokenizer_config.json": configured(r, class_name), "config.json": {"model_type": model_type}, **r.choice(FILES)}
    for class_name in ("LlamaTokenizer", "GemmaTokenizer", "PreTrainedTokenizerFast", None):
        for which in ("bpe", "unigram"):
            for flags in ({}, {"add_bos_token": True, "add_eos_token": True}, {"legacy": False}):
                k += 1
                yield f"older-{k}-{class_name}-{which}", {"tokenizer.model": gold / "sentencepiece" / which / "tokenizer.model",
                                                          "tokenizer_config.json": {**flags, **({"tokenizer_class": class_name} if class_name else {})}, "config.json": {"model_type": "llama"}}


MODEL = {"model_type": "llama", "vocab_size": 264, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": 8, "max_position_embeddings": 512}


def write(folder, files):
    folder.mkdir(parents=True)
    files = {"config.json": {"model_type": "llama"}, **files}
    if files["config.json"]["model_type"] == "llama":  # a whole model, whose end of text `wagle inspect` names
        files["config.json"], files["model.safetensors"] = MODEL, here.parent / "cases" / "weights" / "llama-a.safetensors"
    for name, content in files.items():
        if isinstance(content, pathlib.Path):
            shutil.copy(content, folder / name)
        else:
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


reasons = collections.Counter()  # of texts that wagle alone refuses


# --- the comparison --------------------------------------------------------------------------------
def end_of_text(command, folder):
    """Id that `wagle inspect` names, -1 if none; None if the folder is no whole model."""
    if not (folder / "model.safetensors").exists():
        return None
    facts = json.loads(subprocess.run([command, "inspect", str(folder), "--json"], check=True, capture_output=True).stdout)
    return -1 if facts["end_of_text"] == "none" else int(facts["end_of_text"].rsplit("(", 1)[1].rstrip(")"))


def differences(wagle, theirs, ours, end):
    """(texts that differ, texts that wagle refuses)"""
    bad, refused = [], 0
    for text in TEXTS:
        for special in (True, False):
            try:
                want = theirs(text, add_special_tokens=special)["input_ids"]
            except BaseException as e:  # a panic of the Rust library is no Exception
                want = f"fails: {e}"
            got = wagle.encode(ours, text, special)
            if isinstance(got, str) and not isinstance(want, str):
                refused += 1
                reasons[got] += 1
            if isinstance(got, str) or isinstance(want, str):
                continue
            if got != want:
                bad.append((text, special, "ids", got, want))
                continue
            for skip in (False, True):
                try:
                    want_text = theirs.decode(want, skip_special_tokens=skip)
                except BaseException as e:
                    continue
                got_text = wagle.decode(ours, want, skip)
                if got_text != want_text:
                    bad.append((text, special, f"decode skip={skip}", got_text, want_text))
    want = theirs.eos_token_id if theirs.eos_token is not None else -1
    if end is not None and end != want:
        bad.append(("", False, "end of text", end, want))
    return bad, refused


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--keep")
    p.add_argument("--only", default="")
    p.add_argument("--show", type=int, default=2)
    a = p.parse_args()
    wagle, command = Wagle(os.path.abspath(a.build + "/libwagle.so")), os.path.abspath(a.build + "/wagle")
    kinds = make_models()
    counts, refusals = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as work:
        root = pathlib.Path(a.keep or work)
        for name, files in itertools.chain(component_folders(kinds), class_folders(kinds), older_folders(kinds)):
            if a.only not in name:
                continue
            folder = root / name.replace("/", "_")
            shutil.rmtree(folder, ignore_errors=True)
            write(folder, files)
            part = name.split("-")[0]
            ours = wagle.open(folder)
            why = None if ours else wagle.message()
            try:
                theirs = AutoTokenizer.from_pretrained(str(folder))
            except BaseException as e:
                result = "transformers refuses" if ours else "both refuse"
                theirs = None
            if theirs is not None and ours is None:
                result = "wagle refuses"
                refusals[why.split("/")[-1]] += 1
            elif theirs is not None:
                bad, refused = differences(wagle, theirs, ours, end_of_text(command, folder))
                result = "DIFFERENT" if bad else "equal" if not refused else "equal, some texts refused"
                if bad:
                    print(f"{name} ({type(theirs).__name__}): {len(bad)} differences")
                    for one in bad[:a.show]:
                        print("   ", *map(repr, one))
            if ours:
                wagle.close(ours)
            counts[part, result] += 1
            counts["all", result] += 1
    print(f"{len(TEXTS)} texts")
    for (part, result), n in sorted(counts.items()):
        print(f"{part:10} {result:28} {n}")
    for why, n in reasons.most_common():
        print(f"  texts ({n}): {why}")
    for why, n in refusals.most_common():
        print(f"  wagle refuses ({n}): {why}")
    return 1 if counts["all", "DIFFERENT"] else 0


if __name__ == "__main__":
    sys.exit(main())
