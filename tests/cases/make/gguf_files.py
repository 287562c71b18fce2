"""Writes the cases tests/cases/gguf-* and export-* that are listed here, with what llama.cpp makes of the files.

    python tests/cases/make/gguf_files.py tests/cases

Needs gguf, and cyllama for the ids and logits of llama.cpp (tests/peer/llama_judge.py)."""
import json, os, shutil, sys

import numpy as np
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "peer"))
import gguf
import llama_judge
from make_gguf import BOOL, F32, LIST, TEXT, U32, byte_vocabulary, weights, write

root = sys.argv[1]
SMALL = dict(D=16, F=24, L=1, H=2, K=2, h=8, tied=True)
IMPORT = "wagle import model.gguf --out imported --dtype f32 --force --quiet"
LOGITS = IMPORT + " && wagle logits --model imported --data rows.jsonl --out logits --quiet"
TOKENS = IMPORT + " && wagle tokenize --model imported --text \"$(cat text)\" --json"
IDS = [40, 41, 42, 60, 61, 40, 41, 70, 71, 72, 50, 51, 52, 53, 44, 45, 46, 47]
FILE = "model.gguf"


class Raw(np.ndarray):
    """Blocks of a type that numpy lacks."""


BF16_TABLE = gguf.quants.quantize(np.random.default_rng(3).standard_normal((len(byte_vocabulary()[0]), 16)).astype(np.float32),
                                  gguf.GGMLQuantizationType.BF16).view(Raw)
BF16_TABLE.kind = gguf.GGMLQuantizationType.BF16


def save(name, why, steps, judge="llama.cpp b9190", kind="gguf", files=None):
    with open(f"{root}/{name}/case.json", "w") as f:
        case = {"kind": kind, "judge": judge, "why": why} | ({"files": files} if files else {}) | {"steps": steps}
        json.dump(case, f, indent=1, ensure_ascii=False)
        f.write("\n")


def begin(name):
    shutil.rmtree(f"{root}/{name}", ignore_errors=True)
    os.makedirs(f"{root}/{name}")
    return f"{root}/{name}/"


def computed(name, why, **options):
    """The logits after IDS are llama.cpp's."""
    folder = begin(name)
    write(folder + FILE, **SMALL | options)
    with open(folder + "rows.jsonl", "w") as f:
        f.write(json.dumps({"input_ids": IDS}) + "\n")
    row = llama_judge.compute(folder + FILE, [], IDS)[1]
    save(name, why, [{"run": LOGITS, "logits": {"file": "logits", "tensor": "logits.0", "tolerance": 2e-4,
                                                 "last_row": [round(float(x), 5) for x in row[:12]]}}])


def cut(name, why, text, **options):
    """The ids of the text are llama.cpp's."""
    folder = begin(name)
    write(folder + FILE, **SMALL | options)
    with open(folder + "text", "w") as f:
        f.write(text)
    ids = llama_judge.compute(folder + FILE, [text], IDS)[0][0]
    save(name, why, [{"run": TOKENS, "json": {"ids": ids}}])


def refused(name, why, names, **options):
    folder = begin(name)
    write(folder + FILE, **SMALL | options)
    save(name, why, [{"run": IMPORT, "rc": 3, "stderr": names, "stderr_lines": 1, "missing_files": ["imported"]}])


