/* complete.c - completion of command lines in bash, zsh and fish.
 *
 * A script of the shell asks `wagle __complete WORD...` for what may stand in place of the last
 * word. Each line of the answer is a word, or a word, a tab and what it means; or :files or
 * :folders, which the shell lists itself. Everything follows from the table of options. */
#include "common.h"
#include "page.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char bash[] =
    "# wagle completion bash: put it into ~/.local/share/bash-completion/completions/wagle\n"
    "_wagle() {\n"
    "    local typed=${COMP_LINE:0:COMP_POINT} words current start answer\n"
    "    read -ra words <<<\"$typed\"\n"
    "    [[ $typed == *[[:space:]] ]] && words+=('')\n"
    "    current=${words[-1]}\n"
    "    start=${current%\"${current##*[:=]}\"} # bash begins a word after : and =\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r answer; do\n"
    "        case $answer in\n"
    "        :files | :folders)\n"
    "            compopt -o filenames\n"
    "            local kind=-f; [[ $answer == :folders ]] && kind=-d\n"
    "            while IFS= read -r answer; do COMPREPLY+=(\"$answer\"); done \\\n"
    "                < <(compgen $kind -- \"${current#\"$start\"}\") ;;\n"
    "        *)\n"
    "            answer=${answer%%$'\\t'*}\n"
    "            COMPREPLY+=(\"$(printf %q \"${answer#\"$start\"}\")\") ;;\n"
    "        esac\n"
    "    done < <(\"${words[0]}\" __complete \"${words[@]:1}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _wagle wagle\n";

static const char zsh[] =
    "#compdef wagle\n"
    "# wagle completion zsh: put it as _wagle into a folder of $fpath\n"
    "_wagle() {\n"
    "    local answer\n"
    "    local -a names shown\n"
    "    while IFS= read -r answer; do\n"
    "        case $answer in\n"
    "        :files) _files ;;\n"
    "        :folders) _files -/ ;;\n"
    "        *)\n"
    "            names+=(\"${answer%%$'\\t'*}\")\n"
    "            shown+=(\"${answer/$'\\t'/  -- }\") ;;\n"
    "        esac\n"
    "    done < <(\"${words[1]}\" __complete \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)\n"
    "    if (( $#names )); then compadd -l -d shown -a names; fi\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _wagle ]; then _wagle \"$@\"; else compdef _wagle wagle; fi\n";

static const char fish[] =
    "# wagle completion fish: put it into ~/.config/fish/completions/wagle.fish\n"
    "function __wagle_complete\n"
    "    set -l words (commandline -opc) (commandline -ct)\n"
    "    for answer in ($words[1] __complete $words[2..-1] 2>/dev/null)\n"
    "        switch $answer\n"
    "            case :files\n"
    "                __fish_complete_path (commandline -ct)\n"
    "            case :folders\n"
    "                __fish_complete_directories (commandline -ct)\n"
    "            case '*'\n"
    "                echo $answer\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c wagle -f -a '(__wagle_complete)'\n";

static const struct shell {
    const char *name, *script;
} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

enum { SHELLS = sizeof shells / sizeof *shells };

wagle_status cli_completion(wagle_ctx *ctx, cli_options *o)
{
    (void)ctx;
    for (int i = 0; i < SHELLS; i++)
        if (strcmp(o->argument[0], shells[i].name) == 0) {
            fputs(shells[i].script, stdout);
            return WAGLE_OK;
        }
    return cli_refuse("completion %s: there are bash, zsh and fish", o->argument[0]);
}

/* --- answers -----------------------------------------------------------------------------------
 */

/* What is completed: the words of the line, of which the last one is being written. */
typedef struct line {
    const cli_command *command; /* NULL: it is not known yet */
    const char *const *word;    /* [n] */
    int n;
    const char *current;
} line;

static void offer(const line *l, const char *word, const char *meaning)
{
    if (strncmp(word, l->current, strlen(l->current)) != 0)
        return;
    printf("%s%s%s\n", word, meaning != NULL ? "\t" : "", meaning != NULL ? meaning : "");
}

static bool is_given(const line *l, const char *flag)
{
    for (int i = 0; i + 1 < l->n; i++)
        if (strncmp(l->word[i], "--", 2) == 0 && strcmp(l->word[i] + 2, flag) == 0)
            return true;
    return false;
}

/* What follows an option on the line; NULL if it is not there. */
static const char *value_of(const line *l, const char *flag)
{
    for (int i = 0; i + 2 < l->n; i++)
        if (strncmp(l->word[i], "--", 2) == 0 && strcmp(l->word[i] + 2, flag) == 0)
            return l->word[i + 1];
    return NULL;
}

/* --- names of tensors --------------------------------------------------------------------------
 */

/* A name with * in place of the layer; false if it has no layer. */
static bool without_layer(const char *name, char out[256])
{
    size_t at = 0;

    while (name[at] != '\0' && !(name[at] == '.' && isdigit((unsigned char)name[at + 1])))
        at++;
    if (name[at] == '\0')
        return false;
    const size_t digits = strspn(name + at + 1, "0123456789");
    return snprintf(out, 256, "%.*s.*%s", (int)at, name, name + at + 1 + digits) < 256;
}

