"""Writes the cases rows-* and suites-* that are listed here, with what transformers makes of them.

    python tests/cases/make/rows.py tests/cases

Needs torch and transformers 5.24. Labels of conversations are the characters of the answers in the text that
apply_chat_template gives; the right NLL is the mean over their tokens."""
import gzip, json, os, shutil, sys, tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

root = sys.argv[1]
PLAIN, CHATML = "rows-nul", "chat-bos-in-template"
EVAL = "wagle eval --model model --metrics nll --json --quiet --data "


def judge(folder):
    """The folder's tokenizer and model."""
    with tempfile.TemporaryDirectory() as scratch:
        model_folder = shutil.copytree(f"{folder}/model", f"{scratch}/model")
        shutil.copy(f"{root}/weights/llama-a.safetensors", f"{model_folder}/model.safetensors")
        return (AutoTokenizer.from_pretrained(model_folder),
                AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).eval())


def mean(model, ids, labelled):
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].double()
    losses = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")
    return round(sum(losses[i - 1].item() for i in labelled) / len(labelled), 5)


def conversation(folder, messages, turns):
    """NLL over the tokens of those turns' contents, which must stand in the text in order."""
    tokenizer, model = judge(folder)
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    spans, at = [], 0
    for i, message in enumerate(messages):
        at = text.index(message["content"], at)
        if i in turns:
            before = tokenizer.apply_chat_template(messages[:i], tokenize=False, add_generation_prompt=True)
            assert text[:at].startswith(before), (text, before)
            spans.append((at, at + len(message["content"])))
        at += len(message["content"])
    text = text[:spans[-1][1]]
    coded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    labelled = [k for k, (a, b) in enumerate(coded["offset_mapping"]) if any(a < end and b > start for start, end in spans)]
    value = mean(model, coded["input_ids"], labelled)
    print(f"{folder} {turns}: {value}, {len(labelled)} labels\n{text}\n")
    return {"overall.nll": value, "rows.0.label_tokens": len(labelled)}


