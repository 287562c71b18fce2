/* fingerprint.c - what makes two runs the same, and what changed where they are not.
 *
 * Two JSON objects of texts. "decides" has all that the trained weights follow from: options,
 * hashes of files and weights, rows as they are trained on. Its hash is the run's fingerprint.
 * "explains" has options that matter through one of these alone (the prompt's template through the
 * rows). A checkpoint keeps both, so that --resume can say which option changed. */
#include "selector/selector.h"
#include "train/members.h"

#include "base/number.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct facts {
    const wg_run *run;
    bool suites; /* what o->watch asks decides */
    json_t *decides, *explains;
} facts;

/* --- hashes ------------------------------------------------------------------------------------
 */

/* Tokens, labels and weights of rows. */
static wagle_status hash_rows(wagle_ctx *ctx, const wg_dataset *d, char text[WG_SHA256_TEXT])
{
    wg_sha256 h;

    WG_TRY(wg_sha256_begin(ctx, &h));
    for (int64_t i = 0; i < d->n; i++) {
        const wg_example *e = &d->example[i];
        wg_sha256_add(&h, &e->n, sizeof e->n);
        wg_sha256_add(&h, e->ids, (size_t)e->n * sizeof *e->ids);
        wg_sha256_add(&h, e->labels, (size_t)e->n * sizeof *e->labels);
        wg_sha256_add(&h, &e->weight, sizeof e->weight);
        if (e->token_weights != NULL)
            wg_sha256_add(&h, e->token_weights, (size_t)e->n * sizeof *e->token_weights);
    }
    wg_sha256_end(&h, text);
    return WAGLE_OK;
}

static wagle_status add_tensors(wagle_ctx *ctx, const wg_tensors *files, wg_sha256 *h)
{
    for (int64_t i = 0; i < files->n; i++) {
        const wg_tensor *t = &files->tensor[i];
        WG_TRY(wg_check_interrupt(ctx));
        wg_sha256_add(h, t->name, strlen(t->name) + 1);
        wg_sha256_add(h, &t->dtype, sizeof t->dtype);
        wg_sha256_add(h, t->shape.dim, (size_t)t->shape.rank * sizeof *t->shape.dim);
        const void *data = wg_tensor_bytes(files, t);
        wg_map_ahead(data, t->bytes);
        wg_sha256_add(h, data, t->bytes);
        wg_map_release(data, t->bytes);
    }
    return WAGLE_OK;
}

/* A model: config.json and the weights, whatever shards they lie in. */
static wagle_status hash_model(wagle_ctx *ctx, const char *folder, const wg_tensors *files,
                               char text[WG_SHA256_TEXT])
{
    char *config = wg_path_join(ctx, folder, "config.json");
    char own[WG_SHA256_TEXT];
    wg_sha256 h;
    wagle_status st = config != NULL ? wg_sha256_file(ctx, config, own) : WAGLE_E_RESOURCE;

    wg_free(config);
    WG_TRY(st);
    WG_TRY(wg_sha256_begin(ctx, &h));
    wg_sha256_add(&h, own, sizeof own);
    st = add_tensors(ctx, files, &h);
    wg_sha256_end(&h, text);
    return st;
}

static wagle_status hash_folder(wagle_ctx *ctx, const wg_run *w, const char *folder,
                                char text[WG_SHA256_TEXT])
{
    const wg_model *m = w->session.model;
    wg_tensors files;
    wagle_status st;

    if (strcmp(folder, m->folder) == 0)
        return hash_model(ctx, folder, &m->files, text);
    WG_TRY(wg_tensors_open(ctx, folder, &files));
    st = hash_model(ctx, folder, &files, text);
    wg_tensors_close(&files);
    return st;
}

/* --- values as text ----------------------------------------------------------------------------
 */

static void real_text(double x, char out[40])
{
    snprintf(out, 40, "%.15g", x);
    if (strtod(out, NULL) != x)
        snprintf(out, 40, "%.17g", x);
}

