/* render_template.c - renders templates for check_templates.py. Each line on stdin is a JSON object
 * {"template", "context", "date"}; for each, it prints a line {"text"} or {"error"}. */
#include "text/jinja/jinja.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *render(wagle_ctx *ctx, const json_t *job)
{
    const json_t *template = json_object_get(job, "template");
    wg_jinja *t = NULL;
    wg_text text = {0};
    json_t *out;
    wagle_status st;

    wg_begin(ctx);
    st = wg_jinja_compile(ctx, "template", json_string_value(template),
                          json_string_length(template), &t);
    if (st == WAGLE_OK)
        st = wg_jinja_render(ctx, t, json_object_get(job, "context"),
                             json_string_value(json_object_get(job, "date")), &text);
    out = st == WAGLE_OK ? json_pack("{s:s%}", "text", text.text, (size_t)text.bytes)
                         : json_pack("{s:s}", "error", wagle_message(ctx));
    wg_text_free(&text);
    wg_jinja_free(t);
    return out;
}

int main(void)
{
    wagle_ctx *ctx;
    char *line = NULL;
    size_t room = 0;

    if (wagle_ctx_new(&ctx) != WAGLE_OK)
        return 1;
    while (getline(&line, &room, stdin) > 0) {
        json_error_t error;
        json_t *job = json_loads(line, JSON_ALLOW_NUL, &error);
        json_t *out = render(ctx, job);
        json_dumpf(out, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(out);
        json_decref(job);
    }
    free(line);
    wagle_ctx_free(ctx);
    return 0;
}
