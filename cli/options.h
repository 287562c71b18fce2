/* options.h - one table of all options, from which parsing, --config keys and help are derived. */
#ifndef WG_CLI_OPTIONS_H
#define WG_CLI_OPTIONS_H

#include <wagle/wagle.h>

enum { CLI_LIST = 64, CLI_OPTIONS = 192, CLI_PARAMS = 48 };

/* How rows are read and laid out; which of them are read. */
#define CLI_ROWS                                                                                   \
    "prompt prompt-field answer-field text-field facts-field chat no-chat chat-layout chat-kwarg " \
    "system date all-turns eos truncate max-length limit fields where"

/* What training takes of the suites that it runs. */
#define CLI_OF_SUITES "suite suites set tofu split gold max-tokens shots no-eos"

/* Where a value comes from; a flag wins over a key of --config. */
typedef enum cli_source { CLI_UNSET, CLI_FROM_CONFIG, CLI_FROM_FLAG } cli_source;

/* What an option is on the command line, by its kind in the tables. */
#define CLI_HOLDS_TEXT(member) const char *member;
#define CLI_HOLDS_TEXTS(member) const char *member[CLI_LIST + 1];
#define CLI_HOLDS_REAL(member) double member;
#define CLI_HOLDS_WHOLE(member) int64_t member;
#define CLI_HOLDS_FLAG(member) bool member;
#define CLI_HOLDS_NOTHING(member)
#define CLI_HOLDS_CHOICE CLI_HOLDS_TEXT
#define CLI_HOLDS_FILE CLI_HOLDS_TEXT
#define CLI_HOLDS_FOLDER CLI_HOLDS_TEXT
#define CLI_HOLDS_OUTPUT CLI_HOLDS_TEXT
#define CLI_HOLDS_GAMMA CLI_HOLDS_TEXT
#define CLI_HOLDS_CLIP CLI_HOLDS_TEXT
#define CLI_HOLDS_PATTERNS CLI_HOLDS_TEXTS
#define CLI_HOLDS_DATA CLI_HOLDS_TEXTS
#define CLI_HOLDS_SETS CLI_HOLDS_TEXTS
#define CLI_HOLDS_FILES CLI_HOLDS_TEXTS
#define CLI_HOLDS_SEED CLI_HOLDS_WHOLE
#define CLI_HOLDS_BYTES CLI_HOLDS_WHOLE
#define CLI_HOLDS_ALIAS CLI_HOLDS_NOTHING
#define CLI_HOLDS_PARAMS CLI_HOLDS_NOTHING
#define CLI_HOLDS_SUITE CLI_HOLDS_NOTHING
#define CLI_HOLDS_PART CLI_HOLDS_NOTHING

typedef struct cli_options {
    const struct cli_command *command;
    bool again;       /* warnings on options without effect were printed before */
    const char *keys; /* where keys come from, in messages: "--config" */
#define WAGLE_OPTION(type, member, kind, ...) CLI_HOLDS_##kind(member)
#include <wagle/train_options.def>
#undef WAGLE_OPTION
#define OPTION(kind, member, attributes) CLI_HOLDS_##kind(member)
#include "options.def"
#undef OPTION
    wagle_param param[CLI_PARAMS]; /* the objectives' own options that were given */
    int64_t n_params;
    cli_source given[CLI_OPTIONS]; /* by row of the table */
    cli_source given_param[CLI_PARAMS];
    double param_value[CLI_PARAMS];     /* by wagle_objective_param */
    const char *argument[CLI_LIST + 1]; /* arguments that are not options */
} cli_options;

typedef enum cli_kind {
    CLI_TEXT,
    CLI_CHOICE, /* one of the words, which is kept as a text */
    CLI_TEXTS,  /* may be given several times */
    CLI_REAL,
    CLI_WHOLE,
    CLI_BYTES,
    CLI_FLAG
} cli_kind;

/* What a text names. */
typedef enum cli_path { CLI_NO_PATH, CLI_FILE, CLI_FOLDER, CLI_SETS, CLI_WRITTEN } cli_path;