static wagle_status add_number(wagle_ctx *ctx, const wg_member *m, const void *from, wg_text *out)
{
    const wagle_train_options *o = from;
    char text[40];

    if (m->kind == WG_MEMBER_WHOLE || m->kind == WG_MEMBER_SEED)
        return wg_text_printf(ctx, out, "%lld", (long long)wg_member_value(m, from).whole);
    if (m->kind == WG_MEMBER_GAMMA) {
        wg_gamma_text(&o->gamma, text);
        return wg_text_addz(ctx, out, text);
    }
    if (m->kind == WG_MEMBER_CLIP && o->clip_each)
        WG_TRY(wg_text_addz(ctx, out, "layer:"));
    real_text(wg_member_value(m, from).real, text);
    return wg_text_addz(ctx, out, text);
}

/* Files by their contents, the name before = as it is. */
static wagle_status add_sets(wagle_ctx *ctx, const char *const *set, wg_text *out)
{
    for (; set != NULL && *set != NULL; set++) {
        const char *file = strchr(*set, '=');
        char hash[WG_SHA256_TEXT] = "";
        if (file != NULL && wg_exists(file + 1))
            WG_TRY(wg_sha256_file(ctx, file + 1, hash));
        WG_TRY(wg_text_printf(ctx, out, "%.*s=%s ",
                              (int)(file != NULL ? file - *set : (long)strlen(*set)), *set, hash));
    }
    return WAGLE_OK;
}

/* A mask in memory, by its tensors in their order. */
static wagle_status add_mask_hash(wagle_ctx *ctx, const wagle_tensors *mask, wg_text *out)
{
    char hash[WG_SHA256_TEXT];
    wg_sha256 h;

    WG_TRY(wg_sha256_begin(ctx, &h));
    for (int64_t i = 0; i < mask->n; i++) {
        const wagle_tensor *t = &mask->tensor[i];
        if (t->name == NULL || t->bits == NULL) /* refused when it is read */
            continue;
        wg_sha256_add(&h, t->name, strlen(t->name) + 1);
        wg_sha256_add(&h, t->bits, (size_t)(t->count + 63) / 64 * 8);
    }
    wg_sha256_end(&h, hash);
    return wg_text_addz(ctx, out, hash);
}

static wagle_status add_value(wagle_ctx *ctx, const facts *f, const wg_member *m, const void *from,
                              wg_text *out)
{
    const wg_value v = wg_member_value(m, from);
    char hash[WG_SHA256_TEXT];

    switch (m->kind) {
    case WG_MEMBER_FLAG:
        return wg_text_addz(ctx, out, v.flag ? "on" : "off");
    case WG_MEMBER_TEXTS:
    case WG_MEMBER_PATTERNS:
        for (const char *const *t = v.list; t != NULL && *t != NULL; t++)
            WG_TRY(wg_text_printf(ctx, out, "%s%s", t > v.list ? " " : "", *t));
        return WAGLE_OK;
    case WG_MEMBER_SETS:
        return add_sets(ctx, v.list, out);
    case WG_MEMBER_TEXT:
    case WG_MEMBER_CHOICE:
        return wg_text_addz(ctx, out, v.text != NULL ? v.text : "");
    case WG_MEMBER_FILE:
    case WG_MEMBER_FOLDER:
        if (from == f->run->o && strcmp(m->name, "mask") == 0 && f->run->o->mask_tensors != NULL)
            return add_mask_hash(ctx, f->run->o->mask_tensors, out);
        if (v.text == NULL)
            return wg_text_addz(ctx, out, "");
        WG_TRY(m->kind == WG_MEMBER_FILE ? wg_sha256_file(ctx, v.text, hash)
                                         : hash_folder(ctx, f->run, v.text, hash));
        return wg_text_addz(ctx, out, hash);
    default:
        return add_number(ctx, m, from, out);
    }
}

/* --- recording ---------------------------------------------------------------------------------
 */

