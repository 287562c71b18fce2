"""TensorBoard reads what wagle writes: every scalar of a run, before and after a resume, and the histograms of scores.

    python3 tests/peer/check_tensorboard.py build/release/wagle

Trains the gold model llama-gqa-tied in a scratch folder. Both of TensorBoard's readers are asked: EventAccumulator, and
where it is installed the server of `tensorboard --logdir` (through its HTTP interface). Needs tensorboard; not needed by
users."""
import array, json, math, pathlib, random, re, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.parse, urllib.request

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

WAGLE = str(pathlib.Path(sys.argv[1]).resolve())
GOLD = pathlib.Path(__file__).resolve().parent.parent / "gold/models/llama-gqa-tied"
TAGS = {"loss": "loss/total", "forget_term": "loss/forget", "retain_term": "loss/retain", "grad_norm": "update/gradient_norm",
        "lr": "update/learning_rate"}
SPEED = "speed/tokens_per_second"


def make(folder):
    r = random.Random(3)
    for name, n in (("forget", 6), ("retain", 8)):
        rows = [[r.randrange(3, 320) for _ in range(r.randrange(5, 30))] for _ in range(n)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"input_ids": ids, "labels": [-100] + ids[1:]}) + "\n" for ids in rows))
    (folder / "m").mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(GOLD / name, folder / "m")


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    events.Reload()
    return events


def rows_of(steps, metrics, *more):
    return [WAGLE, "unlearn", "--model", "m", "--forget", "forget.jsonl", "--retain", "retain.jsonl", "--lr", "1e-3", "--steps", str(steps),
            "--quiet", *(["--monitor", "--eval-every", "4"] if metrics else []), *more]


def compare(events, log):
    """Every number of log.jsonl is there once, at its step; nothing else is, but the speed."""
    want = {}
    for line in map(json.loads, log.read_text().splitlines()):
        for name, value in line.items():
            if name != "step":
                want.setdefault(TAGS.get(name, "metrics/" + name), []).append((line["step"], value))
    have = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    speed = have.pop(SPEED)
    assert [s for s, _ in speed] == [s for s, _ in want["loss/total"]] and all(v > 0 for _, v in speed)
    assert have.keys() == want.keys(), have.keys() ^ want.keys()
    for tag, values in want.items():
        assert [s for s, _ in have[tag]] == [s for s, _ in values], tag
        assert all(math.isclose(a, b, rel_tol=1e-5) for (_, a), (_, b) in zip(have[tag], values)), tag
    return {tag: len(values) for tag, values in have.items()}


def check_run(folder):
    subprocess.run(rows_of(12, True, "--tensorboard", "whole", "--out", "out"), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    counts = compare(read(folder / "whole"), folder / "out/log.jsonl")
    print(f"a run: {len(counts)} scalars and the speed, {sum(counts.values())} values, as in log.jsonl")


def check_resumed(folder):
    command = rows_of(600, False, "--tensorboard", "cut", "--checkpoint-every", "10", "--batch", "6", "--out", "cut-out")
    log, resumes = folder / "cut-out.partial/log.jsonl", 0
    for at in (25, 47, 93):
        run = subprocess.Popen(command + ["--resume"] * (resumes > 0), cwd=folder, stdout=subprocess.DEVNULL)
        while run.poll() is None and (not log.exists() or log.read_text().count("\n") < at):
            time.sleep(0.002)
        run.send_signal(signal.SIGKILL)
        run.wait()
        resumes += 1
    subprocess.run(command + ["--resume"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    counts = compare(read(folder / "cut"), folder / "cut-out/log.jsonl")
    assert counts["loss/total"] == 600
    print(f"a run that was killed {resumes} times: {counts['loss/total']} steps, each once")


def check_histograms(folder):
    subprocess.run([WAGLE, "attribute", "--model", "m", "--forget", "forget.jsonl", "--retain", "retain.jsonl", "--tensorboard", "scores-events",
                    "--out", "scores", "--quiet"], cwd=folder, check=True)
    raw = (folder / "scores").read_bytes()
    header = json.loads(raw[8:8 + int.from_bytes(raw[:8], "little")])
    data, events, checked = raw[8 + int.from_bytes(raw[:8], "little"):], read(folder / "scores-events"), 0
    for name, t in header.items():
        if name == "__metadata__":
            continue
        values = [v for v in array.array("f", data[slice(*t["data_offsets"])]) if v > 0]
        found = re.match(r"model\.layers\.(\d+)\.(.*)", name)
        layer, module = found.groups() if found else (0, name)
        one = next(h.histogram_value for h in events.Histograms("scores, log10/" + module) if h.step == int(layer))
        assert one.num == len(values) == sum(one.bucket), name
        assert one.min <= math.log10(min(values)) and math.log10(max(values)) <= one.max, name
        below = 0
        for limit, count in zip(one.bucket_limit, one.bucket):  # limits are floats of few bits, scores lie in between
            below += count
            assert below == sum(v < 10**limit * (1 - 1e-9) for v in values), (name, limit)
        checked += 1
    print(f"attribute: histograms of {checked} tensors count as their scores do")


def check_server(folder):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", str(port), "--host", "127.0.0.1"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ask = lambda path: json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/data/plugin/{path}", timeout=5))
    try:
        for _ in range(120):
            try:
                scalars, histograms = ask("scalars/tags"), ask("histograms/tags")
                if len(scalars.get("whole", {})) == 14 and len(histograms.get("scores-events", {})) == 11:
                    break
            except OSError:
                pass
            time.sleep(0.5)
        values = ask("scalars/scalars?" + urllib.parse.urlencode({"run": "whole", "tag": "loss/total"}))
        assert [v[1] for v in values] == list(range(12)), values
        assert len(scalars["whole"]) == 14 and len(histograms["scores-events"]) == 11, (scalars, histograms)
    finally:
        server.terminate()
        server.wait()
    print("the server of tensorboard shows 14 scalars of the run and 11 histograms")


with tempfile.TemporaryDirectory() as name:
    scratch = pathlib.Path(name)
    make(scratch)
    check_run(scratch)
    check_resumed(scratch)
    check_histograms(scratch)
    check_server(scratch)