/* How a structure of the library holds a value. */
typedef enum cli_form {
    CLI_NO_FORM,
    CLI_AS_TEXT, /* or as a list of texts, whose default is NULL */
    CLI_AS_REAL,
    CLI_AS_WHOLE,
    CLI_AS_SEED,   /* uint64_t */
    CLI_AS_CHOICE, /* an enumeration */
    CLI_AS_GAMMA
} cli_form;

/* Commands of one section stand together in `wagle help`. */
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
    int order;        /* in its group */
    const char *help; /* without its default and its range, which help adds */
    cli_path path;
    const char *range;          /* of a number, as an interval: "(0,1]"; NULL: "[0,)" */
    const char *const *words;   /* of a choice, by value: "" if no word asks for it, NULL past the
                                   last, */
    wagle_info (*table)(int i); /* or the table that its names are of */
    const char *key;            /* the member of a structure of the library that it sets */
    /* of training (include/wagle/train_options.def): */
    const char *commands; /* that take it; others name it in their own list */
    size_t at;            /* where in wagle_train_options; its defaults are there */
    cli_form form;
    const char *unset;        /* words for NULL, and for numbers of 0 and below */
    const char *of, *help_of; /* its help for this command is another */
    bool recorded, swept;     /* a key of manifest.json; of a sweep's spec */
    bool commas;              /* one value may be several files, A,B */
} cli_option;

/* All options by group, those of training and those of options.def: ends with a NULL name. */
extern const cli_option *const cli_table;
void cli_make_table(void);

/* The first option after t, or after NULL of all, that the command takes; NULL past the last. */
const cli_option *cli_next(const cli_command *c, const cli_option *t);
/* The option of that name, or NULL. */
const cli_option *cli_find(const char *name);
/* The i-th option over all objectives, and its flag without dashes (npo.beta is npo-beta); false
 * past the last, and where c, which may be NULL, takes no objective. */
bool cli_param(const cli_command *c, int i, wagle_param_info *p, char flag[64]);
/* The names of the objectives that have the option, with `between` them. */
void cli_owners(const char *key, const char *between, char out[256]);

/* The range of a number as an interval: "(0,1]". */
const char *cli_range(const cli_option *t);
/* What an option does for the command, and its group there; c NULL: in general. */
const char *cli_option_help(const cli_command *c, const cli_option *t);
/* The placeholder of its value in the command's help; "" for a flag. */
const char *cli_option_value(const cli_command *c, const cli_option *t);
cli_group cli_option_group(const cli_command *c, const cli_option *t);
/* The word that the option takes in place of a number, which stands for 0; or NULL. */
const char *cli_word(const cli_option *t);
/* The value that the text in o stands for; 0 if there is none. place: of the option, a choice. */
int cli_chosen(const cli_options *o, size_t place);
#define CLI_CHOSEN(o, member) ((unsigned)cli_chosen((o), offsetof(cli_options, member)))
/* The i-th word that the option takes; false past the last, and where it takes other values too. */
bool cli_choice(const cli_option *t, int i, char out[32]);
/* All of them: "linear, cosine or constant". */
void cli_choices(const cli_option *t, char out[128]);
/* Whether CLI_TEXTS may be given several times to the command. */
bool cli_repeats(const char *command, const char *option);

extern const cli_command cli_commands[]; /* ends with a NULL name */

/* No option is given. */
void cli_begin(const cli_command *c, cli_options *o);
/* What all options are checked for, once they are set: rules, files, outputs. */
wagle_status cli_check(const cli_command *c, cli_options *o);
/* Fills o from --config and argv, and checks it. On failure, prints the reason to stderr and
 * returns WAGLE_E_USAGE or WAGLE_E_INPUT. */
