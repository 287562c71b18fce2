"""`wagle export --type KIND` writes the types and bytes that llama.cpp's quantiser writes, for tiny files and a real model.

    python3 tests/peer/check_quantised.py build/release/wagle [MODEL_FOLDER]

MODEL_FOLDER: an imported SmolLM2-135M, say; its logits after each type are compared with llama.cpp's too. Needs gguf and cyllama (a package that holds
llama.cpp). Exits with 77 (skipped) without them. Not needed by users."""
import os, subprocess, sys, tempfile

os.environ.update(GGML_NO_BACKTRACE="1")
try:
    import gguf
    import numpy as np
    from cyllama.llama import llama_cpp
    import llama_judge
    from make_gguf import write
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)
wagle = os.path.abspath(sys.argv[1])
real = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
TYPES = {"q8_0": 7, "q6_k": 18, "q5_k_m": 17, "q4_k_m": 15, "q4_0": 2}
WIDE = dict(D=256, F=512, h=64)
MODELS = {"llama, 16 layers": dict(L=16, **WIDE), "llama, 7 layers, tied": dict(L=7, tied=True, **WIDE), "qwen2": dict(arch="qwen2", L=9, **WIDE),
          "qwen3": dict(arch="qwen3", L=4, **WIDE), "gemma": dict(arch="gemma", L=5, **WIDE), "gemma2": dict(arch="gemma2", L=5, **WIDE),
          "phi3": dict(arch="phi3", L=8, **WIDE), "gpt2": dict(arch="gpt2", L=8, **WIDE), "rows of 96": dict(D=96, F=256, h=24, L=3),
          "80 layers, many heads a value": dict(L=80, D=256, F=256, h=64),
          "Mixtral": dict(L=16, X=8, **WIDE), "Mixtral, 5 experts": dict(L=7, X=5, **WIDE), "olmoe": dict(arch="olmoe", L=8, **WIDE),
          "qwen2moe": dict(arch="qwen2moe", L=8, X=8, FX=256, FS=512, **WIDE), "qwen3moe": dict(arch="qwen3moe", L=8, FX=256, **WIDE),
          "llama4": dict(arch="llama4", L=8, FX=256, **WIDE), "experts with rows of 96": dict(arch="qwen3moe", L=3, FX=96, **WIDE)}


def run(*command):
    done = subprocess.run([wagle, *command, "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def quantised(path, number):
    """path.made: what llama.cpp makes of a file; None: it refuses."""
    options = llama_cpp.LlamaModelQuantizeParams()
    options.ftype, options.nthread = number, 2
    try:
        llama_cpp.model_quantize(path, path + ".made", options)
    except RuntimeError:
        return None
    return path + ".made"


def tensors(path):
    return {t.name: (t.tensor_type.name, np.array(t.data)) for t in gguf.GGUFReader(path).tensors}


def differences(ours, theirs):
    a, b = tensors(ours), tensors(theirs)
    wrong = [f"{name} is {a[name][0]}, llama.cpp's {kind}" if a[name][0] != kind else f"{name} ({kind}) has other bytes"
             for name, (kind, data) in b.items() if a[name][0] != kind or not np.array_equal(a[name][1].view(np.uint8), data.view(np.uint8))]
    return wrong + [f"{name} is missing" for name in set(a) ^ set(b)], len(b)


def logits_of(folder, ids):
    with open("row.jsonl", "w") as f:
        f.write('{"input_ids": %s}' % list(ids))
    run("logits", "--model", folder, "--data", "row.jsonl", "--out", "logits", "--force")
    from safetensors.numpy import load_file
    return load_file("logits")["logits.0"][-1]


files = failures = compared = 0
llama_cpp.disable_logging()
with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    folders = [(name, None, options) for name, options in MODELS.items()] + ([("MODEL_FOLDER", real, None)] if real else [])
    for name, folder, options in folders:
        if folder is None:
            write("a.gguf", **options)
            run("import", "a.gguf", "--out", "folder", "--dtype", "f32", "--force")
            folder = "folder"
        run("export", folder, "--out", "f32.gguf", "--type", "f32", "--force")
        for kind, number in TYPES.items():
            theirs = quantised("f32.gguf", number)
            run("export", folder, "--out", "ours.gguf", "--type", kind, "--force")
            files += 1
            if theirs is None:
                print(f"{name}, {kind}: llama.cpp refuses it")
                continue
            wrong, n = differences("ours.gguf", theirs)
            compared += n
            failures += bool(wrong)
            for line in wrong[:3]:
                print(f"{name}, {kind}: {line}")
            if options is None:
                ids = list(range(1000, 1040))
                ours = logits_of("ours.gguf", ids)
                judged = llama_judge.compute("ours.gguf", [], ids)
                print(f"{name}, {kind}: logits differ from llama.cpp's by {np.abs(ours - judged[1]).max():.2f}, from those of the folder by "
                      f"{np.abs(ours - logits_of(folder, ids)).max():.2f}, of {np.abs(ours).max():.1f}")
print(f"{files} files, {compared} tensors compared, {failures} files differ")
sys.exit(failures > 0)
