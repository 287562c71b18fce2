/* flags.c - options in messages of the library: members as the flags that set them.
 *
 * The table of options has the flag of each member. Here is only what is not one flag for one
 * member. */
#include "options.h"

#include <stdio.h>
#include <string.h>

static const struct spelling {
    const char *option, *value; /* value NULL: any, which follows the flag */
    const char *command;        /* NULL: all */
    const char *flag;
} spellings[] = {
    {"chat", "none", NULL, "--no-chat"},   {"chat", "required", NULL, "--chat"},
    {"chat", NULL, NULL, "--chat-layout"}, {"retain", NULL, "finetune", "--data"},
    {"watch.gold", NULL, NULL, "--gold"},  {"confirm", "true", NULL, "--yes"},
    {"export_type", NULL, NULL, "--type"},
};

static const struct spelling *find(const char *command, const char *option, const char *value)
{
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        const struct spelling *s = &spellings[i];
        if (strcmp(s->option, option) == 0 &&
            (s->command == NULL || strcmp(s->command, command) == 0) &&
            (s->value == NULL || (value != NULL && strcmp(s->value, value) == 0)))
            return s;
    }
    return NULL;
}

/* Of the table; --npo-beta of npo.beta, --prompt of forget.prompt. */
static void flag_of(const char *option, char out[80])
{
    const char *last = strrchr(option, '.');
    const cli_option *t = cli_next(NULL, NULL);
    wagle_param_info p;
    char flag[64];

    for (int i = 0; cli_param(NULL, i, &p, flag); i++)
        if (strcmp(p.key, option) == 0) {
            snprintf(out, 80, "--%s", flag);
            return;
        }
    option = last != NULL ? last + 1 : option;
    while (t != NULL && strcmp(t->key, option) != 0)
        t = cli_next(NULL, t);
    snprintf(out, 80, "--%s", t != NULL ? t->name : option);
}

void cli_name_option(void *user, const char *option, const char *value, char *out, size_t bytes)
{
    const cli_command *c = user;
    const struct spelling *s = find(c->name, option, value);
    const bool alone =
        value == NULL || strcmp(value, "true") == 0 || (s != NULL && s->value != NULL);
    char flag[80];

    if (s != NULL)
        snprintf(flag, sizeof flag, "%s", s->flag);
    else
        flag_of(option, flag);
    snprintf(out, bytes, "%s%s%s", flag, alone ? "" : " ", alone ? "" : value);
}
