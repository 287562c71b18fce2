#!/usr/bin/env python3
"""Inputs from the wild: each folder has files, the commands that read them, and the right answers (case.json).

    run.py WAGLE [NAME...] [--jobs N]

A case runs in a scratch copy of its folder with `wagle` on PATH. Its case.json:

    kind, judge, why   what it stands for, who said what is right, one sentence
    files              {to: from}: weights that several cases share, copied from this folder
    steps              each a command ("run", for bash) and what must come of it:
      rc               exit code, 0 if not given
      json             {path: value} in the JSON on stdout; numbers within "tolerance" (1e-4)
      stdout, stderr, not_stdout, not_stderr   texts that are in it, or are not
      stderr_lines     number of lines on stderr
      logits           {file, tensor, last_row, tolerance}: first numbers of a tensor's last row
      gguf             {file, has: {key: value}, lacks: [key]}
      tensors_equal    [[file, name, file, name]]: the same bytes
      same_files       [[a, b]];  missing_files: [path]
      python           an expression over stdout, stderr, rc, load(path), exists(path) that must be true
Needs nothing beyond Python's own library."""
import argparse, concurrent.futures, json, math, os, shutil, struct, subprocess, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))


class Wrong(Exception):
    pass


def expect(what, found, wanted, tolerance=0.0):
    if isinstance(wanted, bool) or not isinstance(wanted, (int, float)):
        same = found == wanted
    else:
        same = isinstance(found, (int, float)) and math.isclose(found, wanted, rel_tol=0, abs_tol=tolerance)
    if not same:
        raise Wrong(f"{what}: {found!r}, expected {wanted!r}")


def at(value, path):
    """overall.nll, rows.0.label_tokens"""
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def tensor(path, name):
    """dtype, shape and bytes of a tensor of a safetensors file."""
    with open(path, "rb") as f:
        data = f.read()
    length = struct.unpack("<Q", data[:8])[0]
    entry = json.loads(data[8:8 + length])[name]
    start, end = (8 + length + offset for offset in entry["data_offsets"])
    return entry["dtype"], entry["shape"], data[start:end]


def gguf_keys(path):
    """Metadata of a GGUF file of version 2 or 3."""
    sizes = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
    with open(path, "rb") as f:
        data = f.read()
    place = 0

    def take(form):
        nonlocal place
        value = struct.unpack_from("<" + form, data, place)[0]
        place += struct.calcsize(form)
        return value

    def text():
        nonlocal place
        n = take("Q")
        place += n
        return data[place - n:place].decode("utf-8", "replace")

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            inner, n = take("I"), take("Q")
            return [value(inner) for _ in range(n)]
        return take(sizes[kind])

    take("I"), take("I"), take("Q")
    return {text(): value(take("I")) for _ in range(take("Q"))}


def check_files(step, path):
    if "logits" in step:
        want = step["logits"]
        kind, shape, data = tensor(path(want["file"]), want["tensor"])
        expect("dtype", kind, "F32")
        row = struct.unpack_from(f"<{len(want['last_row'])}f", data, (shape[0] - 1) * shape[1] * 4)
        for i, (found, wanted) in enumerate(zip(row, want["last_row"])):
            expect(f"{want['tensor']} [-1,{i}]", found, wanted, want.get("tolerance", 2e-4))
    if "gguf" in step:
        keys = gguf_keys(path(step["gguf"]["file"]))
        for key, wanted in step["gguf"].get("has", {}).items():
            expect(key, keys.get(key), wanted, 1e-6)
        for key in step["gguf"].get("lacks", []):
            expect(f"has {key}", key in keys, False)
    for a, name_a, b, name_b in step.get("tensors_equal", []):
        if tensor(path(a), name_a) != tensor(path(b), name_b):
            raise Wrong(f"{a}: {name_a} and {b}: {name_b} differ")
    for a, b in step.get("same_files", []):
        with open(path(a), "rb") as f, open(path(b), "rb") as g:
            expect(f"{a} is {b}", f.read() == g.read(), True)
    for name in step.get("missing_files", []):
        expect(f"exists {name}", os.path.exists(path(name)), False)


def check(step, folder, environment):
    done = subprocess.run(["bash", "-c", step["run"]], cwd=folder, env=environment, capture_output=True, timeout=300)
    stdout, stderr = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    path = lambda name: os.path.join(folder, name)

    def load(name):
        with open(path(name), encoding="utf-8") as f:
            return [json.loads(line) for line in f] if name.endswith(".jsonl") else json.load(f)

    try:
        expect("exit code", done.returncode, step.get("rc", 0))
        for name, text in (("stdout", stdout), ("stderr", stderr)):
            for part in step.get(name, []):
                if part not in text:
                    raise Wrong(f"no {part!r} in {name}")
            for part in step.get("not_" + name, []):
                if part in text:
                    raise Wrong(f"{part!r} in {name}")
        if "stderr_lines" in step:
            expect("lines on stderr", len(stderr.splitlines()), step["stderr_lines"])
        for key, wanted in step.get("json", {}).items():
            expect(key, at(json.loads(stdout), key), wanted, step.get("tolerance", 1e-4))
        check_files(step, path)
        if "python" in step:
            names = {"stdout": stdout, "stderr": stderr, "rc": done.returncode, "load": load, "json": json,
                     "exists": lambda name: os.path.exists(path(name)), "path": path}
            if not eval(step["python"], names):
                raise Wrong(f"not true: {step['python']}")
    except Exception as error:
        detail = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
        raise Wrong(f"{detail}\n    $ {step['run']}\n    stdout: {stdout[:600]}\n    stderr: {stderr[:600]}")


def run(name, wagle):
    """None, or what is wrong."""
    with open(os.path.join(here, name, "case.json"), encoding="utf-8") as f:
        case = json.load(f)
    with tempfile.TemporaryDirectory() as scratch:
        folder, bin_folder = os.path.join(scratch, "case"), os.path.join(scratch, "bin")
        shutil.copytree(os.path.join(here, name), folder)
        for to, source in case.get("files", {}).items():
            os.makedirs(os.path.dirname(os.path.join(folder, to)), exist_ok=True)
            shutil.copy(os.path.join(here, source), os.path.join(folder, to))
        os.mkdir(bin_folder)
        os.symlink(os.path.abspath(wagle), os.path.join(bin_folder, "wagle"))
        environment = {**os.environ, "PATH": bin_folder + ":" + os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        try:
            for step in case["steps"]:
                check(step, folder, environment)
        except Wrong as wrong:
            return str(wrong)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("wagle")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--shared", help="a folder of cases: each must be here too")
    options = parser.parse_args()
    names = options.names or sorted(n for n in os.listdir(here) if os.path.exists(os.path.join(here, n, "case.json")))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda name: run(name, options.wagle), names))
    failed = 0
    for name in sorted(os.listdir(options.shared)) if options.shared and os.path.isdir(options.shared) else []:
        if os.path.isdir(os.path.join(options.shared, name)) and not os.path.exists(os.path.join(here, name, "case.json")):
            print(f"WRONG  {name}: no such case here")
            failed += 1
    for name, wrong in zip(names, results):
        with open(os.path.join(here, name, "case.json"), encoding="utf-8") as f:
            pending = json.load(f).get("pending", False)
        if wrong is not None and (options.names or not pending):
            print(f"WRONG  {name}\n    {wrong}")
        elif wrong is not None:
            print(f"pending  {name}")
        elif pending:
            print(f"{name} is right: take \"pending\" out of its case.json")
        failed += wrong is not None and not pending
    print(f"{len(names)} cases, {failed} wrong")
    sys.exit(failed > 0)


main()
