/* common.c - helpers of several commands. */
#include "common.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void cli_given(double *to, double value)
{
    if (value >= 0)
        *to = value;
}

void cli_given_whole(int64_t *to, int64_t value)
{
    if (value >= 0)
        *to = value;
}

void cli_given_seed(uint64_t *to, int64_t value)
{
    if (value >= 0)
        *to = (uint64_t)value;
}

wagle_status cli_read_gamma(const char *text, wagle_gamma *gamma)
{
    return wagle_gamma_read(text, gamma)
               ? WAGLE_OK
               : cli_complain("--gamma must be diag, auto, protect or a number above 0");
}

int64_t cli_count(const char *const *list)
{
    int64_t n = 0;

    while (list[n] != NULL)
        n++;
    return n;
}

const char *cli_chat(const cli_options *o)
{
    return o->chat_layout != NULL ? o->chat_layout
           : o->chat              ? "required"
           : o->no_chat           ? "none"
                                  : NULL;
}

const char *const *cli_stop(const cli_options *o)
{
    for (int i = 0; o->stop[i] != NULL; i++)
        if (strstr(o->stop[i], "\\n") != NULL || strstr(o->stop[i], "\\t") != NULL)
            fprintf(stderr,
                    "wagle: warning: --stop '%s' has a backslash and a letter; a line break is "
                    "$'\\n' in the shell\n",
                    o->stop[i]);
    return o->stop[0] != NULL ? o->stop : NULL;
}

wagle_data cli_rows(const cli_options *o, const char *path)
{
    const int64_t prompts = cli_count(o->prompt);

    return (wagle_data){.path = path,
                        .prompt_field = o->prompt_field,
                        .answer_field = o->answer_field,
                        .text_field = o->text_field,
                        .facts_field = o->facts_field,
                        .prompt = prompts > 0 ? o->prompt[prompts - 1] : NULL,
                        .chat = cli_chat(o),
                        .system = o->system,
                        .chat_kwargs = o->chat_kwargs,
                        .date = o->date,
                        .all_turns = o->all_turns,
                        .max_length = o->max_length > 0 ? o->max_length : 0,
                        .limit = o->limit > 0 ? o->limit : 0,
                        .truncate = o->truncate,
                        .eos = o->eos,
                        .where = o->where,
                        .fields = o->fields};
}

wagle_rows_options cli_rows_options(const cli_options *o)
{
    wagle_rows_options r;

    wagle_rows_defaults(&r);
    r.model = o->model;
    r.data = cli_rows(o, o->data[0]);
    r.out = o->out;
    r.force = o->force;
    return r;
}

wagle_data cli_files(const cli_options *o, const char *const *list)
{
    wagle_data d = cli_rows(o, list[0]);

    d.more = list[0] != NULL ? list + 1 : NULL;
    return d;
}

wagle_status cli_print(wagle_status st, char *text)
{
    if (st == WAGLE_OK)
        puts(text);
    wagle_string_free(text);
    return st;
}

wagle_status cli_print_json(json_t *value)
{
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

    json_decref(value);
    if (text == NULL) {
        fputs("wagle: not enough memory\n", stderr);
        return WAGLE_E_RESOURCE;
    }
    puts(text);
    free(text);
    return WAGLE_OK;
}

/* Length of the UTF-8 sequence at the start of text, or 0. */
static int sequence(const char *text)
{
    for (int n = 1; n <= 4; n++) {
        json_t *one = json_stringn(text, (size_t)n);
        json_decref(one);
        if (one != NULL)
            return n;
        if (text[n] == '\0')
            return 0;
    }
    return 0;
}

json_t *cli_json_bytes(const char *text)
{
    json_t *out = json_string(text);

    if (out != NULL)
        return out;
    out = json_string("");
    for (int n; out != NULL && *text != '\0'; text += n > 0 ? n : 1) {
        n = sequence(text);
        json_t *longer = n > 0 ? json_sprintf("%s%.*s", json_string_value(out), n, text)
                               : json_sprintf("%s\xEF\xBF\xBD", json_string_value(out));
        json_decref(out);
        out = longer;
    }
    return out;
}

wagle_status cli_complain(const char *what)
{
    fprintf(stderr, "wagle: %s\n", what);
    return WAGLE_E_USAGE;
}

bool cli_exists(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0;
}

char *cli_read_file(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0;

    *bytes = 0;
    if (file == NULL)
        return NULL;
    for (;;) {
        if (room - *bytes < 65536) {
            char *more = realloc(text, room = 2 * room + 131072);
            if (more == NULL)
                break;
            text = more;
        }
        const size_t n = fread(text + *bytes, 1, room - *bytes - 1, file);
        if (n == 0)
            break;
        *bytes += n;
    }
    if (ferror(file)) {
        free(text);
        text = NULL;
    }
    fclose(file);
    if (text != NULL)
        text[*bytes] = '\0';
    return text;
}

/* --- texts that last as long as the program ---------------------------------------------------
 */

static struct text {
    struct text *before;
    char text[];
} * texts;

const char *cli_keep(const char *format, ...)
{
    va_list args, again;
    struct text *t;

    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    t = malloc(sizeof *t + (size_t)n + 1);
    if (t != NULL) {
        vsnprintf(t->text, (size_t)n + 1, format, again);
        t->before = texts;
        texts = t;
    }
    va_end(again);
    va_end(args);
    return t != NULL ? t->text : "";
}
