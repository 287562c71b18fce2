"""Writes the cases tests/cases/chat-* that are listed here, with what transformers makes of them.

    python tests/cases/make/chat.py tests/cases

Needs torch and transformers 5.24. The right NLL is that of the answer after the text that apply_chat_template gives,
tokenised without adding special tokens."""
import datetime, json, os, shutil, sys, tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers.utils.chat_template_utils as chat
from transformers import AutoModelForCausalLM, AutoTokenizer

root = sys.argv[1]
question, answer = "Where does Ada Quill live?", "In Port Lumen."
EVAL = "wagle eval --model model --data rows.jsonl --metrics nll --json --chat --quiet"


class Fixed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 7, 31)


chat.datetime = Fixed


def nll(folder, system=None, template=None, **options):
    """Mean NLL of the answer, and the prompt."""
    with tempfile.TemporaryDirectory() as scratch:
        model_folder = shutil.copytree(f"{folder}/model", f"{scratch}/model")
        shutil.copy(f"{root}/weights/llama-a.safetensors", f"{model_folder}/model.safetensors")
        tokenizer = AutoTokenizer.from_pretrained(model_folder)
        model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).eval()
    messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": question}]
    prompt = tokenizer.apply_chat_template(messages, chat_template=template, add_generation_prompt=True, tokenize=False, **options)
    head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    ids = tokenizer(prompt + answer, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].double()
    loss = torch.nn.functional.cross_entropy(logits[len(head) - 1:-1], torch.tensor(ids[len(head):]))
    return round(loss.item(), 5), prompt


def case(name, base, why, files, steps, config=None):
    """base: an older case whose model folder it takes. steps(folder) gives them."""
    folder = f"{root}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(f"{root}/{base}/model", f"{folder}/model")
    shutil.copy(f"{root}/{base}/rows.jsonl", folder)
    path = f"{folder}/model/tokenizer_config.json"
    settings = json.load(open(path))
    settings.update(config or {})
    settings = {k: v for k, v in settings.items() if v is not None}
    json.dump(settings, open(path, "w"), indent=1, ensure_ascii=False)
    for file, text in files.items():
        os.makedirs(os.path.dirname(f"{folder}/model/{file}"), exist_ok=True)
        open(f"{folder}/model/{file}", "w").write(text)
    made = {"kind": "chat", "judge": "transformers 5.24.0, apply_chat_template", "why": why}
    made["files"] = {"model/model.safetensors": "weights/llama-a.safetensors"}
    made["steps"] = steps(folder)
    json.dump(made, open(f"{folder}/case.json", "w"), indent=1, ensure_ascii=False)


def right(folder, options="", template=None, system=None, **kwargs):
    value, prompt = nll(folder, system, template, **kwargs)
    print(f"{folder}{options}: {value}\n{prompt}\n")
    return {"run": EVAL + options, "json": {"overall.nll": value}}


# As Llama 3.2's: the date of today, unless one is given.
DATED = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Knowledge until: December 2023\\n" }}
{{- "Today: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
case("chat-date", "chat-bos-twice", "the template writes the date of today, which a run must be able to fix: strftime_now gives --date, and the variable date_string goes before it",
     {"chat_template.jinja": DATED}, lambda folder: [
         right(folder, " --date 2026-07-31"), right(folder, " --date 2026-07-31 --system ' Be brief. '", system=" Be brief. "),
         right(folder, " --chat-kwarg 'date_string=1 Jan 2025'", date_string="1 Jan 2025")], {"chat_template": None})

# As Qwen 3's: an option closes the block of thoughts before the answer.
THINKING = """{%- set ns = namespace(last=messages|length - 1, seek=true) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.seek and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>')) %}
        {%- set ns.seek = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if loop.index0 > ns.last and message.reasoning_content is string %}
        {{- '<|im_start|>' + message.role + '\\n<think>\\n' + message.reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + message.content + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content.split('</think>')[-1].lstrip('\\n') + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""
case("chat-think-option", "chat-template-list", "an option of the template (enable_thinking=false) writes an empty block of thoughts where the answer begins; false is a boolean, not the text 'false'",
     {}, lambda folder: [right(folder), right(folder, " --chat-kwarg enable_thinking=false", enable_thinking=False),
                         right(folder, " --chat-kwarg enable_thinking=true", enable_thinking=True)], {"chat_template": THINKING})

# As Gemma's: roles that the template refuses.
REFUSING = ("{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}"
            "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
            "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
            "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}")
case("chat-template-refuses", "chat-bos-in-template", "the template refuses a system message; its words are the error, with the template's name and exit code 3",
     {}, lambda folder: [right(folder), {"run": EVAL + " --system 'Be brief.'", "rc": 3, "stderr": ["System role not supported", "tokenizer_config.json chat_template"], "stderr_lines": 1}],
     {"chat_template": REFUSING})

PLAIN = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
MACROS = """{# Trims and joins parts. #}
{% macro text(content) %}{% if content is string %}{{ content | trim }}{% else %}{% for part in content if part.type == 'text' %}{{ part.text }}{% endfor %}{% endif %}{% endmacro %}
{% set names = {'user': 'Q', 'assistant': 'A'} %}
{% for m in messages %}
<|im_start|>{{ names.get(m.role, m.role | capitalize) }}: {{ text(m.content) }}<|im_end|>
{% endfor %}
{% if add_generation_prompt %}
<|im_start|>A:{% endif %}
"""
case("chat-named-templates", "chat-template-list", "chat_template.jinja goes before what tokenizer_config.json has; files in additional_chat_templates are named templates",
     {"chat_template.jinja": MACROS, "additional_chat_templates/plain.jinja": PLAIN}, lambda folder: [
         right(folder), {**right(folder, template="plain"), "run": EVAL.replace(" --chat ", " --chat-layout plain ")},
         {"run": EVAL.replace(" --chat ", " --chat-layout other "), "rc": 2, "stderr": ["'other'", "plain", "chatml"], "stderr_lines": 1}],
     {"chat_template": "{{ 'stale' }}"})
case("chat-unknown-filter", "chat-template-list", "what the template language does not know is refused by name and line, where jinja2 refuses it",
     {"chat_template.jinja": "{% for m in messages %}\n{{ m.role }}: {{ m.content | shout }}\n{% endfor %}\n"},
     lambda folder: [{"run": EVAL, "rc": 3, "stderr": ["model/chat_template.jinja:2:", "'shout'"], "stderr_lines": 1}], {"chat_template": None})
LONG = "a" + "é" * 60
case("chat-name-beyond-ascii", "chat-template-list", "names of templates are not cut within a character; texts of options that are not UTF-8 are refused by name",
     {}, lambda folder: [right(folder), {"run": EVAL.replace(" --chat ", f" --chat-layout {LONG} "), "rc": 0, "stdout": [LONG]},
                         *({"run": f"{EVAL} {option}", "rc": 2, "stderr": [words], "stderr_lines": 1} for option, words in (
                             ("--system \"$(printf 'a\\377')\"", "--system is not valid UTF-8"), ("--chat-kwarg \"a=$(printf '\\377')\"", "--chat-kwarg 'a="), ("--prompt \"$(printf '\\377'){prompt}\"", "--prompt is not valid UTF-8")))],
     {"chat_template": [{"name": "default", "template": PLAIN}, {"name": LONG, "template": PLAIN}]})
