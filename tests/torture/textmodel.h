/* A tiny model with a byte tokenizer, and rows for the suites' jobs. */
#ifndef WG_TESTS_TEXTMODEL_H
#define WG_TESTS_TEXTMODEL_H

#include "support.h"

#define MODEL WG_GOLD "/models/llama-gqa-tied"
#define TEXT_MODEL WG_SCRATCH "/torture-model"
#define RESULT WG_SCRATCH "/torture-result.json"
#define QUESTIONS WG_SCRATCH "/torture-questions.jsonl"
#define CHOICES WG_SCRATCH "/torture-choices.jsonl"
#define ENDINGS WG_SCRATCH "/torture-endings.jsonl"
#define SOLVED WG_SCRATCH "/torture-solved.jsonl"
#define KNOWING WG_SCRATCH "/torture-knowing"
#define KNOWN WG_SCRATCH "/torture-known.jsonl"

/* Writes a text to a file. */
void write_text(const char *path, const char *text);

/* Writes TEXT_MODEL, and the rows in QUESTIONS, CHOICES, ENDINGS and SOLVED. */
void make_text_model(void);

/* Trains KNOWING, a model that knows the rows in KNOWN. */
void know_once(void);

#endif