def plain(folder, prompt, answer):
    tokenizer, model = judge(folder)
    head = tokenizer(prompt)["input_ids"]
    ids = tokenizer(prompt + answer)["input_ids"]
    return {"overall.nll": mean(model, ids, range(len(head), len(ids))), "rows.0.label_tokens": len(ids) - len(head)}


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def case(name, base, kind, why, files, steps, template=None):
    folder = f"{root}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(f"{root}/{base}/model", f"{folder}/model")
    if template:
        path = f"{folder}/model/tokenizer_config.json"
        settings = json.load(open(path))
        settings["chat_template"] = template
        json.dump(settings, open(path, "w"), indent=1, ensure_ascii=False)
    for file, content in files.items():
        with open(f"{folder}/{file}", "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
    made = {"kind": kind, "judge": "transformers 5.24.0", "why": why,
            "files": {"model/model.safetensors": "weights/llama-a.safetensors"},
            "steps": steps(folder) if callable(steps) else steps}
    json.dump(made, open(f"{folder}/case.json", "w"), indent=1, ensure_ascii=False)


def refused(command, *words):
    return {"run": command, "rc": 3, "stderr": list(words), "stderr_lines": 1}


def message(role, content):
    return {"role": role, "content": content}


# --- conversations ---------------------------------------------------------------------------------------------------

TALK = [message("system", "You keep the harbour's book."), message("user", "Where does Ada Quill live?"),
        message("assistant", "In Port Lumen."), message("user", "And Bo?"), message("assistant", "Bo lives in Vessel.")]
SHARED = [{"from": {"user": "human", "assistant": "gpt"}.get(m["role"], m["role"]), "value": m["content"]} for m in TALK]

case("rows-chat-turns", CHATML, "rows",
     "labels of a conversation are its last answer, with --all-turns each answer; ShareGPT's and TRL's forms are the same rows",
     {"rows.jsonl": lines({"messages": TALK}), "sharegpt.jsonl": lines({"conversations": SHARED}),
      "trl.jsonl": lines({"prompt": TALK[:-1], "completion": TALK[-1:]}), "half.jsonl": lines({"prompt": TALK[:-1], "completion": TALK[-1]["content"]}),
      "parts.jsonl": lines({"messages": TALK[:-1] + [message("assistant", TALK[-1]["content"])], "tools": None})},
     lambda folder: [{"run": EVAL + f"{f}.jsonl", "json": conversation(folder, TALK, {4})} for f in ("rows", "sharegpt", "trl", "half", "parts")]
     + [{"run": EVAL + "rows.jsonl --all-turns", "json": conversation(folder, TALK, {2, 4})}])

# As Qwen3's: an empty block of thoughts before the last answer, none before earlier ones, and thoughts of earlier turns taken out.
THINKING = """{%- for m in messages %}
{%- if m.role == 'assistant' %}
{%- set text = m.content.split('</think>')[-1].lstrip('\\n') %}
{{- '<|im_start|>assistant\\n' }}
{%- if loop.last %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{{- text + '<|im_end|>\\n' }}
{%- else %}
{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""
THOUGHT = TALK[:2] + [message("assistant", "<think>\nA port.\n</think>\n\nIn Port Lumen.")] + TALK[3:]
case("rows-chat-thoughts", CHATML, "rows",
     "what a template writes before the last answer is no label; an earlier answer that it rewrites is refused by line with --all-turns",
     {"rows.jsonl": lines({"messages": TALK}), "thought.jsonl": lines({"messages": THOUGHT})},
     lambda folder: [{"run": EVAL + "rows.jsonl", "json": conversation(folder, TALK, {4})},
                     {"run": EVAL + "rows.jsonl --all-turns", "json": conversation(folder, TALK, {2, 4})},
                     {"run": EVAL + "thought.jsonl", "json": {"rows.0.label_tokens": len(TALK[4]["content"])}},
                     refused(EVAL + "thought.jsonl --all-turns", "thought.jsonl:1:", "message 2", "rewrites this answer")], THINKING)

GEMMA = ("{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
         "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
         "{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' + m['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
         "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}")
case("rows-chat-trimmed", CHATML, "rows", "a template that trims: labels are the answer as it writes it; what it raises is an error of the row",
     {"rows.jsonl": lines({"messages": [message("user", " Where? "), message("assistant", "  In Port Lumen.\n")]}), "system.jsonl": lines({"messages": TALK}),
      "twice.jsonl": lines({"messages": TALK[1:2] + TALK[1:3]})},
     lambda folder: [{"run": EVAL + "rows.jsonl", "json": conversation(folder, [message("user", "Where?"), message("assistant", "In Port Lumen.")], {1})},
                     refused(EVAL + "system.jsonl", "system.jsonl:1", "System role not supported"),
                     refused(EVAL + "twice.jsonl", "twice.jsonl:1", "Roles must alternate")], GEMMA)

ask, say = message("user", "Where?"), message("assistant", "Here.")
BAD_CHATS = {
    "empty": ({"messages": []}, "'messages' is an empty list"),
    "role": ({"messages": [message("narrator", "x"), say]}, "messages[0]: role 'narrator'"),
    "from": ({"conversations": [{"from": "bob", "value": "x"}, {"from": "gpt", "value": "y"}]}, "conversations[0]: from 'bob'"),
    "last": ({"messages": [ask]}, "the last message has role user"),
    "image": ({"messages": [message("user", [{"type": "image_url", "image_url": {"url": "x"}}]), say]}, "messages[0]: a part of type 'image_url'"),
    "null": ({"messages": [message("user", None), say]}, "messages[0]: 'content' is null"),
    "text": ({"messages": "Where? Here."}, "'messages' is a text; expected a list of messages"),
    "strings": ({"messages": ["Where?", "Here."]}, "messages[0]: is a text"),
    "tools": ({"messages": [ask, say], "tools": [{"name": "f"}]}, "'tools' in a row is not passed to the chat template"),
    "weight": ({"messages": [ask, {**say, "weight": 0}]}, "messages[1]: 'weight' must be 1"),
    "alone": ({"messages": [say]}, "only one message"),
}
case("rows-chat-refused", CHATML, "refusals", "what is no conversation is refused by line and message",
     {f"{name}.jsonl": lines(row) for name, (row, _) in BAD_CHATS.items()},
     [refused(EVAL + f"{name}.jsonl", f"{name}.jsonl:1: ", words) for name, (_, words) in BAD_CHATS.items()])

QUESTION = {"question": "Where does Ada Quill live?", "answer": "In Port Lumen."}
LAID = "### Question: Where does Ada Quill live?\n### Answer: "
case("rows-chat-by-default", CHATML, "rows", "questions are laid out by the model's chat template unless --prompt or --no-chat is given, and the result says how",
     {"rows.jsonl": lines(QUESTION), "text.jsonl": lines({"text": "The harbour is blue."})},
     lambda folder: [{"run": EVAL + "rows.jsonl", "json": conversation(folder, [message("user", QUESTION["question"]), message("assistant", QUESTION["answer"])], {1}),
                      "python": "json.loads(stdout)['layout']['chat'].startswith('tokenizer_config.json')"},
                     {"run": EVAL + "rows.jsonl --no-chat", "json": {**plain(folder, LAID, QUESTION["answer"]), "layout.prompt": "### Question: {prompt}\n### Answer: "}},
                     {"run": EVAL + "rows.jsonl --prompt 'Q: {prompt} A: '", "json": plain(folder, "Q: Where does Ada Quill live? A: ", QUESTION["answer"])},
                     {"run": EVAL + "text.jsonl", "python": "'layout' not in json.loads(stdout)"},
                     {"run": EVAL + "rows.jsonl --no-chat --system x", "rc": 2, "stderr": ["--system needs a chat template, which --no-chat turns off"]}])

case("rows-chat-without-template", PLAIN, "refusals", "without a chat template one question and its answer is laid out as any other; longer conversations are refused with the way out",
     {"one.jsonl": lines({"messages": [message("user", QUESTION["question"]), message("assistant", QUESTION["answer"])]}), "talk.jsonl": lines({"messages": TALK})},
     lambda folder: [{"run": EVAL + "one.jsonl", "json": plain(folder, LAID, QUESTION["answer"])},
                     refused(EVAL + "talk.jsonl", "talk.jsonl:1: a chat of 5 messages needs a chat template", "--chat-layout NAME"),
                     {"run": EVAL + "talk.jsonl --chat-layout chatml", "json": {"overall.rows": 1}},
                     {"run": EVAL + "one.jsonl --chat", "rc": 2, "stderr": ["no chat template"]}])

# --- fields ----------------------------------------------------------------------------------------------------------

VALUES = {"null": (None, "is null"), "number": (42, "is a number: 42"), "true": (True, "is true or false: true"), "object": ({"text": "In Port Lumen."}, "is an object"),
          "empty": ([], "is an empty list"), "mixed": (["In Port Lumen.", 3], "holds a number")}
case("rows-unusable-answers", PLAIN, "rows", "an answer that is there and is no text is named with its type, and is never passed over for 'text'",
     {f"{name}.jsonl": lines(QUESTION, {"question": "Where?", "answer": value, "text": "Other."}) for name, (value, _) in VALUES.items()},
     [refused(EVAL + f"{name}.jsonl", f"{name}.jsonl:2: 'answer' {words}") for name, (_, words) in VALUES.items()]
     + [{"run": "wagle eval --model model --metrics nll --json --quiet --data null.jsonl --text-field text --limit 2", "rc": 3, "stderr": ["null.jsonl:1: no field 'text'"]}])

case("rows-nan-used", PLAIN, "refusals", "NaN and infinities of Python's json are no obstacle in other columns, and are named where they are used",
     {"other.jsonl": '{"question": "Where does Ada Quill live?", "answer": "In Port Lumen.", "a": NaN, "b": [Infinity, -Infinity], "c": "NaN"}\n',
      "used.jsonl": '{"question": "Where?", "answer": NaN}\n', "broken.jsonl": '{"question": "NaN", "answer": NaN, "x": tru}\n'},
     lambda folder: [{"run": EVAL + "other.jsonl", "json": plain(folder, LAID, QUESTION["answer"])},
                     refused(EVAL + "used.jsonl", "used.jsonl:1: 'answer' is NaN or an empty object"),
                     refused(EVAL + "broken.jsonl", "broken.jsonl:1:", "not valid JSON", "NaN")])

case("rows-nul-places", PLAIN, "rows", "U+0000 is a character in prompts, templates, plain text, CSV, chats and lists of answers",
     {"prompt.jsonl": lines({"question": "Wh\0ere?", "answer": "In Port Lumen."}), "text.jsonl": lines({"text": "The har\0bour."}), "strings.json": json.dumps(["The har\0bour."]),
      "rows.csv": b"question,answer\nWh\0ere?,In Port\0 Lumen.\n", "chat.jsonl": lines({"messages": [message("user", "Wh\0ere?"), message("assistant", "In Port\0 Lumen.")]}),
      "list.jsonl": lines({"question": "Wh\0ere?", "answer": ["In Port\0 Lumen."]})},
     lambda folder: [{"run": EVAL + "prompt.jsonl", "json": plain(folder, "### Question: Wh\0ere?\n### Answer: ", "In Port Lumen.")},
                     {"run": EVAL + "prompt.jsonl --prompt 'Q {question}'", "json": plain(folder, "Q Wh\0ere?", "In Port Lumen.")},
                     {"run": EVAL + "text.jsonl", "json": {"rows.0.label_tokens": 12}}, {"run": EVAL + "strings.json", "json": {"rows.0.label_tokens": 12}}]
     + [{"run": EVAL + file, "json": plain(folder, "### Question: Wh\0ere?\n### Answer: ", "In Port\0 Lumen.")} for file in ("rows.csv", "chat.jsonl", "list.jsonl")])

IDS = [65, 66, 67, 68, 69, 70, 71, 72]


def masked(folder):
    _, model = judge(folder)
    return {"overall.nll": mean(model, IDS, range(1, 8)), "rows.0.label_tokens": 7}


case("rows-mask-padding", PLAIN, "rows", "tokens that attention_mask hides are not there, right or left; a gap, another length and other values are refused",
     {"right.jsonl": lines({"input_ids": IDS + [256] * 3, "attention_mask": [1] * 8 + [0] * 3}), "left.jsonl": lines({"input_ids": [256] * 3 + IDS, "attention_mask": [False] * 3 + [True] * 8}),
      "positions.jsonl": lines({"input_ids": [256] + IDS, "attention_mask": [0] + [1] * 8, "position_ids": [1] + list(range(8)), "token_type_ids": [0] * 9}),
      "gap.jsonl": lines({"input_ids": IDS, "attention_mask": [1, 1, 0, 1, 1, 1, 1, 1]}), "short.jsonl": lines({"input_ids": IDS, "attention_mask": [1] * 7}),
      "none.jsonl": lines({"input_ids": IDS, "attention_mask": [0] * 8}), "alone.jsonl": lines({**QUESTION, "attention_mask": [1, 1]}),
      "labels.jsonl": lines({"text": "Where?", "labels": [1, 2, 3]}), "shifted.jsonl": lines({"input_ids": IDS, "position_ids": list(range(1, 9))}),
      "completion.jsonl": lines({"input_ids": IDS, "completion_mask": [0] * 4 + [1] * 4})},
     lambda folder: [{"run": EVAL + f"{name}.jsonl", "json": masked(folder)} for name in ("right", "left", "positions")]
     + [refused(EVAL + f"{name}.jsonl", f"{name}.jsonl:1: {words}") for name, words in {
         "gap": "'attention_mask' is 0 at token 2", "short": "'attention_mask' has 7 numbers and 'input_ids' has 8", "none": "'attention_mask' is 0 for every token",
         "alone": "'attention_mask' is a list and there are no 'input_ids'", "labels": "'labels' is a list and there are no 'input_ids'",
         "shifted": "'position_ids' has 1 at token 0", "completion": "'completion_mask' is not supported; mark tokens"}.items()])

# --- containers ------------------------------------------------------------------------------------------------------

JSONL = lines(QUESTION, QUESTION)
TABLE = "question,answer\r\nWhere does Ada Quill live?,In Port Lumen.\r\n"
READ = {"bom.csv": "\ufeff" + TABLE, "good.tsv": TABLE.replace(",", "\t"), "good.csv.gz": gzip.compress(TABLE[:20].encode(), mtime=0) + gzip.compress(TABLE[20:].encode(), mtime=0),
        "good.csv.zst": b"\x28\xb5\x2f\xfd\x20" + bytes([len(TABLE)]) + (len(TABLE) << 3 | 1).to_bytes(3, "little") + TABLE.encode()}  # a frame of one raw block
FILES = {
    "a.parquet": (b"PAR1" + bytes(20), "a Parquet file without its end"), "a.jsonl.gz": (gzip.compress(JSONL.encode(), mtime=0)[:-9], "the compressed file ends in the middle"),
    "a.zst": (b"\x28\xb5\x2f\xfd" + bytes(9), "the compressed file ends in the middle"), "a.arrow": (b"\xff\xff\xff\xff" + bytes(12), "an Arrow stream"), "a.feather": (b"ARROW1" + bytes(12), "an Arrow or Feather file"),
    "a.pkl": (b"\x80\x04\x95" + bytes(9), "a Python pickle"), "a.xlsx": (b"PK\x03\x04" + bytes(20), "a zip archive"),
    "utf16.jsonl": (JSONL.encode("utf-16"), "text in UTF-16"), "utf16le.jsonl": (JSONL.encode("utf-16-le"), "text in UTF-16LE"), "utf32.csv": ("question,answer\na,b\n".encode("utf-32"), "text in UTF-32"),
    "lfs.jsonl": ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
    "columns.json": (json.dumps({"question": ["a", "b"], "answer": ["c", "d"]}, indent=1), "one JSON object of columns"),
    "columns.jsonl": (json.dumps({"question": ["a", "b"], "answer": ["c", "d"]}), "object of columns"),
    "pandas.json": (json.dumps({"question": {"0": "a"}, "answer": {"0": "c"}}, indent=1), "one JSON object of columns"),
    "pretty.json": (json.dumps(QUESTION, indent=2), "one JSON object over several lines"), "jq.json": (2 * (json.dumps(QUESTION, indent=2) + "\n"), "continues on the next line"),
    "data.json": (json.dumps({"data": [QUESTION]}), "if 'data' holds the rows"), "rows.json": (json.dumps({"version": 1, "rows": [QUESTION]}, indent=1), "if its list 'rows' holds the rows"),
    "twice.jsonl.gz": (gzip.compress(gzip.compress(JSONL.encode(), mtime=0), mtime=0), "compressed twice"), "bars.csv": ("question|answer\na|b\n", "separated by |"), "semicolons.csv": ("question;answer\na;b\n", "separated by semicolons"),
    "twice.csv": ("question,answer,answer\na,b,c\n", "column 'answer' occurs twice"), "ragged.csv": ("question,answer\na,b\nc\n", ":3: 1 fields, but the header has 2"),
    "mac.csv": ("question,answer\ra,b\r", "a carriage return only"), "mac.jsonl": (JSONL.replace("\n", "\r"), "a carriage return only"),
    "quotes.csv": ('question,answer\n"a"x,b\n', ":2: text after the closing quote"), "latin1.csv": ("question,answer\nwhere,caf\xe9\n".encode("latin-1"), ":2: not valid UTF-8"),
    "dict.jsonl": (repr(QUESTION) + "\n", "single quotes as Python prints them"), "lists.jsonl": (json.dumps(TALK[1:3]) + "\n" + json.dumps(TALK[3:]) + "\n", "a line is a list"),
    "numbers.json": ("[1, 2]", "a row is a number"), "empty.jsonl": ("", "the file is empty"), "header.csv": ("question,answer\n", "a CSV header without rows"),
}
case("rows-containers", PLAIN, "refusals", "other containers are named, with what makes rows of them; never exit code 4",
     {name: content for name, (content, _) in FILES.items()} | READ,
     lambda folder: [refused(EVAL + name, name, words) for name, (_, words) in FILES.items()]
     + [{"run": EVAL + name, "json": plain(folder, LAID, QUESTION["answer"])} for name in READ])

case("rows-columns-named", PLAIN, "refusals", "a refusal names the columns that are there and the options that name them",
     {"content.jsonl": lines({"content": "The harbour is blue.", "id": 3}), "alpaca.jsonl": lines({"instruction": "Where?", "input": "", "output": "Here."}), "reply.jsonl": lines({"question": "a", "reply": "b"}),
      "dpo.jsonl": lines({"prompt": "a", "chosen": "b", "rejected": "c"}), "stray.jsonl": lines({**QUESTION, "token_weights": [1.0]})},
     lambda folder: [refused(EVAL + "content.jsonl", "content.jsonl:1: no field 'question'", "(found: content, id (a number))", "--text-field content"),
                     refused(EVAL + "alpaca.jsonl", "(found: instruction, input, output)", "--prompt-field and --answer-field"),
                     refused(EVAL + "reply.jsonl", "reply.jsonl:1: no field 'answer' (found: question, reply); name it with --answer-field reply"),
                     refused(EVAL + "dpo.jsonl", "dpo.jsonl:1: 'chosen' and 'rejected' are two answers; name the one that is meant with --answer-field chosen"),
                     refused(EVAL + "stray.jsonl", "'token_weights' is a list and there are no 'input_ids'"),
                     {"run": EVAL + "dpo.jsonl --answer-field chosen", "json": plain(folder, "### Question: a\n### Answer: ", "b")},
                     {"run": EVAL + "content.jsonl --text-field content", "json": {"rows.0.label_tokens": 19}}])

# --- suites ----------------------------------------------------------------------------------------------------------

TOFU = "wagle eval --suite tofu --model model --max-tokens 2 --resamples 0 --out r.json --force --quiet --set forget="
WRONG = {"perturbed_answer": ["In Nowhere.", "In Elsewhere."]}
case("suites-tofu-rows", PLAIN, "suites", "suite tofu reads rows as training does, and refuses other rows by line before it scores",
     {"ids.jsonl": lines({**QUESTION, **WRONG}, {"input_ids": IDS, **WRONG}), "text.jsonl": lines({"text": "The harbour.", **WRONG}), "null.jsonl": lines({"question": None, "answer": "a", **WRONG}),
      "chat.jsonl": lines({"messages": [message("user", "Where?"), message("assistant", "In Port\0 Lumen.")], **WRONG}), "plain.jsonl": lines({"question": "Where?", "answer": "In Port\0 Lumen.", **WRONG}),
      "paraphrase.jsonl": lines({**QUESTION, "paraphrased_answer": 3, **WRONG}), "list.jsonl": lines({"question": "Where?", "answer": ["In Port\0 Lumen.", "There."], **WRONG})},
     [refused(TOFU + "ids.jsonl", "ids.jsonl:2: a row of input_ids"), refused(TOFU + "text.jsonl", "text.jsonl:1: a row of plain text"),
      refused(TOFU + "null.jsonl", "null.jsonl:1: 'question' is null"), refused(TOFU + "paraphrase.jsonl", "paraphrase.jsonl:1: 'paraphrased_answer' is a number: 3")]
     + [{"run": TOFU + f"{name}.jsonl && cp r.rows.jsonl {name}.rows.jsonl", "python": f"load('{name}.rows.jsonl')[0]['nll'] == load('r.rows.jsonl')[0]['nll'] and load('{name}.rows.jsonl')[0]['answer'] == 'In Port\\0 Lumen.' and load('{name}.rows.jsonl')[0]['question'] == 'Where?'"}
        for name in ("plain", "chat", "list")]
     + [{"run": "true", "python": "load('plain.rows.jsonl')[0]['nll'] == load('chat.rows.jsonl')[0]['nll'] == load('list.rows.jsonl')[0]['nll']"}])

SUITE = "wagle eval --model model --resamples 0 --out r.json --force --quiet --suite "
case("suites-other-readers", PLAIN, "suites", "every suite that reads rows names a field that is no text, with file and line",
     {"null.jsonl": lines(QUESTION, {"question": "Where?", "answer": None}), "ids.jsonl": lines({"input_ids": IDS}), "number.jsonl": lines({"text": 3}), "strings.json": json.dumps(["The harbour is blue. " * 8]),
      "prompt.jsonl": lines({"prompt": ["a"]}), "good.jsonl": lines(QUESTION)},
     [refused(SUITE + f"{suite} --set {name}=null.jsonl", "null.jsonl:2: 'answer' is null") for suite, name in (("extraction", "forget"), ("muse", "knowledge_forget"), ("muse", "verbatim"), ("robustness", "forget"))]
     + [refused(SUITE + "membership --set members=good.jsonl --set nonmembers=null.jsonl", "null.jsonl:2: 'answer' is null"),
        refused(SUITE + "extraction --set forget=ids.jsonl", "ids.jsonl:1: a row of input_ids"), refused(SUITE + "general --set prompts=ids.jsonl", "ids.jsonl:1: a row of input_ids"),
        refused(SUITE + "general --set text=number.jsonl", "number.jsonl:1: 'text' is a number: 3"), refused(SUITE + "copyright --set text=number.jsonl", "number.jsonl:1: 'text' is a number: 3"),
        refused(SUITE + "toxicity --scorer cat --max-tokens 2 --set prompts=prompt.jsonl", "prompt.jsonl:1: 'prompt' is a list"),
        {"run": SUITE + "general --set text=strings.json", "python": "exists('r.json')"}])

case("suites-layouts", CHATML, "suites", "the result says how each suite's questions were laid out; text that is continued stays bare; prompts of a suite's own take no chat options",
     {"good.jsonl": lines(QUESTION), "start.jsonl": lines({"prompt": "The harbour is", "gt": " blue."})},
     [{"run": SUITE + "muse --max-tokens 2 --set verbatim=start.jsonl", "python": "load('r.json')['layouts'] == {'muse': {'prompt': '{prompt}'}}"},
      {"run": SUITE + "extraction --max-tokens 2 --set forget=good.jsonl", "python": "load('r.json')['layouts']['extraction']['chat'].startswith('tokenizer_config.json')"},
      {"run": SUITE + "extraction --max-tokens 2 --set forget=good.jsonl --no-chat", "python": "load('r.json')['layouts']['extraction'] == {'prompt': '### Question: {prompt}\\n### Answer: '}"},
      {"run": SUITE + "mcq --set q=good.jsonl --all-turns", "rc": 2, "stderr": ["--all-turns has no effect: suite mcq has prompts of its own"]}])

case("suites-tofu-printed-list", PLAIN, "suites", "a list that was printed into one text, as CSV files have it, is not one perturbed answer",
     {"a.csv": 'question,answer,paraphrased_answer,perturbed_answer\nWhere?,Here.,Right here.,"[\'There.\', \'Nowhere.\']"\n', "b.jsonl": lines({"question": "Where?", "answer": "Here.", "paraphrased_answer": "Right here.", "perturbed_answer": json.dumps(["There.", "Nowhere."])}),
      "c.jsonl": lines({"question": "Where?", "answer": "Here.", "paraphrased_answer": "Right here.", "perturbed_answer": "[There]"})},
     [refused(TOFU + "a.csv", "a.csv:2: 'perturbed_answer' is one text that looks like a printed list", "JSON Lines"), refused(TOFU + "b.jsonl", "b.jsonl:1: 'perturbed_answer' is one text"), {"run": TOFU + "c.jsonl"}])
case("rows-system-column", CHATML, "rows", "a system message in a column of its own is refused by line, not left out: datasets of ShareGPT's form have one",
     {"share.jsonl": lines({"system": "Be brief.", "conversations": SHARED[1:3]}), "orca.jsonl": lines({"system_prompt": "Be brief.", "question": "Where?", "answer": "There."}),
      "none.jsonl": lines({"system": "", "messages": TALK[1:3]}, {"system": None, "messages": TALK[1:3]}), "both.jsonl": lines({"system": "x", "messages": TALK[:3]})},
     lambda folder: [refused(EVAL + "share.jsonl", "share.jsonl:1: 'system' in a row is not passed to the chat template", "--system TEXT"),
                     refused(EVAL + "orca.jsonl", "orca.jsonl:1: 'system_prompt' in a row is not passed to the chat template"),
                     {"run": EVAL + "orca.jsonl --no-chat"}, {"run": EVAL + "none.jsonl", "json": conversation(folder, TALK[1:3], {1})}, {"run": EVAL + "both.jsonl", "json": conversation(folder, TALK[:3], {2})},
                     {"run": EVAL + "share.jsonl --system 'Be brief.'", "json": conversation(folder, [message("system", "Be brief.")] + TALK[1:3], {2})}])
case("rows-empty-answers", PLAIN, "refusals", "an empty answer or text is said to be empty",
     {"answer.jsonl": lines({"question": "Where?", "answer": ""}), "list.jsonl": lines({"question": "Where?", "answer": ["", "There."]}), "text.jsonl": lines({"text": ""}), "one.jsonl": lines({"text": "a"})},
     lambda folder: [refused(EVAL + "answer.jsonl", "answer.jsonl:1: the answer is empty", "--eos"), refused(EVAL + "list.jsonl", "list.jsonl:1: the answer is empty"),
                     refused(EVAL + "text.jsonl", "text.jsonl:1: the text is empty"), refused(EVAL + "one.jsonl", "one.jsonl:1: no label after the first token, which is the only one")])
