/* page.c - contents of the front page, of command pages and of the page of common options. */
#include "page.h"

#include <stdio.h>
#include <string.h>

static const char *const group_title[CLI_GROUPS] = {
    [CLI_MODEL] = "Model",
    [CLI_DATA] = "Data",
    [CLI_LAYOUT] = "How rows become text",
    [CLI_METHOD] = "Method",
    [CLI_WEIGHTS] = "Which weights change",
    [CLI_PROTECT] = "Protection",
    [CLI_TRAINING] = "Training",
    [CLI_STOPPING] = "Stopping and monitoring",
    [CLI_TESTS] = "Tests",
    [CLI_GENERATION] = "Generated text",
    [CLI_COMPARING] = "Comparing",
    [CLI_OUTPUT] = "Output",
};

static const char *const section_title[CLI_SECTIONS] = {
    [CLI_FORGET] = "Forget",
    [CLI_LOOK] = "Look into a model",
    [CLI_COMPARE] = "Measure and compare",
    [CLI_FILES] = "Files and formats",
};

void cli_note(const cli_shown *s, char out[256])
{
    const bool values = s->values[0] != '\0', standard = s->default_text[0] != '\0';

    out[0] = '\0';
    if (values || standard)
        snprintf(out, 256, "[%s%s%s%s]", s->values, values && standard ? "; " : "",
                 standard ? "default: " : "", s->default_text);
}

/* --- options ---------------------------------------------------------------------------------- */

/* Whether a topic lists the values, because there are many (objectives, selectors). */
static bool is_listed_elsewhere(const cli_option *t)
{
    return strcmp(t->name, "objective") == 0 || strcmp(t->name, "selector") == 0;
}

static void values_text(const cli_option *t, char out[128])
{
    char word[32];

    out[0] = '\0';
    if (cli_choice(t, 0, word) && !is_listed_elsewhere(t))
        cli_choices(t, out);
    else if (t->kind == CLI_REAL || t->kind == CLI_WHOLE)
        cli_describe_range(cli_range(t), out);
}

static void show_option(const cli_writer *w, const cli_command *c, const cli_option *t)
{
    char values[128], standard[96];

    values_text(t, values);
    cli_default(c, t->name, standard);
    w->option(
        &(cli_shown){t->name, cli_option_value(c, t), cli_option_help(c, t), values, standard});
}

static void show_group(const cli_writer *w, const cli_command *c, cli_group group)
{
    bool any = false;

    for (const cli_option *t = cli_next(c, NULL); t != NULL; t = cli_next(c, t)) {
        if (cli_option_group(c, t) != group || cli_passes_on(c, t))
            continue;
        if (!any)
            w->heading(group_title[group]);
        any = true;
        show_option(w, c, t);
    }
}

static void show_param(const cli_writer *w, const wagle_param_info *p, const char *flag)
{
    char range[80], values[96], standard[32];

    snprintf(range, sizeof range, "[%.17g,%.17g]", p->min, p->max);
    cli_describe_range(range, values);
    cli_number(p->value, standard);
    w->option(&(cli_shown){flag, "X", p->help, values, standard});
}

static void show_params(const cli_writer *w)
{
    char before[256] = "", now[256], title[300], flag[64];
    wagle_param_info p;

    w->heading("Parameters of the objectives");
    for (int i = 0; cli_param(NULL, i, &p, flag); i++) {
        cli_owners(p.key, ", ", now);
        if (strcmp(now, before) != 0) {
            snprintf(title, sizeof title, "of %s", now);
            w->subheading(title);
        }
        memcpy(before, now, sizeof before);
        show_param(w, &p, flag);
    }
}

/* --- pages ------------------------------------------------------------------------------------ */

/* Calls show for each line of the text, without its newline. */
static void each_line(const char *text, void (*show)(const char *line))
{
    char line[400];

    for (size_t n; text != NULL && *text != '\0'; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        show(line);
    }
}

static void point_to_common(const cli_writer *w, const cli_command *c)
{
    char text[400];
    size_t n = (size_t)snprintf(text, sizeof text, "Common options (`wagle help common`):");

    for (const cli_option *t = cli_next(c, NULL); t != NULL && n < 360; t = cli_next(c, t))
        if (cli_option_group(c, t) == CLI_COMMON)
            n += (size_t)snprintf(text + n, sizeof text - n, " --%s", t->name);
    w->paragraph(text);
}

static void point_to_topics(const cli_writer *w, const cli_command *c)
{
    char text[400];
    size_t n = (size_t)snprintf(text, sizeof text, "More (`wagle help TOPIC`):");

    for (const cli_topic *t = cli_topics; t->name != NULL && n < 360; t++)
        if (cli_listed(t->commands, c->name) || cli_listed(t->commands, "*"))
            n += (size_t)snprintf(text + n, sizeof text - n, " %s", t->name);
    w->paragraph(text);
}

void cli_page_command(const cli_writer *w, const cli_command *c)
{
    char name[128];

    snprintf(name, sizeof name, "wagle %s%s%s", c->name, c->argument != NULL ? " " : "",
             c->argument != NULL ? c->argument : "");
    w->start(name, c->summary);
    each_line(c->example, w->command);
    for (cli_group g = 0; g < CLI_COMMON; g++) {
        show_group(w, c, g);
        if (g == CLI_METHOD && cli_applies(c, "objective") &&
            !cli_passes_on(c, cli_find("objective")))
            show_params(w);
    }
    if (c->notes != NULL)
        w->lines(c->notes);
    point_to_common(w, c);
    point_to_topics(w, c);
    w->end();
}

/* A command that takes every common option, for their defaults and whole list. */
void cli_page_common(const cli_writer *w)
{
    static const cli_command any = {.name = "any", .options = "seed memory"};

    for (const cli_option *t = cli_next(NULL, NULL); t != NULL; t = cli_next(NULL, t))
        if (t->group == CLI_COMMON)
            show_option(w, &any, t);
    w->paragraph("Every option is also a key of the JSON object that --config names: "
                 "{\"lr\": 1e-5, \"stop_when\": \"forget.probability<0.1\", \"force\": true}. "
                 "Options that may repeat take a list. An option on the command line wins over "
                 "its key in the file.");
    w->paragraph("Names may be written with hyphens or underscores: --weight-decay, "
                 "--weight_decay. Results go to standard output, log and progress to standard "
                 "error.");
}

static void list_topics(const cli_writer *w)
{
    w->heading("Topics (`wagle help TOPIC`)");
    for (const cli_topic *t = cli_topics; t->name != NULL; t++)
        w->item(t->name, t->summary);
}

void cli_page_front(const cli_writer *w, bool end)
{
    w->start("wagle", "make a language model forget chosen data and keep the rest");
    w->paragraph("Forget the people or questions of a file, keep what the model can do otherwise, "
                 "test both, and write a report:");
    w->command("wagle forget MODEL --data people.csv --out forgotten");
    w->paragraph("`wagle demo` shows all of it on a tiny model, without a download.");
    for (cli_section s = 0; s < CLI_SECTIONS; s++) {
        w->heading(section_title[s]);
        for (const cli_command *c = cli_commands; c->name != NULL; c++)
            if (c->section == s)
                w->item(c->name, c->summary);
    }
    list_topics(w);
    w->paragraph("`wagle help COMMAND` shows the options of a command.");
    if (end)
        w->end();
}