wagle_status cli_parse(const cli_command *c, int argc, const char **argv, cli_options *o);
/* Whether `name` is in the space-separated list `names`. */
bool cli_listed(const char *names, const char *name);
/* Whether the command takes the option. */
bool cli_takes(const cli_command *c, const cli_option *t);
bool cli_applies(const cli_command *c, const char *name);
/* Whether the option was given, by a flag or in --config. */
bool cli_was_given(const cli_options *o, const char *name);
/* A formatted text that lasts as long as the program; "" without memory. */
const char *cli_keep(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* npo.beta is --npo-beta */
void cli_flag_name(const char *key, char out[64]);
/* Prints an error message to stderr; returns WAGLE_E_USAGE. */
wagle_status cli_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Numbers that are not given are below 0. */
void cli_unset(cli_options *o, const cli_option *t);
void cli_unset_all(cli_options *o);
/* Reads a value into the place of an option, or of an objective's own option i. */
wagle_status cli_set(const cli_command *c, cli_options *o, const cli_option *t, const char *value,
                     cli_source source);
wagle_status cli_set_param(cli_options *o, int i, const char *value, cli_source source);

/* --- config.c: options as keys of a JSON object ------------------------------------------------
 */

/* The JSON object in the text, with comments as in C, or NULL after a message that begins with
 * `what` and the line. json_decref. */
struct json_t *cli_read_object(const char *what, char *text);
/* The option, or the objective's own option (its number), that the key sets; NULL and -1: none. */
const cli_option *cli_key_option(const cli_command *c, const char *key);
int cli_key_param(const cli_command *c, const char *key);
/* Sets the option of a key. Strings of the value are borrowed. */
wagle_status cli_apply_key(const cli_command *c, cli_options *o, const char *key,
                           const struct json_t *value);
/* Sets options from the keys of the file. Its strings are not freed. */
wagle_status cli_apply_config(const cli_command *c, const char *path, cli_options *o);

/* --- recipe.c, steps.c -------------------------------------------------------------------------
 */

/* Whether the command takes the option only to pass it on to the commands that it runs. */
bool cli_passes_on(const cli_command *c, const cli_option *t);

/* --- rules.c: options that have no effect ----------------------------------------------------- */

wagle_status cli_check_rules(const cli_command *c, cli_options *o);

/* --- paths.c ---------------------------------------------------------------------------------- */

/* Fails with WAGLE_E_INPUT, naming the option, if an input file does not exist. */
wagle_status cli_check_paths(const cli_command *c, const cli_options *o);
/* FILE@WEIGHT is FILE, unless a file has that very name. */
void cli_without_weight(const char *path, char out[4096]);
/* Whether an entry of --protect is not a file. */
bool cli_is_no_file(const cli_option *t, const char *path);
/* Fails with WAGLE_E_USAGE if an output is the same file as an input, also via links. */
wagle_status cli_check_outputs(const cli_command *c, const cli_options *o);

/* --- value.c: numbers and their ranges -------------------------------------------------------- */

/* Messages name the option as `what`: "--lr", or "--config: 'lr'". */
wagle_status cli_read_real(const char *what, const char *text, const char *range, double *out);
wagle_status cli_read_whole(const char *what, const char *text, const char *range, int64_t *out);
wagle_status cli_read_bytes(const char *what, const char *text, int64_t *out);

/* --- flags.c ---------------------------------------------------------------------------------- */

/* A wagle_name_fn: members as the flags that set them. user: the cli_command. */
void cli_name_option(void *user, const char *option, const char *value, char *out, size_t bytes);

/* --- names.c: suggestions for wrong names ----------------------------------------------------- */

/* Print a suggestion for an unknown flag or key of --config; return WAGLE_E_USAGE. argv: to find
 * the objective. */
wagle_status cli_unknown_option(const cli_command *c, const char *flag, const char **argv);
wagle_status cli_unknown_key(const cli_command *c, const char *where, const char *key);
/* The word of list [n] that is most like `name`, or "". */
void cli_nearest(const char *name, const char *const *list, size_t n, char near[64]);
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

/* --- complete.c ------------------------------------------------------------------------------- */

/* For the shells' scripts: prints what may stand in place of the last of the words [n] after
 * `wagle`. Returns the exit code. */
int cli_complete(int n, char **words);

#endif
