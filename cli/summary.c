/* summary.c - what a command leaves: what it made, where, in which time, and what can be done next.
 *
 * It goes to stderr, beside the result on stdout, and not with --quiet, --json and --dry-run. What
 * to do next is said at a terminal alone. */
#include "colour.h"
#include "common.h"
#include "meter.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* {NAME} in a command is the value of --NAME, {1} the first argument. A command whose values were
 * not all given is left out. */
static const struct summary {
    const char *command;
    const char *made; /* what --out is; NULL: the result on stdout says it */
    const char *next[3];
} summaries[] = {
    {"forget", NULL, {"wagle generate --model {out}/model --prompt 'a question'"}},
    {"unlearn",
     NULL,
     {"wagle eval --model {out} --data {forget}", "wagle report {out} --out report.html",
      "wagle diff {model} {out} --out forget.patch"}},
    {"finetune",
     NULL,
     {"wagle eval --model {out} --data {data}", "wagle report {out} --out report.html"}},
    {"attribute",
     "the scores",
     {"wagle mask --scores {out} --density 0.1 --exclude embeddings --out mask"}},
    {"mask",
     "the mask",
     {"wagle inspect {out}", "wagle unlearn --model {model} --forget {forget} --retain {retain} "
                             "--mask {out} --out forgotten"}},
    {"demo",
     "corpus, models and report",
     {"wagle inspect {out}/protect",
      "wagle eval --model {out}/protect --data {out}/forget.jsonl --eos"}},
    {"logits", "the logits", {"wagle inspect {out}"}},
    {"gradient", "the gradient", {"wagle inspect {out}"}},
    {"eval",
     "the result",
     {"wagle report {out} --out report.html", "wagle compare before.json {out}"}},
    {"report", "the page", {0}},
    {"sweep", "runs and tables", {0}},
    {"import", "the model folder", {"wagle generate --model {out} --prompt 'a question'"}},
    {"export", "the GGUF file", {"wagle inspect {out}"}},
    {"diff", "the patch", {"wagle apply {1} {out} --out applied"}},
    {"apply", "the model", {"wagle generate --model {out} --prompt 'a question'"}},
    {"revert", "the model", {"wagle generate --model {out} --prompt 'a question'"}},
    {"merge", "the model", {"wagle generate --model {out} --prompt 'a question'"}},
    {"init", "the model", {"wagle inspect {out}"}},
    {0},
};

/* The text that stands for {name}, or NULL. */
static const char *value_of(const cli_options *o, const char *name)
{
    const cli_option *t = cli_find(name);
    const char *text;

    if (strcmp(name, "1") == 0)
        return o->argument[0];
    if (strcmp(name, "out") == 0 && o->out == NULL && strcmp(o->command->name, "demo") == 0)
        return "demo";
    if (t == NULL || (t->kind != CLI_TEXT && t->kind != CLI_TEXTS))
        return NULL;
    memcpy(&text, (const char *)o + t->place, sizeof text); /* of a list, the first */
    return text;
}

/* template with its values; false if one is missing. */
static bool fill(const cli_options *o, const char *template, char out[1024])
{
    size_t n = 0;

    while (*template != '\0' && n < 1000) {
        char name[32];
        if (*template != '{') {
            out[n++] = *template ++;
            continue;
        }
        const size_t length = strcspn(++template, "}");
        snprintf(name, sizeof name, "%.*s", (int)length, template);
        const char *value = value_of(o, name);
        if (value == NULL)
            return false;
        n += (size_t)snprintf(out + n, 1000 - n, "%s", value);
        template += length + 1;
    }
    out[n < 1000 ? n : 1000] = '\0';
    return n < 1000;
}

/* " (1.2 MB)" of a file; "" of a folder. */
static void size_text(const char *path, char out[32])
{
    static const char *const unit[] = {"bytes", "kB", "MB", "GB", "TB"};
    struct stat s;
    double size;
    int k = 0;

    out[0] = '\0';
    if (stat(path, &s) != 0 || !S_ISREG(s.st_mode))
        return;
    for (size = (double)s.st_size; size >= 1000 && k < 4; k++)
        size /= 1000;
    snprintf(out, 32, k == 0 ? " (%.0f %s)" : " (%.1f %s)", size, unit[k]);
}

static void say_made(const cli_options *o, const struct summary *s, double seconds)
{
    const char *out = value_of(o, "out");
    char size[32], line[1200];

    if (s->made == NULL || out == NULL)
        return;
    size_text(out, size);
    snprintf(line, sizeof line, "%s: %s%s, made in %.1f s", out, s->made, size, seconds);
    cli_meter_print("wagle: ", cli_colour(2, CLI_BOLD), line);
}

void cli_summary(const cli_options *o, double seconds)
{
    const struct summary *s = summaries;
    char line[1024];

    while (s->command != NULL && strcmp(s->command, o->command->name) != 0)
        s++;
    if (s->command == NULL || o->quiet || o->json || o->dry_run)
        return;
    say_made(o, s, seconds);
    for (int i = 0; i < 3 && s->next[i] != NULL && isatty(2); i++)
        if (fill(o, s->next[i], line))
            cli_meter_print("  next: ", cli_colour(2, CLI_DIM), line);
}
