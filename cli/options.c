/* options.c - the table of all options; a command names those that it takes. */
#include "options.h"

#include <stdio.h>
#include <string.h>

/* --- words of choices --------------------------------------------------------------------------
 */

#define WAGLE_CHOICES(type) static const char *const words_of_##type[] = {
#define WAGLE_CHOICE(constant, word) word,
#define WAGLE_CHOICES_END(type)                                                                    \
    NULL                                                                                           \
    }                                                                                              \
    ;
#include <wagle/choices.def>

/* --- options of training -----------------------------------------------------------------------
 */

#define DECIDES(with)
#define EXPLAINS(with, fact)
#define IGNORED
#define ABOVE(x) .range = "(" #x ",)",
#define AT_LEAST(x) .range = "[" #x ",)",
#define FROM_TO(x, y) .range = "[" #x "," #y "]",
#define ABOVE_TO(x, y) .range = "(" #x "," #y "]",
#define ABOVE_BELOW(x, y) .range = "(" #x "," #y ")",
#define UNSET(x, words) .unset = words,
#define CHOICES(type) .words = words_of_##type,
#define TABLE(info) .table = info,
#define MANIFEST(when) .recorded = true,
#define SWEEP(wanted) .swept = true,
#define FLAG(flag, called, heading, number, by, text)                                              \
    .name = flag, .value = called, .group = CLI_##heading, .order = number, .commands = by,        \
    .help = text,
#define HELP_OF(command, text) .of = command, .help_of = text,

