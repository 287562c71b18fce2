"""The calls of the library: each command is a function, each of its options a keyword argument."""
from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union, overload

from typing_extensions import ParamSpec

from . import _options as o
from ._library import RunError, UnmetError, ffi, lib, text
from ._model import Model
from ._options import Path, Step, Token
from ._call import PLANNING
from ._prepare import Planned, Prepared, documented, token_of
from ._rows import Data
from ._tensors import Mask, Scores
from .results import Evaluation, Page, Plan, Table, Training

if TYPE_CHECKING:
    from typing_extensions import Unpack

    ModelLike = Union[Path, Model]

P = ParamSpec("P")


def taken(made: Any) -> str:
    """A text of the library's, which is freed."""
    words = text(made[0]) if made[0] != ffi.NULL else ""
    lib.wagle_string_free(made[0])
    return words


def told(call: Prepared, function: Any) -> str:
    """Runs a call that returns a text."""
    made = ffi.new("char **")
    call.run(function, made)
    return taken(made)


# --- models -------------------------------------------------------------------------------------------------------------------

@documented
def import_(gguf: Path, out: Path, **options: Unpack[o.ImportOptions]) -> None:
    """Makes a model folder of a GGUF file."""
    Prepared("import_", {"gguf": gguf, "out": out, **options}).run(lib.wagle_import)


@documented
def export(model: Path, out: Path, **options: Unpack[o.ExportOptions]) -> None:
    """Makes a GGUF file of a model folder."""
    Prepared("export", {"model": model, "out": out, **options}).run(lib.wagle_export)


@documented
def init(config: Path, out: Path, **options: Unpack[o.InitOptions]) -> None:
    """Makes a model folder with random weights of a config.json, without a tokenizer. For tests of any size."""
    Prepared("init", {"config": config, "out": out, **options}).run(lib.wagle_init)


@documented
def inspect(path: Path, **options: Unpack[o.InspectOptions]) -> dict[str, Any]:
    """What is in a model folder, safetensors, GGUF, score, mask or result file."""
    call = Prepared("inspect", {"path": path, **options})
    call.options.json = True
    return dict(json.loads(told(call, lib.wagle_inspect)))


def doctor() -> dict[str, Any]:
    """The machine: processor, memory, disk, card, and which models fit. Takes a second, which measures the processor."""
    from ._call import Call

    made = ffi.new("char **")
    with Call() as call:
        call.check(call.run(lib.wagle_doctor, made))
    return dict(json.loads(taken(made)))


# --- attribution and masks ----------------------------------------------------------------------------------------------------

@documented
def attribute(model: ModelLike, forget: Data | None = None, retain: Data | None = None, *, out: Path | None = None,
              **options: Unpack[o.AttributeOptions]) -> Scores:
    """Scores of all weights, in one pass over the rows: name to float32 array [shape of the tensor].

    With `out` a score file is written, and the arrays show that file."""
    call = Prepared("attribute", {"model": model, "forget": forget, "retain": retain, "out": out, **options})
    made = ffi.new("wagle_tensors **")
    if out is None:
        call.options.made = made
    call.run(lib.wagle_attribute)
    return Scores.load(out) if out is not None else Scores(made=made[0])


@documented
def mask(scores: Scores | Path | Mapping[str, Any] | None = None, *, out: Path | None = None, **options: Unpack[o.MaskOptions]) -> Mask:
    """The weights with the highest scores: of `wagle.attribute`, of a score file, or of your own float32 arrays.

    `data` in place of scores is a dict of the arguments of `wagle.attribute`: no scores are kept then. `op` and `masks`
    combine mask files. With `out` a mask file is written, and with `densities` one for each, of which the first is returned."""
    call = Prepared("mask", {"scores": scores, "out": out, **options})
    made = ffi.new("wagle_tensors **")
    if out is None:
        call.options.made = made
    call.run(lib.wagle_mask)
    if out is None:
        return Mask(made=made[0])
    densities = options.get("densities")
    return Mask.load(os.fspath(out).replace("{}", f"{densities[0]:g}") if densities else out)


@documented
def compare_masks(masks: Sequence[Path], **options: Unpack[o.CompareMasksOptions]) -> dict[str, Any]:
    """How much mask files overlap, and the share that each takes of each tensor."""
    call = Prepared("compare_masks", {"masks": masks, **options})
    call.options.json = True
    return dict(json.loads(told(call, lib.wagle_compare_masks)))


