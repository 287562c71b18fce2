/* forget.c - the stages of `wagle forget`, one after the other. */
#include "forget/forget.h"

#include "base/choose.h"
#include "base/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

WG_DEFAULTS(wagle_forget_defaults, wagle_forget_options, .seed = 1)

/* --- names ------------------------------------------------------------------------------------ */

const char *wg_forget_path(wg_forget *f, const char *format, ...)
{
    char name[256], path[4400];
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    snprintf(path, sizeof path, "%.4096s/%s", f->planning ? f->o->out : f->folder.path, name);
    return wg_arena_text(f->ctx, &f->arena, path, strlen(path));
}

const char *wg_forget_out(wg_forget *f, const char *name)
{
    char path[4400];

    snprintf(path, sizeof path, "%.4096s/%s", f->o->out, name);
    return wg_arena_text(f->ctx, &f->arena, path, strlen(path));
}

const char *wg_forget_entry(wg_forget *f, const char *name, const char *path)
{
    char text[4400];

    if (path == NULL || snprintf(text, sizeof text, "%s=%s", name, path) >= (int)sizeof text)
        return NULL;
    return wg_arena_text(f->ctx, &f->arena, text, strlen(text));
}

void wg_forget_log(wg_forget *f, const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    f->nested = false;
    wg_log(f->ctx, 1, "%s", line);
    f->nested = true;
}

/* --- commands --------------------------------------------------------------------------------- */

/* Adds a value, quoted for a shell where necessary. */
static wagle_status add_quoted(wagle_ctx *ctx, const char *value, wg_text *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:=,@%+";

    if (*value != '\0' && value[strspn(value, plain)] == '\0')
        return wg_text_printf(ctx, out, " %s", value);
    WG_TRY(wg_text_addz(ctx, out, " '"));
    for (; *value != '\0'; value++)
        WG_TRY(*value == '\'' ? wg_text_addz(ctx, out, "'\\''") : wg_text_add(ctx, out, value, 1));
    return wg_text_addz(ctx, out, "'");
}

static wagle_status add_flags(wagle_ctx *ctx, const wg_flag *flags, wg_text *line)
{
    for (; flags->name != NULL || flags->value != NULL; flags++) {
        if (flags->name == NULL || flags->value == NULL)
            continue;
        if (*flags->name != '\0')
            WG_TRY(wg_text_printf(ctx, line, " %s", flags->name));
        if (*flags->value != '\0')
            WG_TRY(add_quoted(ctx, flags->value, line));
    }
    return WAGLE_OK;
}

static const char *if_set(bool on)
{
    return on ? "" : NULL;
}

/* The flag that selects the layout that the caller chose. */
static wg_flag layout_flag(const wagle_data *d)
{
    if (d->chat == NULL || strcmp(d->chat, "auto") == 0)
        return (wg_flag){"--chat", NULL};
    if (strcmp(d->chat, "none") == 0)
        return (wg_flag){"--no-chat", ""};
    return strcmp(d->chat, "required") == 0 ? (wg_flag){"--chat", ""}
                                            : (wg_flag){"--chat-layout", d->chat};
}

/* Adds the flags for reading and laying out rows. There is no --limit: the rows in OUT are already
 * limited. */
static wagle_status add_row_flags(wg_forget *f, wg_text *line)
{
    const wagle_data *d = &f->o->rows;
    const wg_forget_layout *l = f->layout;
    char longest[24];

    snprintf(longest, sizeof longest, "%lld", (long long)d->max_length);
    WG_TRY(add_flags(
        f->ctx,
        (const wg_flag[]){l != NULL && l->flag != NULL ? (wg_flag){l->flag, ""} : layout_flag(d),
                          {"--prompt", l != NULL && l->prompt != NULL ? l->prompt : d->prompt},
                          {"--prompt-field", d->prompt_field},
                          {"--answer-field", d->answer_field},
                          {"--text-field", d->text_field},
                          {"--facts-field", wg_forget_facts_column(f)},
                          {"--system", d->system},
                          {"--date", d->date},
                          {"--all-turns", if_set(d->all_turns)},
                          {"--eos", if_set(d->eos)},
                          {"--truncate", if_set(d->truncate)},
                          {"--max-length", d->max_length > 0 ? longest : NULL},
                          {0}},
        line));
    for (const char *const *k = d->chat_kwargs; k != NULL && *k != NULL; k++)
        WG_TRY(add_flags(f->ctx, (const wg_flag[]){{"--chat-kwarg", *k}, {0}}, line));
    return WAGLE_OK;
}