static wagle_status set_text(wagle_ctx *ctx, json_t *into, const char *key, const char *value)
{
    json_t *text = json_string(value);

    /* no UTF-8: then by its hash */
    if (text == NULL) {
        char hash[24];
        snprintf(hash, sizeof hash, "%016llx",
                 (unsigned long long)wg_hash_bytes(value, strlen(value)));
        text = json_string(hash);
    }
    return wg_json_set(ctx, into, key, text);
}

static bool matters(const facts *f, const wg_member *m)
{
    return m->role != WG_IGNORED && wg_member_matters(m, f->run->o, f->suites);
}

/* The objective's own options, with their defaults. */
static wagle_status record_params(wagle_ctx *ctx, const facts *f)
{
    const wagle_train_options *o = f->run->o;
    const wagle_param_info *p = f->run->objective->options;

    for (int i = 0; i < WG_OBJECTIVE_OPTIONS && p[i].key != NULL; i++) {
        double value = p[i].value;
        char text[40];
        for (int64_t k = 0; k < o->n_params; k++)
            if (strcmp(o->params[k].key, p[i].key) == 0)
                value = o->params[k].value;
        real_text(value, text);
        WG_TRY(set_text(ctx, f->decides, p[i].key, text));
    }
    return WAGLE_OK;
}

/* Key: forget.prompt, watch.data.prompt. */
static wagle_status record(wagle_ctx *ctx, const facts *f, const wg_member *table, const void *from,
                           const char *prefix, json_t *into)
{
    for (const wg_member *m = table; m->name != NULL; m++) {
        const void *at = (const char *)from + m->at;
        json_t *here = m->role == WG_EXPLAINS ? f->explains : into;
        const void *watch;
        char key[96];
        wg_text value = {0};
        wagle_status st;

        snprintf(key, sizeof key, "%s%s", prefix, m->name);
        if (!matters(f, m))
            continue;
        if (m->kind == WG_MEMBER_PARAMS) {
            st = record_params(ctx, f);
        } else if (m->kind == WG_MEMBER_DATA || m->kind == WG_MEMBER_SUITE) {
            const bool data = m->kind == WG_MEMBER_DATA;
            memcpy(&watch, at, sizeof watch);
            strcat(key, ".");
            st = record(ctx, f, data ? wg_data_members : wg_suite_members, data ? at : watch, key,
                        here);
        } else {
            st = add_value(ctx, f, m, from, &value);
            if (st == WAGLE_OK)
                st = set_text(ctx, here, key, value.text != NULL ? value.text : "");
        }
        wg_text_free(&value);
        WG_TRY(st);
    }
    return WAGLE_OK;
}

/* Where a run was not on the CPU, or not in float32. */
static wagle_status record_device(wagle_ctx *ctx, const facts *f)
{
    const wg_ops *ops = f->run->session.model->ops;

    if (ops->device != NULL)
        WG_TRY(set_text(ctx, f->decides, "device", ops->device));
    return ops->precision != NULL ? set_text(ctx, f->decides, "precision", ops->precision)
                                  : WAGLE_OK;
}

