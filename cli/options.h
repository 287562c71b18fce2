/* options.h - every option of the command in one table: parsing, --config keys and help follow. */
#ifndef WG_CLI_OPTIONS_H
#define WG_CLI_OPTIONS_H

#include <wagle/wagle.h>

enum { CLI_LIST = 64, CLI_OPTIONS = 192, CLI_PARAMS = 48 };

/* Where a value comes from; a flag wins over a key of --config. */
typedef enum cli_source { CLI_UNSET, CLI_FROM_CONFIG, CLI_FROM_FLAG } cli_source;

typedef struct cli_options {
    const char *model, *out, *scores, *mask, *refusal;
    const char *selector, *objective, *dtype, *type, *format, *metrics, *stop_when, *gamma, *config,
        *device, *precision;
    const char *reference, *retain_term, *rmu_control, *pairs, *optimizer, *schedule, *loss, *scope,
        *reduction;
    const char *op, *densities, *svg, *out_patch, *old, *clip, *baseline, *column;
    const char *suites, *tofu, *split, *gold, *gold_model, *recompute, *scorer, *title, *original;
    const char *export_file, *state, *text, *file, *decode, *prompt_field, *answer_field,
        *text_field, *facts_field;
    const char *chat_layout, *system, *date, *chat_kwarg[CLI_LIST + 1];
    const char *data[CLI_LIST + 1], *forget[CLI_LIST + 1], *retain[CLI_LIST + 1],
        *protect[CLI_LIST + 1];       /* files */
    const char *prompt[CLI_LIST + 1]; /* a row's template is the last */
    const char *sets[CLI_LIST + 1];   /* NAME=FILE */
    const char *include[CLI_LIST + 1], *exclude[CLI_LIST + 1], *lora_targets[CLI_LIST + 1],
        *no_decay[CLI_LIST + 1];
    double density, lr, epochs, alpha, forget_weight, weight_decay, temperature, top_p, damping,
        lora_alpha, relearn_lr, rectify, protect_damping, margin;
    int64_t memory; /* bytes */
    int64_t steps, batch, warmup, seed, eval_every, checkpoint_every, max_length, limit, max_tokens,
        top_k, threads, accumulate, lora, resamples, shots, prefix, length, verbatim, relearn_steps,
        protect_rank;
    bool compare, join, force, resume, json, layers, tensors, quiet, verbose, no_special, chat,
        no_chat, all_turns, truncate, eos, no_eos, help, dry_run, monitor, clip_before_mask,
        allow_unmet, land, skip_forgotten, yes, plan, no_undo, redact;
    wagle_param param[CLI_PARAMS]; /* the objectives' own options that were given */
    int64_t n_params;
    cli_source given[CLI_OPTIONS]; /* by row of the table */
    cli_source given_param[CLI_PARAMS];
    double param_value[CLI_PARAMS];     /* by wagle_objective_param */
    const char *argument[CLI_LIST + 1]; /* those that are not options */
} cli_options;

typedef enum cli_kind {
    CLI_TEXT,
    CLI_TEXTS, /* may be given several times */
    CLI_REAL,
    CLI_WHOLE,
    CLI_BYTES,
    CLI_FLAG
} cli_kind;

/* Commands of one section stand together in `wagle help`. */
typedef enum cli_section { CLI_FORGET, CLI_LOOK, CLI_COMPARE, CLI_FILES, CLI_SECTIONS } cli_section;

typedef struct cli_command {
    const char *name;
    cli_section section;
    const char *argument, *summary;
    const char *example; /* one to three commands, a line each */
    const char *options; /* names, separated by spaces */
    wagle_status (*run)(wagle_ctx *ctx, cli_options *o);
    const char *argument_missing; /* NULL: they may be left out */
    const char *notes;            /* lines below the options, as they are; or NULL */
    int most_arguments;           /* 0: one, if `argument` names it */
} cli_command;

/* Options of one group stand together in the help, in this order. */
typedef enum cli_group {
    CLI_MODEL,
    CLI_DATA,
    CLI_LAYOUT,
    CLI_METHOD,
    CLI_WEIGHTS,
    CLI_PROTECT,
    CLI_TRAINING,
    CLI_STOPPING,
    CLI_TESTS,
    CLI_GENERATION,
    CLI_COMPARING,
    CLI_OUTPUT,
    CLI_COMMON, /* shown by `wagle help common` */
    CLI_GROUPS
} cli_group;

typedef struct cli_option {
    const char *name, *value; /* value: what its help calls it; NULL for a flag */
    cli_kind kind;
    size_t place; /* in cli_options */
    cli_group group;
    const char *help; /* without its default and its range, which help adds */
} cli_option;