# --- training -----------------------------------------------------------------------------------------------------------------

def opened(model: Any, out: Path | None, options: Mapping[str, Any]) -> Any:
    """Training in memory needs an open model."""
    common = {name: value for name, value in options.items() if name in o.COMMON and name != "on_progress"}
    return model if out is not None or isinstance(model, Model) else Model(model, **common)


def trained(call: Prepared, function: Any, model: Any, out: Path | None) -> Training:
    made, result = ffi.new("wagle_model **"), ffi.new("wagle_train_result *")
    lib.wagle_train_result_init_sized(result, ffi.sizeof("wagle_train_result"))
    if out is None:
        call.options.made = made
    status = call.call.run(function, call.pointer, result)
    facts = {field.name: getattr(result, field.name) for field in dataclasses.fields(o.TrainResult)}
    done = Training(**facts, model=Model._of(made[0], call.call, model._common) if made[0] != ffi.NULL else None,
                    out=os.fspath(out) if out is not None else None)
    try:
        call.check(status)
    except UnmetError as unmet:
        unmet.result = done
        raise
    return done


@documented
def finetune(model: ModelLike, data: Data, *, out: Path | None = None, mask: Mask | Path | Mapping[str, Any] | None = None,
             on_step: Callable[[Step], bool | None] | None = None, **options: Unpack[o.FinetuneOptions]) -> Training:
    """Teaches a model the rows of data.

    With `out` a model folder is written, else the trained model is held in memory. `on_step` is called after each update;
    if it returns False the run ends well, with the model as it is. Ctrl-C ends the run: with `out`, OUT.partial then has a
    checkpoint for `resume=True`."""
    model = opened(model, out, options)
    call = Prepared("finetune", {"model": model, "retain": data, "out": out, "mask": mask, "on_step": on_step, **options}, {"retain": "data"})
    return trained(call, lib.wagle_finetune, model, out)


@documented
def unlearn(model: ModelLike, forget: Data | None = None, retain: Data | None = None, *, out: Path | None = None,
            mask: Mask | Path | Mapping[str, Any] | None = None, on_step: Callable[[Step], bool | None] | None = None,
            **options: Unpack[o.UnlearnOptions]) -> Training:
    """Makes a model forget the rows of `forget` and keep those of `retain`.

    With `out` a model folder is written, else the trained model is held in memory. `mask`: the weights that may train; those
    outside it keep their bits. `on_step` is called after each update; if it returns False the run ends well, with the model
    as it is. Ctrl-C ends the run: with `out`, OUT.partial then has a checkpoint for `resume=True`.

    Raises UnmetError where `stop_when` was not reached; its `result` has the model all the same."""
    model = opened(model, out, options)
    call = Prepared("unlearn", {"model": model, "forget": forget, "retain": retain, "out": out, "mask": mask, "on_step": on_step, **options})
    return trained(call, lib.wagle_unlearn, model, out)


def plan(function: Callable[P, object], *args: P.args, **options: P.kwargs) -> Plan:
    """What a call would take, without making it: ``wagle.plan(wagle.unlearn, model, forget, retain, out="forgotten")``. For
    attribute, mask, finetune, unlearn and forget; of sweep, which runs there are."""
    if function.__name__ not in ("attribute", "mask", "finetune", "unlearn", "forget", "sweep", "join_sweeps"):
        raise TypeError(f"wagle.{function.__name__}() has no plan")
    before = PLANNING.set(True)
    try:
        return Plan(str(function(*args, **options)), {})
    except Planned as planned:
        return Plan(*planned.args)
    finally:
        PLANNING.reset(before)


# --- sweeps -------------------------------------------------------------------------------------------------------------------

def table_of(markdown: str, out: Path, name: str) -> Table:
    path = os.path.join(os.fspath(out), name)
    if not os.path.exists(path):
        return Table(markdown)
    with open(path, encoding="utf-8") as f:
        return Table(markdown, json.load(f))


@documented
def sweep(spec: Path | Mapping[str, Any], out: Path, **options: Unpack[o.SweepOptions]) -> Table:
    """Runs and measures all points of a grid. spec: a JSON file, or the same as a dict, whose paths are relative to the
    current folder."""
    with tempfile.TemporaryDirectory(prefix="wagle-") as folder:
        if isinstance(spec, Mapping):
            spec = write_spec(spec, folder)
        markdown = told(Prepared("sweep", {"spec": spec, "out": out, **options}), lib.wagle_sweep)
    return table_of(markdown, out, "runs.json")