/* What is known of the run when its options are read. */
static wagle_status record_run(wagle_ctx *ctx, const facts *f)
{
    const wg_run *w = f->run;
    const bool plain = (w->objective->needs & WG_TRAINS_ONLY) != 0;
    char forget[WG_SHA256_TEXT], retain[WG_SHA256_TEXT], number[32];

    WG_TRY(hash_rows(ctx, &w->data.forget, forget));
    WG_TRY(hash_rows(ctx, &w->data.retain, retain));
    WG_TRY(set_text(ctx, f->decides, plain ? "rows of --retain" : "rows of --forget", forget));
    if (!plain)
        WG_TRY(set_text(ctx, f->decides, "rows of --retain", retain));
    if (w->data.pairs && w->data.refusals.n > 0) {
        WG_TRY(hash_rows(ctx, &w->data.refusals, retain));
        WG_TRY(set_text(ctx, f->decides, "chosen answers of --forget", retain));
    }
    if (w->protect_rows.all.n > 0) {
        WG_TRY(hash_rows(ctx, &w->protect_rows.all, retain));
        WG_TRY(set_text(ctx, f->decides, "rows of --protect", retain));
    }
    snprintf(number, sizeof number, "%lld", (long long)w->steps);
    WG_TRY(set_text(ctx, f->decides, "number of updates", number));
    snprintf(number, sizeof number, "%lld", (long long)w->warmup);
    WG_TRY(set_text(ctx, f->decides, "warm-up", number));
    snprintf(number, sizeof number, "%lld", (long long)ctx->memory);
    WG_TRY(set_text(ctx, f->decides, "memory", number));
    if (wg_parts(ctx) > 1) {
        snprintf(number, sizeof number, "%d", wg_parts(ctx));
        WG_TRY(set_text(ctx, f->decides, "parts", number));
    }
    WG_TRY(record_device(ctx, f));
    return set_text(ctx, f->decides, "version of wagle", WAGLE_VERSION);
}

static wagle_status hash_json(wagle_ctx *ctx, const json_t *value, char text[WG_SHA256_TEXT])
{
    char *line;
    wg_sha256 h;
    wagle_status st;

    WG_TRY(wg_json_text(ctx, value, false, &line));
    st = wg_sha256_begin(ctx, &h);
    if (st == WAGLE_OK) {
        wg_sha256_add(&h, line, strlen(line));
        wg_sha256_end(&h, text);
    }
    wg_free(line);
    return st;
}

wagle_status wg_run_fingerprint(wagle_ctx *ctx, wg_run *w)
{
    facts f = {.run = w, .suites = wg_stop_by_suite(&w->stop) || w->records_watch};
    wagle_status st;

    json_decref(w->made_by);
    w->made_by = json_pack("{s:{}, s:{}}", "decides", "explains");
    if (w->made_by == NULL)
        return wg_json_memory(ctx);
    f.decides = json_object_get(w->made_by, "decides");
    f.explains = json_object_get(w->made_by, "explains");
    st = record(ctx, &f, wg_train_members, w->o, "", f.decides);
    if (st == WAGLE_OK)
        st = record_run(ctx, &f);
    return st == WAGLE_OK ? hash_json(ctx, f.decides, w->fingerprint) : st;
}

const char *wg_run_model_hash(const wg_run *w)
{
    return json_string_value(json_object_get(json_object_get(w->made_by, "decides"), "model"));
}

bool wg_run_same_rows(const wg_run *w)
{
    const json_t *all = json_object_get(w->made_by, "decides");
    const json_t *forget = json_object_get(all, "rows of --forget");

    return forget != NULL && json_equal(forget, json_object_get(all, "rows of --retain"));
}

/* --- what changed ------------------------------------------------------------------------------
 */

static const char *text_at(const json_t *made_by, const char *part, const char *key)
{
    const char *text = json_string_value(json_object_get(json_object_get(made_by, part), key));

    return text != NULL ? text : "";
}

static const wg_member *member_of(const char *key, const wg_member *table)
{
    const char *dot = strchr(key, '.');
    const size_t n = dot != NULL ? (size_t)(dot - key) : strlen(key);

    for (const wg_member *m = table; m->name != NULL; m++)
        if (strlen(m->name) == n && strncmp(m->name, key, n) == 0)
            return dot == NULL ? m
                               : member_of(dot + 1, m->kind == WG_MEMBER_SUITE ? wg_suite_members
                                                                               : wg_data_members);
    return NULL;
}

