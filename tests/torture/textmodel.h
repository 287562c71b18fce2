/* A tiny model with a byte tokenizer, and rows for the suites' jobs. */
#ifndef WG_TESTS_TEXTMODEL_H
#define WG_TESTS_TEXTMODEL_H

#include "support.h"

/* Where its files are: another program, which may run at the same time, names another place. */
#ifndef TEXT_PLACE
#define TEXT_PLACE "/torture"
#endif
#define MODEL WG_GOLD "/models/llama-gqa-tied"
#define TEXT_MODEL WG_SCRATCH TEXT_PLACE "-model"
#define RESULT WG_SCRATCH TEXT_PLACE "-result.json"
#define QUESTIONS WG_SCRATCH TEXT_PLACE "-questions.jsonl"
#define PARAPHRASED WG_SCRATCH TEXT_PLACE "-paraphrased.jsonl"
#define CHOICES WG_SCRATCH TEXT_PLACE "-choices.jsonl"
#define ENDINGS WG_SCRATCH TEXT_PLACE "-endings.jsonl"
#define SOLVED WG_SCRATCH TEXT_PLACE "-solved.jsonl"
#define KNOWING WG_SCRATCH TEXT_PLACE "-knowing"
#define KNOWN WG_SCRATCH TEXT_PLACE "-known.jsonl"

/* Writes a text to a file. */
void write_text(const char *path, const char *text);

/* Writes TEXT_MODEL, and the rows in QUESTIONS, PARAPHRASED, CHOICES, ENDINGS and SOLVED. */
void make_text_model(void);

/* Trains KNOWING, a model that knows the rows in KNOWN. */
void know_once(void);

#endif