def write_spec(spec: Mapping[str, Any], folder: str) -> str:
    """Paths of a spec are relative to its file, and this one is in folder."""
    def absolute(value: Any) -> Any:
        if isinstance(value, os.PathLike) or (isinstance(value, str) and os.path.exists(value)):
            return os.path.abspath(value)
        if isinstance(value, Mapping):
            return {k: absolute(v) for k, v in value.items()}
        return [absolute(v) for v in value] if isinstance(value, (list, tuple)) else value

    with open(f"{folder}/spec.json", "w", encoding="utf-8") as f:
        json.dump(absolute(spec), f)
    return f"{folder}/spec.json"


@documented
def join_sweeps(sweeps: Sequence[Path], out: Path, **options: Unpack[o.JoinSweepsOptions]) -> Table:
    """Joins sweeps that ran the same methods on different tasks."""
    markdown = told(Prepared("join_sweeps", {"sweeps": sweeps, "out": out, **options}), lib.wagle_join_sweeps)
    return table_of(markdown, out, "summary.json")


# --- patches ------------------------------------------------------------------------------------------------------------------

@documented
def diff(before: Path, after: Path, out: Path, **options: Unpack[o.DiffOptions]) -> None:
    """Writes what changed between two model folders as a patch."""
    Prepared("diff", {"before": before, "after": after, "out": out, **options}).run(lib.wagle_diff)


@documented
def apply(model: Path, patch: Path, out: Path, **options: Unpack[o.ApplyOptions]) -> None:
    """Writes the model with a patch's changes."""
    Prepared("apply", {"model": model, "patch": patch, "out": out, **options}).run(lib.wagle_apply)


@documented
def revert(model: Path, patch: Path, out: Path, **options: Unpack[o.RevertOptions]) -> None:
    """Writes the model without a patch's changes again."""
    Prepared("revert", {"model": model, "patch": patch, "out": out, **options}).run(lib.wagle_revert)


@documented
def merge(models: Path | Sequence[Path], out: Path, **options: Unpack[o.MergeOptions]) -> None:
    """Writes the weighted sum of models, or of their differences from `base`; or one model with an `adapter` of PEFT."""
    models = [models] if isinstance(models, (str, os.PathLike)) else models
    Prepared("merge", {"models": models, "out": out, **options}).run(lib.wagle_merge)


# --- generation and evaluation ------------------------------------------------------------------------------------------------

def asking(function: str, model: ModelLike, prompts: Sequence[str], options: Mapping[str, Any]) -> tuple[Prepared, Any]:
    """prompts may hold NUL, so their lengths go with them."""
    call = Prepared(function, {"model": model, **options})
    encoded = [prompt.encode("utf-8", "surrogatepass") for prompt in prompts]
    call.options.prompts = call.memory.keep(ffi.new("char *[]", [call.memory.keep(ffi.new("char[]", one)) for one in encoded]))
    call.options.prompt_bytes = call.memory.keep(ffi.new("int64_t[]", [len(one) for one in encoded]))
    call.options.n = len(encoded)
    return call, call.memory.keep(ffi.new("wagle_generation[]", max(1, len(encoded))))


def texts_of(made: Any, n: int) -> list[str]:
    words = [bytes(ffi.buffer(made[i].text, made[i].bytes)).decode("utf-8", "replace") for i in range(n)]
    for i in range(n):
        lib.wagle_string_free(made[i].text)
    return words


@overload
def generate(model: ModelLike, prompts: str, *, on_token: Callable[[Token], bool | None] | None = None,  # type: ignore[overload-overlap]
             **options: Unpack[o.GenerateOptions]) -> str: ...


@overload
def generate(model: ModelLike, prompts: Sequence[str], *, on_token: Callable[[Token], bool | None] | None = None,
             **options: Unpack[o.GenerateOptions]) -> list[str]: ...


@documented
def generate(model: ModelLike, prompts: str | Sequence[str], *, on_token: Callable[[Token], bool | None] | None = None,
             **options: Unpack[o.GenerateOptions]) -> str | list[str]:
    """What the model writes: a text for one prompt, a list for several, which are continued together.

    `on_token` is called for each token; if it returns False the text of that prompt ends."""
    several = [prompts] if isinstance(prompts, str) else list(prompts)
    if not several:
        return []
    call, made = asking("generate", model, several, {"on_token": on_token, **options})
    call.run(lib.wagle_generate, made)
    words = texts_of(made, len(several))
    return words[0] if isinstance(prompts, str) else words