def imports():
    computed("gguf-scale-linear", "the older key rope.scale_linear divides positions too",
             keys={"ARCH.rope.scale_linear": (F32, 4.0)})
    computed("gguf-yarn", "YaRN with attn_factor: frequencies and the scale of cosines are llama.cpp's",
             keys={"ARCH.rope.scaling.type": (TEXT, "yarn"), "ARCH.rope.scaling.factor": (F32, 4.0),
                   "ARCH.rope.scaling.original_context_length": (U32, 8), "ARCH.rope.scaling.attn_factor": (F32, 0.7)})
    lists = {"rope_factors_short.weight": np.array([1, 1.1, 1.5, 2], np.float32),
             "rope_factors_long.weight": np.array([1, 2, 3, 4], np.float32)}
    computed("gguf-longrope", "Phi 3's factor tensors and attn_factor are used", arch="phi3", tensors=lists,
             keys={"ARCH.rope.scaling.type": (TEXT, "longrope"), "ARCH.rope.scaling.attn_factor": (F32, 1.19)})
    computed("gguf-window-of-llama", "llama.cpp's llama has no window, and ignores the key",
             keys={"ARCH.attention.sliding_window": (U32, 3)})
    computed("gguf-type-none", "scaling type none: the factor is not applied",
             keys={"ARCH.rope.scaling.type": (TEXT, "none"), "ARCH.rope.scaling.factor": (F32, 4.0)})
    raw = np.random.default_rng(7).integers(0, 256, (32, 18), dtype=np.uint8)
    raw[:, :2] = np.full((32, 1), 0.004, np.float16).view(np.uint8)
    packed = {"blk.0.attn_output.weight": Blocks(raw, "IQ4_NL"), "blk.0.attn_v.weight": Blocks(raw[:, 1:] % 128, "MXFP4")}
    folder, more = begin("gguf-iq4-nl"), SMALL | dict(D=32, h=16)
    write(folder + FILE, **more | dict(tensors=packed))
    write(folder + "plain.gguf", **more | dict(tensors={name: gguf.quants.dequantize(np.asarray(t), t.kind)
                                                        for name, t in packed.items()}))
    save("gguf-iq4-nl", "IQ4_NL and MXFP4 are unpacked by their tables, as gguf-py does", [
        {"run": IMPORT + " && wagle import plain.gguf --out plain --dtype f32 --quiet",
         "same_files": [["imported/model.safetensors", "plain/model.safetensors"]]}], judge="gguf-py")
    cut("gguf-no-pre", "a file without tokenizer.ggml.pre is cut by llama.cpp's default, which is not GPT-2's",
        "a+b == 1234567, (x).", drop=["tokenizer.ggml.pre"], vocabulary=byte_vocabulary(texts=["+b == 1234567,", ", (x)."]))
    cut("gguf-pre-tekken", "pre-tokenizer tekken adds bos, and takes a word that is a token whole", "HelloWorld 42 the",
        pre="tekken")
    cut("gguf-add-eos", "add_eos_token is obeyed, in SentencePiece vocabularies too", "Hi the end", model="llama",
        keys={"tokenizer.ggml.add_eos_token": (BOOL, True), "tokenizer.ggml.add_bos_token": (BOOL, False)})
    tokens, types, merges, ids = byte_vocabulary(("<s>", "<end>", "<|im_end|>"))
    types[ids["<|im_end|>"]] = 1
    cut("gguf-control-by-text", "llama.cpp makes a token with the text <|im_end|> a control token", "x<|im_end|>y",
        vocabulary=(tokens, types, merges, ids))
    folder = begin("gguf-eot-token")
    _, _, _, ids = write(folder + FILE, **SMALL | dict(keys={"tokenizer.ggml.eot_token_id": (U32, byte_vocabulary()[3]["<|x|>"])}))
    save("gguf-eot-token", "the end of a turn ends a generated text too",
         [{"run": IMPORT, "python": f"load('imported/generation_config.json')['eos_token_id'] == {[ids['<end>'], ids['<|x|>']]}"}])
    folder = begin("gguf-named-templates")
    write(folder + FILE, **SMALL | dict(keys={"tokenizer.chat_template": (TEXT, "{{ messages[0].content }}"),
                                              "tokenizer.chat_template.tool_use": (TEXT, "tools {{ messages[0].content }}")}))
    save("gguf-named-templates", "named chat templates are imported beside the default one", [
        {"run": IMPORT, "python": "{t['name']: t['template'] for t in load('imported/tokenizer_config.json')['chat_template']} == "
         "{'default': '{{ messages[0].content }}', 'tool_use': 'tools {{ messages[0].content }}'}"}], judge="transformers 5.24.0")
    folder = begin("gguf-as-model")
    write(folder + FILE, **SMALL)
    with open(folder + "rows.jsonl", "w") as f:
        f.write('{"text": "a b c"}\n')
    save("gguf-as-model", "a GGUF file is evaluated; where a model folder is wanted, the line says to import it first",
         [{"run": "wagle eval --model model.gguf --data rows.jsonl --quiet", "stdout": ["nll"]}] +
         [{"run": run, "rc": 3, "stderr": ["model.gguf", "import it first", "wagle import"], "stderr_lines": 1} for run in
          ("wagle tokenize --model model.gguf --text a",
           "wagle finetune --model model.gguf --data rows.jsonl --out out --quiet")], judge="issue")


def mixtures():
    some = dict(X=3, FX=32, FS=16, tied=False)
    computed("gguf-mixtral", "experts of a layer are one tensor; their weights sum to one", **some)
    computed("gguf-olmoe", "the weights of experts do not sum to one", arch="olmoe", **some)
    computed("gguf-qwen2moe", "a shared expert, multiplied by a sigmoid", arch="qwen2moe", **some)
    computed("gguf-qwen3moe", "experts that have a width of their own", arch="qwen3moe", **some)
    computed("gguf-llama4", "what an expert reads is multiplied; a layer without positions; gate and up are one matrix in the folder",
             arch="llama4", **some | dict(L=4))


