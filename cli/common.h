/* common.h - shared by the commands. The command line uses only the public header. */
#ifndef WG_CLI_COMMON_H
#define WG_CLI_COMMON_H

#include "options.h"

#include <jansson.h>

#define CLI_TOFU_SPLIT "forget01" /* default of --split */

/* *to = value, if value was given, that is, if it is not negative. */
void cli_given(double *to, double value);
void cli_given_whole(int64_t *to, int64_t value);
void cli_given_seed(uint64_t *to, int64_t value);

/* Prints an error message to stderr if the text is no gamma. */
wagle_status cli_read_gamma(const char *text, wagle_gamma *gamma);

/* The layout requested by --chat, --no-chat and --chat-layout; NULL: as in the model's folder. */
const char *cli_chat(const cli_options *o);
/* Texts that end an answer, or NULL. Says where one looks like a line break and is none. */
const char *const *cli_stop(const cli_options *o);
/* Options for reading the rows of a file, and of several files. */
wagle_data cli_rows(const cli_options *o, const char *path);
wagle_data cli_files(const cli_options *o, const char *const *list);
/* Of logits and gradient: --data's rows. */
wagle_rows_options cli_rows_options(const cli_options *o);
/* Prints text, if all went well, and frees it; returns st. */
wagle_status cli_print(wagle_status st, char *text);
/* Prints a value on one line and frees it. NULL means that memory ran out. */
wagle_status cli_print_json(json_t *value);
/* A string from any bytes; invalid UTF-8 becomes U+FFFD. */
json_t *cli_json_bytes(const char *text);
/* After a command that went well: what it made, and what to try next. */
void cli_summary(const cli_options *o, double seconds);
/* Prints an error message to stderr; returns WAGLE_E_USAGE. */
wagle_status cli_complain(const char *what);
/* Adds the files of a TOFU folder (--tofu, --split) to the given sets. */
wagle_status cli_tofu_sets(cli_options *o);
/* Sets the options of suites and their data sets; s borrows from o. */
wagle_status cli_suites(cli_options *o, wagle_suite_options *s);
/* Reads a whole file and adds a NUL; NULL on failure. Free with free(). */
char *cli_read_file(const char *path, size_t *bytes);
bool cli_exists(const char *path);
/* Length of a list that ends with NULL. */
int64_t cli_count(const char *const *list);

/* --- commands in files of their own ----------------------------------------------------------- */

wagle_status cli_tokenize(wagle_ctx *ctx, cli_options *o);
wagle_status cli_generate(wagle_ctx *ctx, cli_options *o);
wagle_status cli_attribute(wagle_ctx *ctx, cli_options *o);
wagle_status cli_mask(wagle_ctx *ctx, cli_options *o);
wagle_status cli_finetune(wagle_ctx *ctx, cli_options *o);
wagle_status cli_unlearn(wagle_ctx *ctx, cli_options *o);
/* requests.c: with --requests. */
wagle_status cli_unlearn_requests(wagle_ctx *ctx, const cli_options *o, wagle_train_options *t);
wagle_status cli_gradient(wagle_ctx *ctx, cli_options *o);
wagle_status cli_recipe_main(wagle_ctx *ctx, cli_options *o);
wagle_status cli_sweep(wagle_ctx *ctx, cli_options *o);
extern const char cli_sweep_notes[];
wagle_status cli_forget(wagle_ctx *ctx, cli_options *o);
wagle_status cli_doctor(wagle_ctx *ctx, cli_options *o);
wagle_status cli_eval(wagle_ctx *ctx, cli_options *o);
wagle_status cli_compare(wagle_ctx *ctx, cli_options *o);
wagle_status cli_report(wagle_ctx *ctx, cli_options *o);
wagle_status cli_merge(wagle_ctx *ctx, cli_options *o);
wagle_status cli_completion(wagle_ctx *ctx, cli_options *o);

#endif