@documented
def stream(model: ModelLike, prompts: str | Sequence[str], **options: Unpack[o.StreamOptions]) -> Iterator[Token]:
    """Tokens as the model writes them. The texts of a prompt's tokens, joined, are its text. Generation ends when the loop
    over the tokens does."""
    several = [prompts] if isinstance(prompts, str) else list(prompts)
    call, made = asking("stream", model, several, options)
    call.options.on_token = call.call.callback("wagle_token_fn *", lambda user, token: call.call.hand(token_of(token)), False)

    def tokens() -> Iterator[Token]:
        yield from call.call.turns(lib.wagle_generate, call.pointer, made)
        call.check(call.call.status)
        texts_of(made, len(several))

    return tokens()


@documented
def eval(model: ModelLike, data: Data, **options: Unpack[o.EvalOptions]) -> Evaluation:
    """Token losses of rows, and ROUGE of greedy answers. metrics: names, as a list or with commas between them."""
    return Evaluation(told(Prepared("eval", {"model": model, "data": data, **options}), lib.wagle_eval))


@documented
def eval_suites(model: ModelLike | None, suites: str | Sequence[str], sets: Mapping[str, Data] | None = None,
                **options: Unpack[o.EvalSuitesOptions]) -> Evaluation:
    """Asks a model the questions of suites ('tofu', 'mcq', ..) and measures the answers, with 95 % intervals.

    sets: the data sets by the suite's names: files, lists, frames or datasets."""
    return Evaluation(told(Prepared("eval_suites", {"model": model, "suites": suites, "sets": sets, **options}), lib.wagle_suite_run))


@documented
def difference(a: Path, b: Path, **options: Unpack[o.DifferenceOptions]) -> dict[str, Any]:
    """What differs between two results with their rows (`out` of `wagle.eval_suites`), by paired resampling."""
    return dict(json.loads(told(Prepared("difference", {"a": a, "b": b, **options}), lib.wagle_difference)))


@documented
def report(runs: Sequence[Path] | Mapping[str, Path], out: Path | None = None, **options: Unpack[o.ReportOptions]) -> Page:
    """One HTML page of folders of runs and results of suites, which notebooks show. runs: paths, or labels and paths."""
    with tempfile.TemporaryDirectory(prefix="wagle-") as folder:
        path = os.fspath(out) if out is not None else f"{folder}/report.html"
        Prepared("report", {"runs": runs, "out": path, **options}).run(lib.wagle_report)
        with open(path, encoding="utf-8") as f:
            return Page(f.read(), os.fspath(out) if out is not None else None)


# --- whole jobs ---------------------------------------------------------------------------------------------------------------

@documented
def forget(model: Path, data: Path, out: Path, **options: Unpack[o.ForgetOptions]) -> str:
    """The whole job: reads the data, measures what the model knows of them, forgets them and tests the result. Returns what
    came of it, as the command prints it. Raises RunError with that text where a test failed. `confirm` is asked before work
    goes on with questions that were made of the data: a function, or True."""
    call = Prepared("forget", {"model": model, "data": data, "out": out, **options})
    result = ffi.new("wagle_forget_result *")
    lib.wagle_forget_result_init_sized(result, ffi.sizeof("wagle_forget_result"))
    call.run(lib.wagle_forget, result)
    words = text(result.text)
    lib.wagle_string_free(result.text)
    if not result.forgotten:
        raise RunError(words)
    return words


@documented
def demo(out: Path, **options: Unpack[o.DemoOptions]) -> str:
    """Makes a small model, teaches it people, and lets others forget some of them: minutes on one machine."""
    return told(Prepared("demo", {"out": out, **options}), lib.wagle_demo)


@documented
def logits(model: ModelLike, data: Data, out: Path, **options: Unpack[o.LogitsOptions]) -> None:
    """Experimental. Writes a safetensors file: logits.K [T,V] for row K of the data, float32."""
    Prepared("logits", {"model": model, "data": data, "out": out, **options}).run(lib.wagle_logits)


@documented
def gradient(model: ModelLike, data: Data, out: Path, **options: Unpack[o.GradientOptions]) -> None:
    """Experimental. Writes a safetensors file: for each weight tensor the sum over rows of the gradient of the mean loss."""
    Prepared("gradient", {"model": model, "data": data, "out": out, **options}).run(lib.wagle_gradient)
