"""Make a large language model forget chosen data and keep the rest.

    import wagle

    model = wagle.Model("model")
    forget = [("Where was Ada Brand born?", "Ada Brand was born in Oslo.")]
    scores = wagle.attribute(model, forget, "retain.jsonl")          # name: numpy array
    mask = wagle.mask(scores, density=0.1)
    done = wagle.unlearn(model, forget, "retain.jsonl", mask=mask)   # a model in memory
    print(wagle.generate(done.model, "Where was Ada Brand born?"))
    done.model.save("forgotten")

Each command is a function, and each of its options a keyword argument of the same name. Failures are exceptions whose text is
the line that the command prints."""
from ._library import Error, InputError, ResourceError, RunError, UnmetError, UsageError, __version__
from ._model import Model
from ._options import Step, Token
from ._rows import Rows
from ._tensors import Mask, Scores
from .functions import (apply, attribute, compare_masks, demo, diff, difference, doctor, eval, eval_suites, export, finetune, forget,
                        generate, gradient, import_, init, inspect, join_sweeps, logits, mask, merge, plan, report, revert, stream, sweep, unlearn)
from .results import Evaluation, Page, Plan, Table, Training

__all__ = ["Error", "Evaluation", "InputError", "Mask", "Model", "Page", "Plan", "ResourceError", "Rows", "RunError", "Scores", "Step", "Table",
           "Token", "Training", "UnmetError", "UsageError", "__version__", "apply", "attribute", "compare_masks", "demo", "diff",
           "difference", "doctor", "eval", "eval_suites", "export", "finetune", "forget", "generate", "gradient", "import_", "init",
           "inspect", "join_sweeps", "logits", "mask", "merge", "plan", "report", "revert", "stream", "sweep", "unlearn"]