def refusals():
    refused("gguf-part-of-a-head", "only a part of each head turns, which transformers' Qwen 3 cannot do",
            ["qwen3.rope.dimension_count"], arch="qwen3", keys={"ARCH.rope.dimension_count": (U32, 4)})
    refused("gguf-unknown-key", "a key of the architecture that is not known is not passed over", ["llama.attention.new_thing"],
            keys={"ARCH.attention.new_thing": (F32, 1.0)})
    refused("gguf-cap-of-llama", "a cap of logits that the architecture does not have", ["llama.final_logit_softcapping"],
            keys={"ARCH.final_logit_softcapping": (F32, 30.0)})
    refused("gguf-experts", "experts without the number that a token uses", ["llama.expert_used_count"], X=8,
            drop=["ARCH.expert_used_count"])
    refused("gguf-charsmap", "a normalisation that is not applied is named", ["tokenizer.ggml.precompiled_charsmap"],
            model="llama", keys={"tokenizer.ggml.precompiled_charsmap": (LIST, [1, 2, 3])})
    refused("gguf-unknown-pre", "a pre-tokenizer that is not known is named", ["tokenizer.ggml.pre", "nonsense"], pre="nonsense")
    blocks = np.zeros((8, 66), np.uint8)
    refused("gguf-type-not-read", "a type that is not read is named, with those that are", ["IQ2_XXS", "Q4_K", "IQ4_NL"],
            tensors={"output.weight": Blocks(blocks, "IQ2_XXS")})
    folder = begin("gguf-big-endian")
    write(folder + "little.gguf", **SMALL)
    with open(folder + "little.gguf", "rb") as f:
        head = f.read(24)
    os.remove(folder + "little.gguf")
    with open(folder + FILE, "wb") as f:
        f.write(b"GGUF" + bytes(reversed(head[4:8])) + bytes(16))
    save("gguf-big-endian", "a big-endian file is named", [{"run": IMPORT, "rc": 3, "stderr": ["big-endian"], "stderr_lines": 1}],
         judge="gguf-py")


class Blocks(np.ndarray):
    """A tensor that is stored as blocks of a type."""
    def __new__(cls, raw, kind):
        self = np.asarray(raw).view(cls)
        self.kind = gguf.GGMLQuantizationType[kind]
        return self


EXPORT = "wagle export model --out out.gguf --type f32 --force --quiet"


def export(name, why, step, config={}, tokenizer={}, tokenizer_config={}, generation={}, files={}):
    """The folder of export-chat-template-jinja with keys changed; `files` are written as they are."""
    folder = begin(name)
    base = f"{root}/export-chat-template-jinja/model/"
    os.makedirs(folder + "model")
    for file, change in (("config.json", config), ("tokenizer.json", tokenizer), ("tokenizer_config.json", tokenizer_config),
                         ("generation_config.json", generation)):
        with open(base + file) as f:
            content = json.load(f) | change
        with open(f"{folder}model/{file}", "w") as f:
            json.dump(content, f, indent=1, ensure_ascii=False)
    for file, text in files.items():
        os.makedirs(os.path.dirname(f"{folder}model/{file}"), exist_ok=True)
        with open(f"{folder}model/{file}", "w") as f:
            f.write(text)
    save(name, why, [{"run": EXPORT} | step], judge="gguf-py", kind="export",
         files={"model/model.safetensors": "weights/llama-a.safetensors"})


def added(*texts, **flags):
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return [{"id": 256 + i, "content": text} | plain | flags for i, text in enumerate(texts)]