wagle_status wg_forget_command(wg_forget *f, const char *command, bool rows, const wg_flag *flags)
{
    wg_text line = {0};
    wagle_status st = wg_text_printf(f->ctx, &line, "wagle %s", command);

    if (st == WAGLE_OK && rows)
        st = add_row_flags(f, &line);
    if (st == WAGLE_OK)
        st = add_flags(f->ctx, flags, &line);
    if (st == WAGLE_OK && json_array_append_new(f->commands, wg_json_bytes(line.text)) != 0)
        st = wg_json_memory(f->ctx);
    wg_text_free(&line);
    return st;
}

/* --- before the stages ------------------------------------------------------------------------ */

static bool is_set(const char *const *list)
{
    return list != NULL && *list != NULL;
}

static wagle_status check_options(wagle_ctx *ctx, const wagle_forget_options *o)
{
    if (o->model == NULL || o->data == NULL || o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "forget wants a model, @{data} and @{out}");
    if (o->adapter != NULL && !wg_is_folder(o->model))
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: no folder, which @{adapter} needs", o->model);
    WG_TRY(wg_check_choice(ctx, "type", (int)o->export_type, wg_words_of_wagle_gguf_type));
    if (!wg_exists(o->model))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: no such model", o->model);
    if (!wg_exists(o->data))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: no such file", o->data);
    if (wg_is_folder(o->data) && (is_set(o->rows.where) || is_set(o->rows.fields)))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%s: documents have no columns, which @{where} and @{fields} name", o->data);
    WG_TRY(wg_output_check(ctx, o->out, o->force,
                           WG_INPUTS(o->model, o->data, o->retain, o->gold_model, o->adapter)));
    if (o->export_file == NULL)
        return WAGLE_OK;
    WG_TRY(wg_output_check(ctx, o->export_file, o->force,
                           WG_INPUTS(o->model, o->data, o->retain, o->gold_model, o->adapter)));
    return wg_output_apart(ctx, o->export_file, o->out);
}

/* Writes everything that the result depends on. If the text in OUT.partial differs, the folder was
 * begun with other options or files and is emptied. */
static wagle_status write_fingerprint(wg_forget *f, wg_text *out)
{
    const wagle_forget_options *o = f->o;
    char retain[WG_SHA256_TEXT] = "";

    WG_TRY(wg_sha256_path(f->ctx, f->original, ".safetensors", f->original_hash));
    WG_TRY(wg_sha256_path(f->ctx, o->data, "", f->data_hash));
    if (o->retain != NULL)
        WG_TRY(wg_sha256_file(f->ctx, o->retain, retain));
    if (o->adapter != NULL) {
        char adapter[WG_SHA256_TEXT];
        WG_TRY(wg_sha256_path(f->ctx, o->adapter, "", adapter));
        WG_TRY(wg_text_printf(f->ctx, out, "%s ", adapter));
    }
    WG_TRY(wg_text_printf(f->ctx, out, "%s %s %s %s %s %.17g %d %llu %lld", f->original_hash,
                          f->data_hash, retain, o->gold_model != NULL ? o->gold_model : "-",
                          o->objective != NULL ? o->objective : "-", o->lr, o->no_undo,
                          (unsigned long long)o->seed, (long long)o->rows.limit));
    WG_TRY(add_row_flags(f, out));
    WG_TRY(wg_forget_add_select(f, out));
    return wg_text_addz(f->ctx, out, "\n");
}

static wagle_status begin_folder(wg_forget *f)
{
    const char *request = wg_forget_path(f, "request.txt");
    wg_text current = {0}, saved = {0};
    wagle_status st = request != NULL ? write_fingerprint(f, &current) : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && wg_exists(request))
        st = wg_read_text(f->ctx, request, &saved);
    if (st == WAGLE_OK && (saved.bytes != current.bytes ||
                           memcmp(saved.text, current.text, (size_t)current.bytes) != 0)) {
        st = wg_empty_folder(f->ctx, f->folder.path, NULL);
        if (st == WAGLE_OK)
            st = wg_write_file(f->ctx, request, current.text, (size_t)current.bytes, true);
    } else if (st == WAGLE_OK)
        wg_forget_log(f, "going on where this was interrupted");
    for (int i = 0; st == WAGLE_OK && i < 2; i++) {
        const char *folder = wg_forget_path(f, i == 0 ? "rows" : "evidence");
        st = folder != NULL ? wg_make_folder(f->ctx, folder) : WAGLE_E_RESOURCE;
    }
    wg_text_free(&current);
    wg_text_free(&saved);
    return st;
}

static wagle_status import(wg_forget *f)
{
    wagle_import_options o;

    WG_TRY(
        wg_forget_command(f, "import", false,
                          (const wg_flag[]){{"", f->o->model}, {"--out", f->original_name}, {0}}));
    if (f->planning || wg_exists(f->original))
        return WAGLE_OK;
    wagle_import_defaults(&o);
    o.gguf = f->o->model;
    o.out = f->original;
    return wagle_import(f->ctx, &o);
}

