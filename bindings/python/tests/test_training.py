"""Training, its callbacks, and how it ends."""
import os
import signal
import subprocess
import threading
import time

import numpy as np
import pytest

import wagle

SHORT = {"steps": 4, "lr": 1e-3}


def test_training_in_memory_has_the_bits_of_a_folder(model, folder, forget, retain, tmp_path):
    in_memory = wagle.unlearn(model, forget, retain, **SHORT)
    on_disk = wagle.unlearn(folder, forget, retain, out=tmp_path / "out", **SHORT)
    assert in_memory.out is None and on_disk.model is None and on_disk.out == str(tmp_path / "out")
    assert (in_memory.steps, in_memory.loss) == (on_disk.steps, on_disk.loss)
    written = wagle.Model(tmp_path / "out").weights()
    assert all(np.array_equal(written[name], array) for name, array in in_memory.model.weights().items())
    in_memory.model.save(tmp_path / "saved")
    assert (tmp_path / "saved/model.safetensors").read_bytes() == (tmp_path / "out/model.safetensors").read_bytes()


def test_weights_outside_the_mask_keep_their_bits(model, forget, retain):
    mask = wagle.mask(wagle.attribute(model, forget, retain), density=0.1)
    before, after = model.weights(), wagle.unlearn(model, forget, retain, mask=mask, **SHORT).model.weights()
    changed = {name: before[name] != after[name] for name in mask}
    assert any(c.any() for c in changed.values())
    assert not any((c & ~mask[name]).any() for name, c in changed.items())


def test_each_step_is_told_in_the_calling_thread(model, forget, retain):
    seen, threads = [], set()

    def on_step(step):
        seen.append(step)
        threads.add(threading.current_thread())

    done = wagle.unlearn(model, forget, retain, on_step=on_step, **SHORT)
    assert [s.step for s in seen] == [1, 2, 3, 4] and all(s.steps == 4 and s.grad_norm > 0 for s in seen)
    assert seen[-1].loss == done.loss and threads == {threading.current_thread()}


def test_a_step_that_returns_false_ends_the_run_well(model, forget, retain):
    done = wagle.unlearn(model, forget, retain, on_step=lambda step: step.step < 2, **SHORT)
    assert done.steps == 2 and done.stopped and done.model is not None


def test_what_a_callback_raises_ends_the_run_and_comes_out(model, folder, forget, retain, tmp_path):
    def on_step(step):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        wagle.unlearn(model, forget, retain, on_step=on_step, **SHORT)
    with pytest.raises(RuntimeError, match="enough"):
        wagle.unlearn(folder, forget, retain, out=tmp_path / "out", on_step=on_step, **SHORT)
    assert (tmp_path / "out.partial").is_dir() and not (tmp_path / "out").exists()


def test_ctrl_c_leaves_a_checkpoint_and_the_run_goes_on_from_it(folder, forget, retain, tmp_path):
    steps = {"steps": 6, "lr": 1e-3, "out": tmp_path / "out"}

    def on_step(step):
        if step.step == 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)

    with pytest.raises(KeyboardInterrupt, match="interrupted"):
        wagle.unlearn(folder, forget, retain, on_step=on_step, **steps)
    assert (tmp_path / "out.partial").is_dir() and not (tmp_path / "out").exists()
    again = []
    wagle.unlearn(folder, forget, retain, resume=True, on_step=again.append, **steps)
    whole = wagle.unlearn(folder, forget, retain, steps=6, lr=1e-3).model.weights()
    assert [s.step for s in again] == [4, 5, 6]
    assert all(np.array_equal(whole[name], array) for name, array in wagle.Model(tmp_path / "out").weights().items())


def test_ctrl_c_ends_a_call_that_has_no_callback(model, forget, retain):
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        wagle.unlearn(model, forget, retain, steps=1_000_000, lr=1e-6)
    assert time.monotonic() - begun < 60


def test_other_threads_run_during_a_call(model, forget, retain):
    counted, ended = [0], threading.Event()

    def count():
        while not ended.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    wagle.unlearn(model, forget, retain, steps=60, lr=1e-4)
    ended.set()
    thread.join()
    assert counted[0] > 10


def test_one_model_serves_several_threads(model, forget, retain):
    made = [None] * 3

    def train(i):
        made[i] = wagle.unlearn(model, forget, retain, threads=1, **SHORT).model.weights()

    threads = [threading.Thread(target=train, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(made[0][name], other[name]) for other in made[1:] for name in other)


def test_a_rule_that_is_not_reached_raises_with_the_model(model, forget, retain):
    with pytest.raises(wagle.UnmetError, match="was not reached in 2 steps") as failure:
        wagle.unlearn(model, forget, retain, stop_when="forget.probability<0.0001", steps=2, lr=1e-5)
    assert failure.value.status == 5 and failure.value.result.model is not None and failure.value.result.steps == 2


def test_what_a_call_held_is_let_go(folder, forget, retain):
    import gc
    import weakref

    gc.disable()
    try:
        model = wagle.Model(folder)
        mask = wagle.mask(wagle.attribute(model, forget, retain), density=0.1)
        rows, owner = wagle.Rows(forget), model._owner
        done = wagle.unlearn(model, rows, retain, mask=mask, on_step=lambda step: None, **SHORT)
        gone = [weakref.ref(mask), weakref.ref(model)]
        del mask, rows, model
        assert [ref() for ref in gone] == [None, None] and owner.users == 1  # that of the trained model
        del done
        assert owner.users == 0
    finally:
        gc.enable()


def test_the_default_search_and_rule_take_rows_in_memory(model, forget, retain):
    done = wagle.unlearn(model, forget, retain, eos=True)
    assert done.stopped and done.forget_probability < done.chance < 1


def test_limits_are_those_of_one_call(model, forget, retain):
    with pytest.raises(wagle.ResourceError, match="not enough memory: .* and memory is .*state='bf16'") as failure:
        wagle.unlearn(model, forget, retain, memory="1M", **SHORT)
    assert failure.value.status == 4
    assert wagle.unlearn(model, forget, retain, **SHORT).steps == 4


def test_a_call_within_another_has_a_context_of_its_own(model, forget, retain):
    losses = []
    wagle.unlearn(model, forget, retain, on_step=lambda step: losses.append(wagle.eval(model, forget)["nll"]), **SHORT)
    assert len(set(losses)) == 1 and len(losses) == 4


def test_a_plan_says_what_a_run_takes(model, forget, retain, tmp_path):
    plan = wagle.plan(wagle.unlearn, model, forget, retain, out=tmp_path / "out", **SHORT)
    assert "memory" in str(plan).lower() and plan.bytes and not (tmp_path / "out").exists()
    with pytest.raises(TypeError, match="has no plan"):
        wagle.plan(wagle.generate, model, "x")


def test_training_is_that_of_the_command(command, folder, forget, retain, tmp_path):
    import json

    for name, rows in (("forget", [{"prompt": q, "answer": a} for q, a in forget]), ("retain", retain)):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    subprocess.run([command, "unlearn", "--model", folder, "--forget", "forget", "--retain", "retain", "--out", "out", "--steps", "4", "--lr",
                    "1e-3", "--objective", "npo", "--npo-beta", "0.2", "--quiet"], check=True, cwd=tmp_path)
    made = wagle.unlearn(folder, forget, retain, objective="npo", npo_beta=0.2, **SHORT).model
    made.save(tmp_path / "saved")
    assert (tmp_path / "saved/model.safetensors").read_bytes() == (tmp_path / "out/model.safetensors").read_bytes()