#define AT(member) offsetof(cli_options, member)
#define ROW_TEXT(member) .kind = CLI_TEXT, .place = AT(member), .form = CLI_AS_TEXT
#define ROW_TEXTS(member) .kind = CLI_TEXTS, .place = AT(member), .form = CLI_AS_TEXT
#define ROW_REAL(member) .kind = CLI_REAL, .place = AT(member), .form = CLI_AS_REAL
#define ROW_WHOLE(member) .kind = CLI_WHOLE, .place = AT(member), .form = CLI_AS_WHOLE
#define ROW_SEED(member) .kind = CLI_WHOLE, .place = AT(member), .form = CLI_AS_SEED
#define ROW_BYTES(member) .kind = CLI_BYTES, .place = AT(member)
#define ROW_FLAG(member) .kind = CLI_FLAG, .place = AT(member)
#define ROW_CHOICE(member) .kind = CLI_CHOICE, .place = AT(member), .form = CLI_AS_CHOICE
#define ROW_FILE(member) ROW_TEXT(member), .path = CLI_FILE
#define ROW_FOLDER(member) ROW_TEXT(member), .path = CLI_FOLDER
#define ROW_OUTPUT(member) ROW_TEXT(member), .path = CLI_WRITTEN
#define ROW_GAMMA(member) .kind = CLI_TEXT, .place = AT(member), .form = CLI_AS_GAMMA
#define ROW_CLIP(member) .kind = CLI_TEXT, .place = AT(member), .form = CLI_AS_REAL
#define ROW_DATA(member) .kind = CLI_TEXTS, .place = AT(member), .path = CLI_FILE
#define ROW_FILES(member) ROW_DATA(member), .commas = true
#define ROW_SETS(member) .kind = CLI_TEXTS, .place = AT(member), .path = CLI_SETS
#define ROW_NOTHING(member) .name = NULL /* it has no flag */
#define ROW_PATTERNS ROW_TEXTS
#define ROW_ALIAS ROW_TEXT
#define ROW_PARAMS ROW_NOTHING
#define ROW_SUITE ROW_NOTHING
#define ROW_PART ROW_NOTHING
#define WAGLE_OPTION(type, member, sort, finetune, unlearn, attributes)                            \
    {ROW_##sort(member), .key = #member, .at = offsetof(wagle_train_options, member), attributes},

#define NAMED(flag, called, heading, number, text) FLAG(flag, called, heading, number, NULL, text)
#define OPTION(sort, member, attributes) {ROW_##sort(member), .key = #member, attributes},

static const cli_option of_training[] = {
#include <wagle/train_options.def>
};

/* --- all others --------------------------------------------------------------------------------
 */

static const cli_option others[] = {
#include "options.def"
};
#undef AT

/* --- the table ---------------------------------------------------------------------------------
 */

static cli_option table[CLI_OPTIONS];
const cli_option *const cli_table = table;

/* Before the first option of a later group or place. */
static void insert(const cli_option *t, int *n)
{
    int i = (*n)++;

    for (; i > 0 && (table[i - 1].group > t->group ||
                     (table[i - 1].group == t->group && table[i - 1].order > t->order));
         i--)
        table[i] = table[i - 1];
    table[i] = *t;
}

_Static_assert((sizeof of_training + sizeof others) / sizeof *table < CLI_OPTIONS, "CLI_OPTIONS");

void cli_make_table(void)
{
    int n = 0;

    for (size_t i = 0; i < sizeof of_training / sizeof *of_training; i++)
        if (of_training[i].name != NULL)
            insert(&of_training[i], &n);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        insert(&others[i], &n);
}

void cli_unset(cli_options *o, const cli_option *t)
{
    void *at = (char *)o + t->place;

    if (t->kind == CLI_FLAG)
        *(bool *)at = false;
    if (t->form == CLI_AS_TEXT && t->kind == CLI_TEXT)
        *(const char **)at = NULL;
    if (t->kind == CLI_REAL)
        *(double *)at = -1;
    if (t->kind == CLI_WHOLE)
        *(int64_t *)at = -1;
}

void cli_unset_all(cli_options *o)
{
    for (size_t i = 0; i < sizeof of_training / sizeof *of_training; i++)
        cli_unset(o, &of_training[i]); /* also those without a flag */
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cli_unset(o, &others[i]);
}

const cli_option *cli_next(const cli_command *c, const cli_option *t)
{
    for (t = t == NULL ? cli_table : t + 1; t->name != NULL; t++)
        if (c == NULL || cli_takes(c, t))
            return t;
    return NULL;
}

const cli_option *cli_find(const char *name)
{
    const cli_option *t = cli_next(NULL, NULL);

    while (t != NULL && strcmp(t->name, name) != 0)
        t = cli_next(NULL, t);
    return t;
}

/* Where an option means something else, or belongs elsewhere, for one command. */
static const struct own {
    const char *option, *commands;
    cli_group group;
    const char *help;
} own[] = {
    {"data", "finetune", CLI_DATA,
     "file of rows to train on (may repeat; FILE@W multiplies this "
     "file's loss terms by W)"},
    {"reference", "eval", CLI_MODEL,
     "another model: suite membership compares with it, robustness moves the weights back to it"},
    {"prompt", "generate", CLI_DATA,
     "text to continue, or a question to a chat model (may repeat)"},
    {"config", "init", CLI_DATA, "config.json of the model to make"},
    {"protect", "attribute mask", CLI_PROTECT,
     "rows to protect, for the score that --gamma protect makes: a file of rows, a .txt file, "
     "retain, or self[:N] (may repeat)"},
    {"tensorboard", "attribute", CLI_OUTPUT,
     "write histograms of the scores where TensorBoard shows them, one for each module, whose "
     "steps "
     "are the layers"},
    {"temperature", "eval", CLI_GENERATION,
     "sampling temperature of suites extraction and toxicity, and of --samples; 0 always takes the "
     "likeliest token"},
    {"out", "eval", CLI_OUTPUT, "file X.json for the result; its rows go into X.rows.jsonl"},
    {"gold", "report", CLI_TESTS, "label of the model that never saw the forget set"},
    {"dry-run", "sweep", CLI_OUTPUT, "only print which runs are done"},
    {"dry-run", "recipe", CLI_OUTPUT,
     "only print the files to fetch, the steps, and the memory and time that they need"},
    {"where", "forget", CLI_LAYOUT,
     "forget only the rows of --data whose column is this text; COLUMN!=TEXT: is not (may repeat; "
     "all hold)"},
    {"fields", "forget", CLI_LAYOUT,
     "read a column of --data under another name, as in query=question (may repeat)"},
    {"data", "recipe", CLI_DATA, "folder with the files that the recipe names"},
    {"out", "recipe", CLI_OUTPUT, "folder for scores, mask, model, results and report"},
};

static const struct own *find_own(const cli_command *c, const cli_option *t)
{
    for (size_t i = 0; c != NULL && i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i].option, t->name) == 0 && cli_listed(own[i].commands, c->name))
            return &own[i];
    return NULL;
}