static wagle_status merge_adapter(wg_forget *f)
{
    wagle_merge_options o;

    WG_TRY(wg_forget_command(
        f, "merge", false,
        (const wg_flag[]){
            {"", f->o->model}, {"--adapter", f->o->adapter}, {"--out", f->original_name}, {0}}));
    if (f->planning || wg_exists(f->original))
        return WAGLE_OK;
    wagle_merge_defaults(&o);
    o.models = &f->o->model;
    o.n = 1;
    o.adapter = f->o->adapter;
    o.out = f->original;
    return wagle_merge(f->ctx, &o);
}

/* Makes a folder of the model if it is a GGUF file, or has an adapter. */
static wagle_status open_model(wg_forget *f)
{
    f->original_name = f->original;
    if (wg_is_folder(f->original) && f->o->adapter == NULL)
        return WAGLE_OK;
    f->original = wg_forget_path(f, "original");
    f->original_name = wg_forget_out(f, "original");
    if (f->original == NULL || f->original_name == NULL)
        return WAGLE_E_RESOURCE;
    return f->o->adapter != NULL ? merge_adapter(f) : import(f);
}

static wagle_status export_model(wg_forget *f)
{
    const char *model = wg_forget_path(f, "model"), *out = wg_forget_path(f, "model.gguf");
    const char *type = wg_words_of_wagle_gguf_type[f->o->export_type];
    wagle_export_options o;

    if (f->o->export_file == NULL)
        return WAGLE_OK;
    if (model == NULL || out == NULL)
        return WAGLE_E_RESOURCE;
    WG_TRY(wg_forget_command(f, "export", false,
                             (const wg_flag[]){{"", wg_forget_out(f, "model")},
                                               {"--type", *type != '\0' ? type : NULL},
                                               {"--out", f->o->export_file},
                                               {0}}));
    if (f->planning || wg_exists(out))
        return WAGLE_OK;
    wagle_export_defaults(&o);
    o.model = model;
    o.out = out;
    o.type = f->o->export_type;
    return wagle_export(f->ctx, &o);
}

/* --- the run ---------------------------------------------------------------------------------- */

/* A stage, whose progress is told as a part of the whole. */
static wagle_status stage(wg_forget *f, const char *name, wagle_status (*run)(wg_forget *f))
{
    const wg_stage all = {.stage = name, .outer = f->ctx->stage};
    wagle_status st;

    f->ctx->stage = &all;
    st = run(f);
    f->ctx->stage = all.outer;
    return st;
}

static wagle_status run_stages(wg_forget *f, wagle_forget_result *result)
{
    f->nested = true;
    WG_TRY(wg_forget_find_earlier(f));
    WG_TRY(begin_folder(f));
    WG_TRY(stage(f, "import", open_model));
    WG_TRY(stage(f, "1/4 reading", wg_forget_read));
    WG_TRY(wg_forget_choose_layout(f));
    WG_TRY(stage(f, "2/4 what the model knows", wg_forget_sample_invented));
    WG_TRY(stage(f, "2/4 what the model knows", wg_forget_know));
    f->unlearning = true;
    WG_TRY(stage(f, "3/4 forgetting", wg_forget_train));
    f->unlearning = false;
    WG_TRY(stage(f, "export", export_model));
    WG_TRY(stage(f, "4/4 testing", wg_forget_test));
    WG_TRY(stage(f, "4/4 testing", wg_forget_test_earlier));
    return wg_forget_certify(f, result);
}

/* Replaces the path of OUT.partial by that of OUT in a file. */
static wagle_status replace_partial_path(wg_forget *f, const char *path)
{
    wg_text text = {0}, out = {0};
    wagle_status st = wg_read_text(f->ctx, path, &text);
    const size_t n = strlen(f->folder.path);
    const char *at = text.text, *next;

    while (st == WAGLE_OK && (next = strstr(at, f->folder.path)) != NULL) {
        st = wg_text_add(f->ctx, &out, at, (size_t)(next - at));
        if (st == WAGLE_OK)
            st = wg_text_addz(f->ctx, &out, f->o->out);
        at = next + n;
    }
    if (st == WAGLE_OK)
        st = wg_text_addz(f->ctx, &out, at);
    if (st == WAGLE_OK)
        st = wg_write_file(f->ctx, path, out.text, (size_t)out.bytes, true);
    wg_text_free(&text);
    wg_text_free(&out);
    return st;
}

