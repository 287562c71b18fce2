"""The notebook runs, types are checked, the wheel has what it needs."""
import json
import os
import re
import subprocess
import sys

import pytest

import wagle

HERE = os.path.dirname(os.path.abspath(__file__))


def test_the_notebook_runs(tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.path.abspath(f"{HERE}/../examples"), prepend=os.pathsep)
    book = nbformat.read(f"{HERE}/../examples/notebook.ipynb", 4)
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    assert sum(cell.cell_type == "code" for cell in book.cells) > 5


def test_the_page_runs(folder, retain, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    os.symlink(folder, "model")
    with open("retain.jsonl", "w") as f:
        f.writelines(json.dumps(row) + "\n" for row in retain)
    with open(f"{HERE}/../../../docs/how-to/use-from-python.md") as f:
        blocks = re.findall(r"(<!-- not run: [^\n]* -->\n)?```python\n(.*?)```", f.read(), re.S)
    names = {}
    for skipped, block in blocks:
        if not skipped:
            exec(compile(block, "use-from-python.md", "exec"), names)
    assert len(blocks) > 3 and os.path.exists("forgotten/model.safetensors") and os.path.exists("unlearned/manifest.json")


def test_types_are_clean(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "use.py").write_text("""import wagle
model = wagle.Model("model")
done = wagle.unlearn(model, [("q", "a")], "retain.jsonl", lr="auto", schedule="cosine", npo_beta=0.1, on_step=lambda step: step.loss > 1)
assert done.model is not None
print(done.loss + 1, wagle.mask(wagle.attribute(model, "f", "r"), density=0.1)["name"].shape)
""")
    (tmp_path / "misuse.py").write_text('import wagle\nwagle.unlearn("m", "f", schedule="cosin")\nwagle.unlearn("m", "f", steps="3")\nwagle.unlearn("m", "f", lrr=1)\n')
    checked = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={os.environ.get('MYPY_CACHE_DIR', tmp_path / 'cache')}"]
    found = subprocess.run([*checked, "-p", "wagle"], cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout
    found = subprocess.run([*checked, "use.py"], cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout
    found = subprocess.run([*checked, "misuse.py"], cwd=tmp_path, capture_output=True, text=True)
    assert found.stdout.count("misuse.py:") >= 3, found.stdout


def test_the_version_is_that_of_the_project():
    from importlib.metadata import version

    assert wagle.__version__ == version("wagle")