const char *cli_option_help(const cli_command *c, const cli_option *t)
{
    const struct own *o = find_own(c, t);

    if (c != NULL && t->of != NULL && strcmp(t->of, c->name) == 0)
        return t->help_of;
    return o != NULL ? o->help : t->help;
}

const char *cli_option_value(const cli_command *c, const cli_option *t)
{
    /* the only one that differs */
    if (c != NULL && strcmp(c->name, "recipe") == 0 && strcmp(t->name, "data") == 0)
        return "FOLDER";
    return t->value != NULL ? t->value : "";
}

cli_group cli_option_group(const cli_command *c, const cli_option *t)
{
    const struct own *o = find_own(c, t);
    return o != NULL ? o->group : t->group;
}

const char *cli_range(const cli_option *t)
{
    return t->range != NULL ? t->range : "[0,)";
}

const char *cli_word(const cli_option *t)
{
    const bool number = t->kind == CLI_REAL || t->kind == CLI_WHOLE;

    return number && t->unset != NULL && *t->unset != '\0' && strchr(t->unset, ' ') == NULL
               ? t->unset
               : NULL;
}

int cli_chosen(const cli_options *o, size_t place)
{
    const char *text;
    const cli_option *t = cli_next(NULL, NULL);

    while (t->place != place)
        t = cli_next(NULL, t);
    memcpy(&text, (const char *)o + place, sizeof text);
    for (int i = 0; text != NULL && t->words[i] != NULL; i++)
        if (strcmp(t->words[i], text) == 0)
            return i;
    return 0;
}

bool cli_choice(const cli_option *t, int i, char out[32])
{
    static const char *const none[] = {NULL};
    const char *const *word = t->words != NULL ? t->words : none;
    const char *name = t->table != NULL ? t->table(i).name : NULL;

    if (t->table != NULL)
        return name != NULL && snprintf(out, 32, "%s", name) > 0;
    for (; *word != NULL; word++)
        if (**word != '\0' && i-- == 0)
            return snprintf(out, 32, "%s", *word) > 0;
    return false;
}

void cli_choices(const cli_option *t, char out[128])
{
    char word[32], next[32];
    size_t n = 0;

    for (int i = 0; cli_choice(t, i, word) && n < 90; i++)
        n += (size_t)snprintf(out + n, 128 - n, "%s%s",
                              i == 0                       ? ""
                              : cli_choice(t, i + 1, next) ? ", "
                                                           : " or ",
                              word);
}

bool cli_param(const cli_command *c, int i, wagle_param_info *p, char flag[64])
{
    *p = wagle_objective_param(i);
    if (p->key == NULL || (c != NULL && !cli_applies(c, "objective")))
        return false;
    cli_flag_name(p->key, flag);
    return true;
}

void cli_owners(const char *key, const char *between, char out[256])
{
    size_t n = 0;

    out[0] = '\0';
    for (int i = 0; wagle_objective_info(i).name != NULL && n < 200; i++)
        if (wagle_objective_has(wagle_objective_info(i).name, key))
            n += (size_t)snprintf(out + n, 256 - n, "%s%s", n > 0 ? between : "",
                                  wagle_objective_info(i).name);
}

/* Rows of several files are trained on together; other commands answer for one file. */
bool cli_repeats(const char *command, const char *option)
{
    if (strcmp(option, "data") == 0)
        return strcmp(command, "finetune") == 0;
    return strcmp(option, "prompt") != 0 || strcmp(command, "generate") == 0;
}
