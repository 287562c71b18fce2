/* common.h - what commands share. The command is a client of the public header alone. */
#ifndef WG_CLI_COMMON_H
#define WG_CLI_COMMON_H

#include "options.h"

#include <jansson.h>

#define CLI_TOFU_SPLIT "forget01" /* --split where it is not given */

/* *to = value, if one was given (it is not below 0). */
void cli_given(double *to, double value);
void cli_given_whole(int64_t *to, int64_t value);
void cli_given_seed(uint64_t *to, int64_t value);
/* Rows of a file as the options say they are read. */
/* The layout that --chat, --no-chat and --chat-layout ask for; NULL: by the model's folder. */
const char *cli_chat(const cli_options *o);
wagle_data cli_rows(const cli_options *o, const char *path);
/* Of logits and gradient: --data's rows. */
wagle_rows_options cli_rows_options(const cli_options *o);
/* Prints text, if all went well, and frees it; returns st. */
wagle_status cli_print(wagle_status st, char *text);
/* Prints it in a line, and frees it. NULL: there was no memory. */
wagle_status cli_print_json(json_t *value);
/* A string of any bytes: what is no UTF-8 becomes U+FFFD. */
json_t *cli_json_bytes(const char *text);
/* Says what is wrong on stderr; returns WAGLE_E_USAGE. */
wagle_status cli_complain(const char *what);
/* What the options say of suites and their sets; s borrows from o. */
wagle_status cli_suites(cli_options *o, wagle_suite_options *s);
/* A whole file, NUL added; NULL on failure. Free it. */
char *cli_read_file(const char *path, size_t *bytes);
int64_t cli_count(const char *const *list);
/* Rows of several files. */
wagle_data cli_files(const cli_options *o, const char *const *list);

/* --- commands that have a file of their own --- */

wagle_status cli_tokenize(wagle_ctx *ctx, cli_options *o);
wagle_status cli_generate(wagle_ctx *ctx, cli_options *o);
wagle_status cli_attribute(wagle_ctx *ctx, cli_options *o);
wagle_status cli_mask(wagle_ctx *ctx, cli_options *o);
wagle_status cli_finetune(wagle_ctx *ctx, cli_options *o);
wagle_status cli_unlearn(wagle_ctx *ctx, cli_options *o);
wagle_status cli_gradient(wagle_ctx *ctx, cli_options *o);
wagle_status cli_sweep(wagle_ctx *ctx, cli_options *o);
extern const char cli_sweep_notes[];
wagle_status cli_forget(wagle_ctx *ctx, cli_options *o);
wagle_status cli_eval(wagle_ctx *ctx, cli_options *o);
wagle_status cli_compare(wagle_ctx *ctx, cli_options *o);
wagle_status cli_report(wagle_ctx *ctx, cli_options *o);

#endif