def exports():
    has = lambda lacks=(), **keys: {"gguf": {"file": "out.gguf", "has": {key.replace("__", "."): value for key, value in keys.items()},
                                             "lacks": list(lacks)}}
    no = lambda *names: {"rc": 3, "stderr": list(names), "stderr_lines": 1, "missing_files": ["out.gguf"]}
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<end>", "type_id": 0}},
                                                         {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [], "special_tokens": {"<end>": {"id": "<end>", "ids": [256], "tokens": ["<end>"]}}}
    export("export-post-processor", "bos comes from tokenizer.json's post-processor alone",
           has(tokenizer__ggml__add_bos_token=True, tokenizer__ggml__add_eos_token=False, tokenizer__ggml__bos_token_id=256),
           tokenizer={"post_processor": template})
    export("export-generation-eos", "generation_config.json's second end of text is written as eot",
           has(tokenizer__ggml__eos_token_id=256, tokenizer__ggml__eot_token_id=257),
           tokenizer={"added_tokens": added("<end>", "<turn>")}, generation={"eos_token_id": [256, 257]})
    export("export-named-templates", "templates in files of their own, named ones too",
           has(tokenizer__chat_template="{{ 1 }}", tokenizer__chat_template__tool_use="{{ 2 }}"),
           files={"chat_template.jinja": "{{ 1 }}", "additional_chat_templates/tool_use.jinja": "{{ 2 }}"},
           tokenizer_config={"chat_template": "{{ 3 }}"})
    export("export-rope-linear", "linear scaling of positions is written",
           has(llama__rope__scaling__type="linear", llama__rope__scaling__factor=2.5),
           config={"rope_parameters": {"rope_theta": 10000.0, "rope_type": "linear", "factor": 2.5}})
    export("export-nfc", "llama.cpp's gpt-2 pre-tokenizer has no NFC", no("NFC"), tokenizer={"normalizer": {"type": "NFC"}})
    export("export-prefix-space", "llama.cpp has no prefix space for byte-level vocabularies", no("add_prefix_space"),
           tokenizer={"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}})
    export("export-split", "a pre-tokenizer that llama.cpp has no name for is named", no("pre-tokenizer"),
           tokenizer={"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
               {"type": "Split", "pattern": {"Regex": "[aeiou]+"}, "behavior": "Isolated", "invert": False},
               {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]}})
    export("export-hidden-act", "llama.cpp's llama has silu alone", no("hidden_act"), config={"hidden_act": "gelu"})
    export("export-lstrip", "an added token that swallows the spaces before it has no place in GGUF", no("lstrip"),
           tokenizer={"added_tokens": added("<end>", lstrip=True)})


def types():
    """Without --dtype the import keeps the type of the file's matrices: logits are those of an import to float32.
    Norms are float32 in every GGUF file; here they are numbers that 16 bits hold, as in files of 16-bit models."""
    size = [SMALL[key] for key in "DFLHKh"] + [SMALL["h"]]
    norms = {name: (value * 64).round() / 64 for name, value in weights("llama", size, 1, True, 0).items() if value.ndim == 1}
    for name, dtype, options in (("f32", "float32", {}), ("f16", "float16", dict(quantise="F16")), ("bf16", "bfloat16", dict(quantise="BF16")),
                                 ("of-two-types", "float32", dict(quantise="F16", tensors={"token_embd.weight": BF16_TABLE}))):
        folder = begin("gguf-keeps-" + name)
        write(folder + FILE, **SMALL | options | {"tensors": norms | options.get("tensors", {})})
        with open(folder + "rows.jsonl", "w") as f:
            f.write(json.dumps({"input_ids": IDS}) + "\n")
        logits = " && wagle logits --model MODEL --data rows.jsonl --out MODEL.logits --quiet"
        save("gguf-keeps-" + name, "an import without --dtype keeps the file's numbers", [
            {"run": "wagle import model.gguf --out a --quiet" + logits.replace("MODEL", "a"),
             "python": f"json.load(open(path('a/config.json')))['dtype'] == '{dtype}'"},
            {"run": "wagle import model.gguf --out b --dtype f32 --quiet" + logits.replace("MODEL", "b"),
             "same_files": [["a.logits", "b.logits"]]},
            {"run": "wagle export a --out back.gguf --quiet", "gguf": {"file": "back.gguf", "lacks": [], "has": {
                "general.file_type": {"float32": 0, "float16": 1, "bfloat16": 32}[dtype]}}}], judge="wagle --dtype f32")
    folder = begin("gguf-beyond-float16")
    large = weights("llama", size, len(byte_vocabulary()[0]), True, 0)["token_embd.weight"]
    large[300, 3] = 1e5
    write(folder + FILE, **SMALL | {"tensors": {"token_embd.weight": large}})
    no = {"rc": 3, "stderr_lines": 1}
    save("gguf-beyond-float16", "100000 would be infinite in float16: the tensor is named", [
        {"run": "wagle import model.gguf --out a --dtype f16 --quiet", "stderr": ["token_embd.weight", "100000", "f16"], "missing_files": ["a"]} | no,
        {"run": "wagle import model.gguf --out b --quiet && wagle export b --out back.gguf --type f16 --quiet",
         "stderr": ["model.embed_tokens.weight", "100000", "f16"], "missing_files": ["back.gguf"]} | no,
        {"run": "wagle export b --out back.gguf --quiet", "gguf": {"file": "back.gguf", "has": {"general.file_type": 0}, "lacks": []}}],
        judge="IEEE 754")
    folder = begin("gguf-quantised-as-bf16")
    write(folder + FILE, **SMALL | dict(D=32, F=32, h=16), quantise="Q8_0")
    save("gguf-quantised-as-bf16", "quantised weights are written as bf16, as `wagle help import` says", [
        {"run": "wagle import model.gguf --out a --quiet",
         "python": "json.load(open(path('a/config.json')))['dtype'] == 'bfloat16'"}], judge="wagle help import")


imports()
mixtures()
refusals()
exports()
types()