/* What differs, as it is in messages. option: lr, forget.prompt, npo.beta */
static void describe(const char *option, const wg_member *m, const char *value, char out[160])
{
    const bool content = m != NULL && (m->kind == WG_MEMBER_FILE || m->kind == WG_MEMBER_FOLDER ||
                                       m->kind == WG_MEMBER_SETS);

    if (strcmp(option, "lr") == 0 && strcmp(value, "0") == 0)
        snprintf(out, 160, "@{lr} auto");
    else if (strcmp(option, "device") == 0 && *value == '\0')
        snprintf(out, 160, "@{device} cpu");
    else if (strcmp(option, "parts") == 0 && *value == '\0')
        snprintf(out, 160, "@{parts} 1");
    else if (strcmp(option, "precision") == 0 && *value == '\0')
        snprintf(out, 160, "@{precision} f32");
    else if (*value == '\0' || strcmp(value, "off") == 0)
        snprintf(out, 160, "no @{%s}", option);
    else if (strcmp(value, "on") == 0)
        snprintf(out, 160, "@{%s}", option);
    else
        snprintf(out, 160, "@{%s} %.96s", option, content ? "of other content" : value);
}

static wagle_status refuse(wagle_ctx *ctx, const wg_run *w, const char *key, const char *before,
                           const char *now)
{
    const wg_member *m = member_of(key, wg_train_members);
    const char *rows = strstr(key, " --");
    char was[160], is[160];

    describe(key, m, before, was);
    describe(key, m, now, is);
    if (rows != NULL) /* "rows of --forget" */
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%s: made with other rows of @{%s}; resume with the same ones, or add "
                       "@{force=true} to start again",
                       w->checkpoint, rows + 3);
    if (strchr(key, ' ') != NULL) /* a fact that no option explains */
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%s: made with other %s; resume with the same ones, or add @{force=true} to "
                       "start again",
                       w->checkpoint, key);
    if (strcmp(was, is) == 0)
        return wg_fail(
            ctx, WAGLE_E_USAGE,
            "%s: made with another @{%s} (its content changed); resume with the same one, "
            "or add @{force=true} to start again",
            w->checkpoint, key);
    return wg_fail(ctx, WAGLE_E_USAGE,
                   "%s: made with %s, now %s; resume with the same options, or add @{force=true} "
                   "to start again",
                   w->checkpoint, was, is);
}

/* The option that explains why a fact is another: its key, or the fact's. */
static const char *explanation(const json_t *before, const json_t *now, const char *fact)
{
    const char *key;
    json_t *value;

    json_object_foreach (json_object_get(now, "explains"), key, value) {
        const char *dot = strchr(key, '.');
        const size_t n = dot != NULL ? (size_t)(dot - key) : strlen(key);
        for (const wg_member *m = wg_train_members; m->name != NULL; m++)
            if (strlen(m->name) == n && strncmp(m->name, key, n) == 0 && m->fact != NULL &&
                strcmp(m->fact, fact) == 0 &&
                strcmp(text_at(before, "explains", key), json_string_value(value)) != 0)
                return key;
    }
    return fact;
}

wagle_status wg_run_compare(wagle_ctx *ctx, const wg_run *w, const json_t *before)
{
    const char *const part[] = {"decides", "explains"};
    const json_t *sides[] = {w->made_by, before};
    const char *key;
    json_t *value;

    for (int i = 0; i < 2; i++)
        json_object_foreach (json_object_get(sides[i], "decides"), key, value) {
            if (strcmp(text_at(before, "decides", key), text_at(w->made_by, "decides", key)) == 0)
                continue;
            const char *why = explanation(before, w->made_by, key);
            const char *from = part[why != key];
            return refuse(ctx, w, why, text_at(before, from, why), text_at(w->made_by, from, why));
        }
    return WAGLE_OK;
}

wagle_status wg_run_compare_strictly(wagle_ctx *ctx, const wg_run *w, const json_t *before)
{
    const json_t *sides[] = {w->made_by, before};
    const char *key;
    json_t *value;

    WG_TRY(wg_run_compare(ctx, w, before));
    for (int i = 0; i < 2; i++)
        json_object_foreach (json_object_get(sides[i], "explains"), key, value) {
            const char *was = text_at(before, "explains", key);
            const char *is = text_at(w->made_by, "explains", key);
            if (strcmp(was, is) != 0)
                return refuse(ctx, w, key, was, is);
        }
    return WAGLE_OK;
}