/* The tensors of a model, each once for all layers. */
static void offer_tensors(const line *l, const json_t *model)
{
    json_t *seen = json_object(), *tensor;
    char pattern[256];
    size_t i;

    json_array_foreach (json_object_get(model, "tensors"), i, tensor) {
        const char *name = json_string_value(json_object_get(tensor, "name"));
        const char *word = name != NULL && without_layer(name, pattern) ? pattern : name;
        if (word == NULL || json_object_get(seen, word) != NULL)
            continue;
        json_object_set_new(seen, word, json_true());
        offer(l, word, word == pattern ? "in every layer" : "a tensor");
    }
    json_decref(seen);
}

/* inspect's JSON of --model, or NULL. Only headers of files are read. */
static json_t *inspect(const char *path)
{
    wagle_inspect_options o;
    wagle_ctx *ctx;
    char *text = NULL;
    json_t *model = NULL;

    if (path == NULL || wagle_ctx_new(&ctx) != WAGLE_OK)
        return NULL;
    wagle_inspect_defaults(&o);
    o.path = path;
    o.json = o.tensors = true;
    if (wagle_inspect(ctx, &o, &text) == WAGLE_OK)
        model = json_loads(text, 0, NULL);
    wagle_string_free(text);
    wagle_ctx_free(ctx);
    return model;
}

static void offer_patterns(const line *l)
{
    static const char *const groups[] = {"embeddings", "attention", "ffn", "norms",
                                         "biases",     "head",      NULL};
    json_t *model = inspect(value_of(l, "model"));
    const long long layers = json_integer_value(json_object_get(model, "layers"));
    char word[64];

    for (int i = 0; groups[i] != NULL; i++)
        offer(l, groups[i], "a group of tensors");
    if (layers > 0) {
        snprintf(word, sizeof word, "layers:0-%lld", layers - 1);
        offer(l, word, "all layers; narrow it down");
        snprintf(word, sizeof word, "layers:%lld-%lld", layers / 2, layers - 1);
        offer(l, word, "the upper half");
    }
    offer_tensors(l, model);
    json_decref(model);
}

/* --- values, options, commands -----------------------------------------------------------------
 */

static void offer_table(const line *l, wagle_info (*at)(int i))
{
    for (int i = 0; at(i).name != NULL; i++)
        offer(l, at(i).name, at(i).summary);
}

/* Lists that are texts on the command line, because they may hold several names. */
static const struct list {
    const char *option;
    wagle_info (*at)(int i);
} lists[] = {{"suite", wagle_suite_info},
             {"suites", wagle_suite_info},
             {"metrics", wagle_metric_info},
             {"loss", wagle_objective_info},
             {"chat-layout", wagle_chat_info}};

static void offer_values(const line *l, const cli_option *t)
{
    char word[32];

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(lists[i].option, t->name) == 0)
            offer_table(l, lists[i].at);
    if (t->table != NULL)
        offer_table(l, t->table);
    else if (strcmp(t->value, "PATTERN") == 0)
        offer_patterns(l);
    else if (t->path == CLI_FOLDER)
        puts(":folders");
    else if (t->path != CLI_NO_PATH)
        puts(":files");
    else
        for (int i = 0; cli_choice(t, i, word); i++)
            offer(l, word, NULL);
    if (cli_word(t) != NULL)
        offer(l, cli_word(t), t->help);
}

static void offer_options(const line *l)
{
    const char *objective = value_of(l, "objective");
    char word[80], flag[64];
    wagle_param_info p;

    for (const cli_option *t = cli_next(l->command, NULL); t != NULL; t = cli_next(l->command, t)) {
        snprintf(word, sizeof word, "--%s", t->name);
        if (t->kind == CLI_TEXTS || !is_given(l, t->name))
            offer(l, word, cli_option_help(l->command, t));
    }
    for (int i = 0; cli_param(l->command, i, &p, flag); i++) {
        snprintf(word, sizeof word, "--%s", flag);
        if (objective != NULL && wagle_objective_has(objective, p.key) && !is_given(l, flag))
            offer(l, word, p.help);
    }
}

/* The option whose value the current word is, or NULL. */
static const cli_option *awaited(const line *l)
{
    const char *before = l->n > 1 ? l->word[l->n - 2] : "";
    const cli_option *t = strncmp(before, "--", 2) == 0 ? cli_find(before + 2) : NULL;

    return t != NULL && t->value != NULL && cli_takes(l->command, t) ? t : NULL;
}

static void offer_commands(const line *l)
{
    for (const cli_command *c = cli_commands; c->name != NULL; c++)
        offer(l, c->name, c->summary);
}

static void offer_topics(const line *l)
{
    for (const cli_topic *t = cli_topics; t->name != NULL; t++)
        offer(l, t->name, t->summary);
}

int cli_complete(int n, char **words)
{
    line l = {.word = (const char *const *)words, .n = n, .current = n > 0 ? words[n - 1] : ""};

    if (n < 2) {
        offer_commands(&l);
        offer(&l, "help", "options of a command, and topics");
        return 0;
    }
    if (strcmp(words[0], "help") == 0) {
        offer_commands(&l);
        offer_topics(&l);
        return 0;
    }
    l.command = cli_command_find(words[0]);
    if (l.command == NULL)
        return 0;
    if (awaited(&l) != NULL)
        offer_values(&l, awaited(&l));
    else if (strcmp(l.command->name, "completion") == 0 && *l.current != '-')
        for (int i = 0; i < SHELLS; i++)
            offer(&l, shells[i].name, NULL);
    else if (l.command->argument != NULL && *l.current != '-')
        puts(":files");
    else
        offer_options(&l);
    return 0;
}
