"""What calls return."""
from __future__ import annotations

import html
import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from ._options import TrainResult

if TYPE_CHECKING:
    import pandas

    from ._model import Model


def frames() -> Any:
    try:
        return importlib.import_module("pandas")
    except ImportError:
        raise ImportError("frames need pandas: pip install pandas") from None


@dataclass
class Training(TrainResult):
    """A model that was trained, and how that went."""

    model: Optional[Model] = None
    """The trained model, open; None where a folder was written (`out`)."""
    out: Optional[str] = None
    """The folder that was written."""


@dataclass
class Plan:
    """What a call would take (`wagle.plan`)."""

    text: str
    bytes: dict[str, Any]
    """Memory and disk by purpose, in bytes."""

    def __str__(self) -> str:
        return self.text


class Evaluation:
    """Metrics of rows (`wagle.eval`) or of suites (`wagle.eval_suites`). `json` is the result as the command writes it."""

    def __init__(self, text: str) -> None:
        self.json: dict[str, Any] = json.loads(text)

    def _metrics(self) -> Iterator[dict[str, Any]]:
        for suite, result in self.json.get("suites", {}).items():
            for metric, value in result["metrics"].items():
                yield {"suite": suite, "metric": metric, "value": value["value"], "low": value.get("low"), "high": value.get("high"), "n": value["n"]}
        for metric, value in self.json.get("overall", {}).items():
            several = {f"{metric}.{part}": number for part, number in value.items()} if isinstance(value, dict) else {metric: value}
            for name, number in several.items():
                if name != "rows":
                    yield {"metric": name, "value": number, "n": self.json["overall"]["rows"]}

    def frame(self) -> pandas.DataFrame:
        """A row for each metric: its value, of suites with the 95 % interval (low, high), and the number of rows (n)."""
        return frames().DataFrame(list(self._metrics()))  # type: ignore[no-any-return]

    def rows(self) -> pandas.DataFrame:
        """Of `wagle.eval`: a row for each row of the data, with its metrics."""
        return frames().json_normalize(self.json.get("rows", []))  # type: ignore[no-any-return]

    def __getitem__(self, name: str) -> float:
        """A metric by name: 'nll', 'rougeL.f1'; of suites 'tofu.forget_quality'."""
        for one in self._metrics():
            if name in (f"{one['suite']}.{one['metric']}" if "suite" in one else one["metric"],):
                return float("nan") if one["value"] is None else float(one["value"])
        raise KeyError(name)

    def _repr_html_(self) -> str:
        return str(self.frame().to_html(index=False))


class Table:
    """A table that the library wrote, as Markdown, and the file with its numbers."""

    def __init__(self, markdown: str, runs: Any = None) -> None:
        self.markdown = markdown
        self.json = runs

    def frame(self) -> pandas.DataFrame:
        """A row for each run."""
        runs = [{"run": name, **run} for name, run in self.json.items()] if isinstance(self.json, dict) else self.json
        return frames().json_normalize(runs)  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return self.markdown

    def _repr_markdown_(self) -> str:
        return self.markdown


class Page:
    """An HTML page, which notebooks show."""

    def __init__(self, html_text: str, out: str | None) -> None:
        self.html, self.out = html_text, out

    def _repr_html_(self) -> str:
        return f'<iframe srcdoc="{html.escape(self.html)}" width="100%" height="700" style="border:0" sandbox="allow-scripts"></iframe>'
