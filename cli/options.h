/* options.h - one table of all options, from which parsing, --config keys and help are derived. */
#ifndef WG_CLI_OPTIONS_H
#define WG_CLI_OPTIONS_H

#include <wagle/wagle.h>

enum { CLI_LIST = 64, CLI_OPTIONS = 192, CLI_PARAMS = 48 };

/* Source of a value; a flag overrides a key of --config. */
typedef enum cli_source { CLI_UNSET, CLI_FROM_CONFIG, CLI_FROM_FLAG } cli_source;

typedef struct cli_options {
    const char *model, *out, *scores, *mask, *refusal;
    const char *selector, *objective, *dtype, *type, *format, *metrics, *stop_when, *gamma, *config;
    const char *reference, *retain_term, *rmu_control, *pairs, *optimizer, *schedule, *loss, *scope,
        *reduction;
    const char *op, *densities, *svg, *out_patch, *old, *clip, *baseline, *column;
    const char *suites, *tofu, *split, *gold, *gold_model, *recompute, *scorer, *title, *original;
    const char *export_file, *state, *text, *file, *decode, *prompt_field, *answer_field,
        *text_field, *facts_field;
    const char *chat_layout, *system, *date, *chat_kwarg[CLI_LIST + 1];
    const char *data[CLI_LIST + 1], *forget[CLI_LIST + 1], *retain[CLI_LIST + 1],
        *protect[CLI_LIST + 1];       /* files */
    const char *prompt[CLI_LIST + 1]; /* for a template of rows, the last is used */
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
    wagle_param param[CLI_PARAMS]; /* options of objectives that were given */
    int64_t n_params;
    cli_source given[CLI_OPTIONS]; /* by row of the table */
    cli_source given_param[CLI_PARAMS];
    double param_value[CLI_PARAMS];     /* by wagle_objective_param */
    const char *argument[CLI_LIST + 1]; /* arguments that are not options */
} cli_options;

typedef enum cli_kind {
    CLI_TEXT,
    CLI_TEXTS, /* may be given several times */
    CLI_REAL,
    CLI_WHOLE,
    CLI_BYTES,
    CLI_FLAG
} cli_kind;

/* Sections of commands in `wagle help`. */
typedef enum cli_section { CLI_FORGET, CLI_LOOK, CLI_COMPARE, CLI_FILES, CLI_SECTIONS } cli_section;

typedef struct cli_command {
    const char *name;
    cli_section section;
    const char *argument, *summary;
    const char *example; /* one to three commands, one per line */
    const char *options; /* names, separated by spaces */
    wagle_status (*run)(wagle_ctx *ctx, cli_options *o);
    const char *argument_missing; /* message if arguments are missing; NULL: they are optional */
    const char *notes;            /* preformatted lines below the options, or NULL */
    int most_arguments;           /* maximum number; 0: one if `argument` is set */
} cli_command;

/* Groups of options in help, in this order. */
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
    const char *name, *value; /* value: placeholder in help; NULL for a flag */
    cli_kind kind;
    size_t place; /* offset in cli_options */
    cli_group group;
    const char *help; /* without its default and its range, which help adds */
} cli_option;

extern const cli_option cli_table[]; /* ends with a NULL name */

/* The range of a number as an interval: "(0,1]". */
const char *cli_range(const char *option);
/* Help text and group of an option for a command; c NULL: in general. */
const char *cli_option_help(const cli_command *c, const cli_option *t);
cli_group cli_option_group(const cli_command *c, const cli_option *t);
/* Whether `value` is a word that the option accepts instead of a number; it means 0. */
bool cli_is_word(const char *option, const char *value);
/* The i-th word that the option accepts; NULL past the last, or if it also accepts other values. */
const char *cli_choice(const cli_option *t, int i);
/* Whether CLI_TEXTS may be given several times to the command. */
bool cli_repeats(const char *command, const char *option);

extern const cli_command cli_commands[]; /* ends with a NULL name */

/* Fills o from --config and argv, and checks it. On failure, prints the reason to stderr and
 * returns WAGLE_E_USAGE or WAGLE_E_INPUT. */
wagle_status cli_parse(const cli_command *c, int argc, const char **argv, cli_options *o);
/* Whether `name` is in the space-separated list `names`. */
bool cli_listed(const char *names, const char *name);
/* Whether the command takes the option. */
bool cli_applies(const cli_command *c, const char *name);
/* Row of the table, or -1. */
int cli_find(const char *name);
/* Whether the option was given, by a flag or in --config. */
bool cli_was_given(const cli_options *o, const char *name);
/* npo.beta is --npo-beta */
void cli_flag_name(const char *key, char out[64]);
/* Prints an error message to stderr; returns WAGLE_E_USAGE. */
wagle_status cli_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Parses a value and stores it for row i of the table, or for option i of an objective. */
wagle_status cli_set(const cli_command *c, cli_options *o, int i, const char *value,
                     cli_source source);
wagle_status cli_set_param(cli_options *o, int i, const char *value, cli_source source);
/* Sets options from the keys of the file. Its strings are not freed. */
wagle_status cli_apply_config(const cli_command *c, const char *path, cli_options *o);

/* --- rules.c: options that have no effect ----------------------------------------------------- */

wagle_status cli_check_rules(const cli_command *c, cli_options *o);

/* --- paths.c ---------------------------------------------------------------------------------- */

/* Fails with WAGLE_E_INPUT, naming the option, if an input file does not exist. */
wagle_status cli_check_paths(const cli_command *c, const cli_options *o);
/* Fails with WAGLE_E_USAGE if an output is the same file as an input, also via links. */
wagle_status cli_check_outputs(const cli_command *c, const cli_options *o);

/* --- value.c: numbers and their ranges -------------------------------------------------------- */

/* Messages name the option as `what`: "--lr", or "--config: 'lr'". */
wagle_status cli_read_real(const char *what, const char *text, const char *range, double *out);
wagle_status cli_read_whole(const char *what, const char *text, const char *range, int64_t *out);
wagle_status cli_read_bytes(const char *what, const char *text, int64_t *out);

/* --- names.c: suggestions for wrong names ----------------------------------------------------- */

/* Print a suggestion for an unknown flag or key of --config; return WAGLE_E_USAGE. argv: to find
 * the objective. */
wagle_status cli_unknown_option(const cli_command *c, const char *flag, const char **argv);
wagle_status cli_unknown_key(const cli_command *c, const char *key);
wagle_status cli_unknown_command(const char *name);
/* For `wagle help NAME`. */
wagle_status cli_unknown_help(const char *name);

/* --- value.c, defaults.c: values in help ------------------------------------------------------ */

typedef struct cli_interval {
    double low, high;
    bool above, below; /* exclusive ends */
} cli_interval;

/* Parses "(0,1]"; a missing end is infinite. */
cli_interval cli_interval_read(const char *range);
/* Writes "above 0 and at most 1". */
void cli_describe_range(const char *range, char out[96]);
/* Formats a number: 1e-5 and 1e6 instead of 1e-05 and 1e+06. */
void cli_number(double value, char out[32]);
/* The option's default for the command, from the library's *_defaults(); "" if there is none. */
void cli_default(const cli_command *c, const char *option, char out[96]);

/* --- help.c ----------------------------------------------------------------------------------- */

/* The command of that name, or NULL. */
const cli_command *cli_command_find(const char *name);
/* `wagle help ...`; argv: the arguments after help. Returns the exit code. */
int cli_help_command(int argc, char **argv);
void cli_help(const cli_command *c);

#endif