extern const cli_option cli_table[]; /* ends with a NULL name */

/* The range of a number as an interval: "(0,1]". */
const char *cli_range(const char *option);
/* What an option does for the command, and its group there; c NULL: in general. */
const char *cli_option_help(const cli_command *c, const cli_option *t);
cli_group cli_option_group(const cli_command *c, const cli_option *t);
/* Whether `value` is a word that the option takes in place of a number; it stands for 0. */
bool cli_is_word(const char *option, const char *value);
/* The i-th word that the option takes; NULL past the last, and where it takes other values too. */
const char *cli_choice(const cli_option *t, int i);
/* Whether CLI_TEXTS may be given several times to the command. */
bool cli_repeats(const char *command, const char *option);

extern const cli_command cli_commands[]; /* ends with a NULL name */

/* Fills o from --config and argv, and checks it. On failure says why on stderr and returns
 * WAGLE_E_USAGE or WAGLE_E_INPUT. */
wagle_status cli_parse(const cli_command *c, int argc, const char **argv, cli_options *o);
/* Whether `name` is one of `names`, which have spaces between them. */
bool cli_listed(const char *names, const char *name);
/* Whether the command takes the option. */
bool cli_applies(const cli_command *c, const char *name);
/* Row of the table, or -1. */
int cli_find(const char *name);
/* Whether the option was given, by a flag or in --config. */
bool cli_was_given(const cli_options *o, const char *name);
/* npo.beta is --npo-beta */
void cli_flag_name(const char *key, char out[64]);
/* Says on stderr what is wrong; returns WAGLE_E_USAGE. */
wagle_status cli_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Reads a value into the place of row i, or of an objective's own option i. */
wagle_status cli_set(const cli_command *c, cli_options *o, int i, const char *value,
                     cli_source source);
wagle_status cli_set_param(cli_options *o, int i, const char *value, cli_source source);
/* The file's keys into o. Its strings stay as long as the process. */
wagle_status cli_apply_config(const cli_command *c, const char *path, cli_options *o);

/* --- rules.c: options that have no effect ------------------------------------------------------
 */

wagle_status cli_check_rules(const cli_command *c, cli_options *o);

/* --- paths.c -----------------------------------------------------------------------------------
 */

/* WAGLE_E_INPUT, and says which option, where a file that is to be read is not there. */
wagle_status cli_check_paths(const cli_command *c, const cli_options *o);
/* WAGLE_E_USAGE where an output is the same file as an input, through links too. */
wagle_status cli_check_outputs(const cli_command *c, const cli_options *o);

/* --- value.c: numbers and their ranges ---------------------------------------------------------
 */

/* Messages name the option as `what`: "--lr", or "--config: 'lr'". */
wagle_status cli_read_real(const char *what, const char *text, const char *range, double *out);
wagle_status cli_read_whole(const char *what, const char *text, const char *range, int64_t *out);
wagle_status cli_read_bytes(const char *what, const char *text, int64_t *out);

/* --- names.c: what a wrong name may have meant -------------------------------------------------
 */

/* Say which option a flag, or a key of --config, may stand for; return WAGLE_E_USAGE.
 * argv: where the objective is named. */
wagle_status cli_unknown_option(const cli_command *c, const char *flag, const char **argv);
wagle_status cli_unknown_key(const cli_command *c, const char *key);
wagle_status cli_unknown_command(const char *name);
/* Of `wagle help NAME`. */
wagle_status cli_unknown_help(const char *name);

/* --- value.c, defaults.c: what help says of a value --------------------------------------------
 */

typedef struct cli_interval {
    double low, high;
    bool above, below; /* the ends do not belong to it */
} cli_interval;

/* "(0,1]"; an end that is not there is infinite. */
cli_interval cli_interval_read(const char *range);
/* "above 0 and at most 1" */
void cli_describe_range(const char *range, char out[96]);
/* 1e-5 and 1e6, not 1e-05 and 1e+06 */
void cli_number(double value, char out[32]);
/* The option's default for the command, from the library's *_defaults(); "" if there is none. */
void cli_default(const cli_command *c, const char *option, char out[96]);

/* --- help.c ------------------------------------------------------------------------------------
 */

/* The command of that name, or NULL. */
const cli_command *cli_command_find(const char *name);
/* `wagle help ...`: argv are the words after help. Returns the exit code. */
int cli_help_command(int argc, char **argv);
void cli_help(const cli_command *c);

#endif