/* Removes temporary files and moves the finished files to their final places. */
static wagle_status commit(wg_forget *f)
{
    const char *const temporary[] = {wg_forget_path(f, "original"),
                                     wg_forget_path(f, "request.txt"), wg_forget_path(f, "failed")};
    static const char *const with_paths[] = {"report.html", "evidence/original.json",
                                             "evidence/controls.json", "evidence/gold.json",
                                             "evidence/forgotten.json"};
    const char *file = wg_forget_path(f, "model.gguf");

    for (size_t i = 0; i < sizeof with_paths / sizeof *with_paths; i++) {
        const char *path = wg_forget_path(f, "%s", with_paths[i]);
        if (path == NULL)
            return WAGLE_E_RESOURCE;
        if (wg_exists(path))
            WG_TRY(replace_partial_path(f, path));
    }
    for (int i = 0; i < 3; i++)
        if (temporary[i] != NULL)
            wg_remove_tree(temporary[i]);
    if (f->o->export_file != NULL && rename(file, f->o->export_file) != 0) {
        WG_TRY(
            wg_copy_file(f->ctx, file, f->o->export_file)); /* rename fails across file systems */
        unlink(file);
    }
    return wg_partial_commit(f->ctx, &f->folder, f->o->out);
}

static wagle_status plan(wg_forget *f)
{
    wg_text text = {0};
    const json_t *command;
    size_t i;
    wagle_status st;

    f->planning = true;
    WG_TRY(wg_forget_find_earlier(f));
    WG_TRY(open_model(f));
    WG_TRY(wg_forget_train(f));
    WG_TRY(export_model(f));
    WG_TRY(wg_forget_test(f));
    st = wg_text_addz(f->ctx, &text, "");
    json_array_foreach (f->commands, i, command)
        if (st == WAGLE_OK)
            st = wg_text_printf(f->ctx, &text, "%s\n", json_string_value(command));
    wg_free(f->ctx->plan);
    f->ctx->plan = st == WAGLE_OK ? wg_text_take(f->ctx, &text) : NULL;
    wg_text_free(&text);
    return st;
}

static wagle_status run(wg_forget *f, wagle_forget_result *result)
{
    wagle_status st;

    f->subjects = json_array();
    f->tests = json_array();
    f->answers = json_array();
    f->requests = json_array();
    f->commands = json_array();
    if (f->subjects == NULL || f->tests == NULL || f->answers == NULL || f->requests == NULL ||
        f->commands == NULL)
        return wg_json_memory(f->ctx);
    if (f->ctx->dry_run)
        return plan(f);
    WG_TRY(wg_partial_begin(f->ctx, f->o->out, &f->folder));
    st = run_stages(f, result);
    if (st == WAGLE_OK)
        st = commit(f);
    /* Keeps OUT.partial, so that the same command can continue, unless the input is at fault. */
    wg_partial_end(&f->folder, st != WAGLE_E_INPUT);
    return st;
}

/* Lowers messages of nested calls to level 2. Exceptions: the search for a learning rate, and
 * warnings of the unlearning run. */
static void filter_log(void *user, int level, const char *line)
{
    const wg_forget *f = user;
    const bool search =
        strncmp(line, "try ", 4) == 0 || strncmp(line + strspn(line, "-"), "lr ", 3) == 0;

    if (f->log != NULL)
        f->log(f->log_user, f->nested && !search && (level > 0 || !f->unlearning) ? 2 : level,
               line);
}

WG_DEFAULTS(wagle_forget_result_init, wagle_forget_result, 0)

wagle_status wagle_forget(wagle_ctx *ctx, const wagle_forget_options *given,
                          wagle_forget_result *result)
{
    wagle_forget_options own;
    const wagle_forget_options *o = &own;
    wagle_forget_result made = {0};
    wg_forget f = {.ctx = ctx, .o = o, .folder = {.lock = -1}};
    wagle_status st;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_forget));
    WG_TRY(wg_result_check(ctx, "wagle_forget_result", result));
    wg_result_give(result, &made, sizeof made);
    f.original = o->model;
    WG_TRY(check_options(ctx, o));
    f.started = wg_seconds();
    f.log = ctx->log;
    f.log_user = ctx->log_user;
    wagle_on_log(ctx, filter_log, &f);
    wg_nest(ctx);
    st = run(&f, &made);
    wg_unnest(ctx);
    wagle_on_log(ctx, f.log, f.log_user);
    json_decref(f.subjects);
    json_decref(f.tests);
    json_decref(f.answers);
    json_decref(f.requests);
    json_decref(f.commands);
    wg_arena_free(&f.arena);
    if (st != WAGLE_OK)
        wagle_string_free(made.text);
    else
        wg_result_give(result, &made, sizeof made);
    return st;
}
