/* chatlayouts.c - built-in Jinja templates, for folders without a chat template. */
#include "text/chat.h"

/* Turns of the form BEFORE role MIDDLE content AFTER, and the opening of the answer. */
#define TURNS(before, middle, after)                                                               \
    "{% for m in messages %}{{ " before " + m.role + " middle " + m.content + " after              \
    " }}{% endfor %}"
#define ANSWER(text) "{% if add_generation_prompt %}{{ " text " }}{% endif %}"
/* Splits the messages into `lead`, the system message for the first user turn, and `turns`. */
#define LEAD(before, after)                                                                        \
    "{% if messages[0].role == 'system' %}{% set lead = " before " + messages[0].content + " after \
    " %}{% set turns = messages[1:] %}{% else %}{% set lead = '' %}{% set turns = messages %}"     \
    "{% endif %}"

const wg_chat_layout wg_chat_layouts[] = {
    {"chatml", "<|im_start|>user ... <|im_end|> (SmolLM2, Qwen)",
     TURNS("'<|im_start|>'", "'\\n'", "'<|im_end|>\\n'") ANSWER("'<|im_start|>assistant\\n'")},
    {"llama3", "<|start_header_id|>user<|end_header_id|> ...",
     "{{ bos_token | default('<|begin_of_text|>') }}" TURNS(
         "'<|start_header_id|>'", "'<|end_header_id|>\\n\\n'", "'<|eot_id|>'")
         ANSWER("'<|start_header_id|>assistant<|end_header_id|>\\n\\n'")},
    {"gemma", "<start_of_turn>user ... <end_of_turn>",
     "{{ bos_token }}" LEAD("''", "'\\n\\n'") "{% for m in turns %}{{ '<start_of_turn>' + ('model' "
                                              "if m.role == 'assistant' else m.role) + "
                                              "'\\n' + (lead if loop.first else '') + m.content + "
                                              "'<end_of_turn>\\n' }}{% endfor %}" ANSWER(
                                                  "'<start_of_turn>model\\n'")},
    {"phi3", "<|user|> ... <|end|> <|assistant|>",
     TURNS("'<|'", "'|>\\n'", "'<|end|>\\n'") ANSWER("'<|assistant|>\\n'")},
    {"zephyr", "<|user|> ... </s> <|assistant|>",
     "{% set eos = eos_token | default('</s>') %}" TURNS("'<|'", "'|>\\n'", "eos + '\\n'")
         ANSWER("'<|assistant|>\\n'")},
    {"llama2", "[INST] <<SYS>> ... [/INST]",
     LEAD("'<<SYS>>\\n'",
          "'\\n<</SYS>>\\n\\n'") "{% for m in turns %}{% if m.role == 'assistant' %}{{ ' ' + "
                                 "m.content + ' ' + "
                                 "eos_token | default('</s>') }}{% else %}{{ bos_token ~ '[INST] ' "
                                 "~ (lead if loop.first else "
                                 "'') ~ m.content ~ ' [/INST]' }}{% endif %}{% endfor %}"},
    {"mistral", "[INST] ... [/INST]",
     "{{ bos_token }}" LEAD(
         "''", "'\\n\\n'") "{% for m in turns %}{% if m.role == 'assistant' %}{{ ' ' + m.content + "
                           "eos_token | default('</s>') }}{% else %}{{ '[INST] ' ~ (lead if "
                           "loop.first else '') ~ "
                           "m.content ~ ' [/INST]' }}{% endif %}{% endfor %}"},
    {"plain", "User: ... Assistant:",
     "{% for m in messages %}{% if m.role == 'system' %}{{ m.content + '\\n\\n' }}{% else %}"
     "{{ m.role | capitalize + ': ' + m.content + '\\n' }}{% endif %}{% endfor %}" ANSWER(
         "'Assistant: '")},
    {0},
};
