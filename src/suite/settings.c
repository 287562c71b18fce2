#include "suite/settings.h"

#include <stdio.h>
#include <string.h>

/* --- the table ---------------------------------------------------------------------------------
 */

static const char *no_texts(const wagle_suite_options *o)
{
    return o->max_tokens == 0 ? "@{max_tokens} 0 generates no text" : NULL;
}

static const char *greedy(const wagle_suite_options *o)
{
    return o->temperature == 0 ? "at @{temperature} 0 the likeliest token is taken" : NULL;
}

static const char *no_steps(const wagle_suite_options *o)
{
    return o->relearn_steps == 0 ? "@{relearn_steps} is 0" : NULL;
}

#define TEXTS WAGLE_USES_TEXTS
#define DRAWN WAGLE_USES_TEMPERATURE
#define RELEARN WAGLE_USES_RELEARN
#define OF(name) #name, offsetof(wagle_suite_options, name)

/* Options of suites. They are read where a suite or a set that is given has one of `uses`, or, if
 * `sampled`, where its answers are sampled. */
static const struct suite_setting {
    wg_setting of;
    unsigned uses;
    bool sampled;
    bool checked; /* refused where no set given reads it; else the command says so */
    const char *(*off)(const wagle_suite_options *o); /* why another option turns it off, or NULL */
} settings[] = {
    {{OF(samples), WG_SETTING_WHOLE}, 0, true, true, NULL},
    {{OF(leak_k), WG_SETTING_TEXT}, 0, true, true, NULL},
    {{OF(max_tokens), WG_SETTING_WHOLE}, TEXTS, false, true, NULL},
    {{OF(stop), WG_SETTING_TEXTS}, TEXTS, false, true, no_texts},
    {{OF(temperature), WG_SETTING_REAL}, DRAWN, true, true, NULL},
    {{OF(top_p), WG_SETTING_REAL}, DRAWN, true, true, greedy},
    {{OF(min_k), WG_SETTING_TEXT}, WAGLE_USES_MIN_K, false, true, NULL},
    {{OF(prefix), WG_SETTING_WHOLE}, WAGLE_USES_WINDOWS, false, true, NULL},
    {{OF(length), WG_SETTING_WHOLE}, WAGLE_USES_WINDOWS, false, true, NULL},
    {{OF(verbatim), WG_SETTING_WHOLE}, WAGLE_USES_WINDOWS, false, true, NULL},
    {{OF(relearn_steps), WG_SETTING_WHOLE}, RELEARN, false, true, NULL},
    {{OF(relearn_lr), WG_SETTING_REAL}, RELEARN, false, true, no_steps},
    {{OF(shots), WG_SETTING_WHOLE}, WAGLE_USES_SHOTS, false, false, NULL},
    {{OF(scorer), WG_SETTING_TEXT}, WAGLE_USES_SCORER, false, false, NULL},
    {{OF(encoder), WG_SETTING_FILE}, WAGLE_USES_ENCODER, false, false, NULL},
    {{OF(reference), WG_SETTING_FILE}, WAGLE_USES_REFERENCE, false, false, NULL},
    {{OF(gold), WG_SETTING_FILE}, WAGLE_USES_GOLD, false, false, NULL},
    {{OF(seed), WG_SETTING_WHOLE}, DRAWN | RELEARN, true, false, NULL},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

#undef OF
#define OF(name) #name, offsetof(wagle_data, name)

/* How rows are read; every suite reads them. */
static const wg_setting of_data[] = {
    {OF(limit), WG_SETTING_WHOLE},       {OF(max_length), WG_SETTING_WHOLE},
    {OF(truncate), WG_SETTING_TRUTH},    {OF(eos), WG_SETTING_TRUTH},
    {OF(all_turns), WG_SETTING_TRUTH},   {OF(prompt_field), WG_SETTING_TEXT},
    {OF(answer_field), WG_SETTING_TEXT}, {OF(text_field), WG_SETTING_TEXT},
    {OF(where), WG_SETTING_TEXTS},       {OF(fields), WG_SETTING_TEXTS},
};
enum { OF_DATA = sizeof of_data / sizeof *of_data };

/* --- values ------------------------------------------------------------------------------------
 */

static json_t *list_of(const char *const *texts)
{
    json_t *list = json_array();

    for (int i = 0; list != NULL && texts[i] != NULL; i++)
        if (json_array_append_new(list, wg_json_bytes(texts[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* The value as JSON, null where a text or a list is missing. NULL if memory runs out. */
static json_t *value_of(const wg_setting *s, const void *options)
{
    const char *at = (const char *)options + s->at;
    const char *text;
    const char *const *texts;

    switch (s->kind) {
    case WG_SETTING_WHOLE:
        return json_integer(*(const int64_t *)(const void *)at);
    case WG_SETTING_REAL:
        return json_real(*(const double *)(const void *)at);
    case WG_SETTING_TRUTH:
        return json_boolean(*(const bool *)(const void *)at);
    case WG_SETTING_TEXT:
    case WG_SETTING_FILE:
        text = *(const char *const *)(const void *)at;
        return text != NULL ? wg_json_bytes(text) : json_null();
    default:
        texts = *(const char *const *const *)(const void *)at;
        return texts != NULL && texts[0] != NULL ? list_of(texts) : json_null();
    }
}

/* *value is that of the option, or NULL if it is the usual one. */
static wagle_status given(wagle_ctx *ctx, const wg_setting *s, const void *options,
                          const void *usual, json_t **value)
{
    json_t *have = value_of(s, options), *other = value_of(s, usual);
    const bool made = have != NULL && other != NULL, same = made && json_equal(have, other);

    json_decref(other);
    *value = made && !same ? have : NULL;
    if (*value == NULL)
        json_decref(have);
    return made ? WAGLE_OK : wg_json_memory(ctx);
}

wagle_status wg_settings_add(wagle_ctx *ctx, const wg_setting *s, int n, const void *options,
                             const void *usual, json_t *into)
{
    json_t *value;

    for (int i = 0; i < n; i++) {
        WG_TRY(given(ctx, &s[i], options, usual, &value));
        if (value != NULL)
            WG_TRY(wg_json_set(ctx, into, s[i].name, value));
    }
    return WAGLE_OK;
}

wagle_status wg_settings_add_data(wagle_ctx *ctx, const wagle_data *d, json_t *into)
{
    static const wagle_data usual = {0};

    return wg_settings_add(ctx, of_data, OF_DATA, d, &usual, into);
}

wagle_status wg_settings_add_suites(wagle_ctx *ctx, const wagle_suite_options *o, json_t *into)
{
    wagle_suite_options usual;

    wagle_suite_defaults(&usual);
    for (int i = 0; i < SETTINGS; i++)
        WG_TRY(wg_settings_add(ctx, &settings[i].of, 1, o, &usual, into));
    return wg_settings_add_data(ctx, &o->data, into);
}

wagle_status wg_settings_add_model(wagle_ctx *ctx, const char *model, json_t *into)
{
    if (model == NULL)
        return WAGLE_OK;
    WG_TRY(wg_json_set(ctx, into, "model", wg_json_bytes(model)));
    return ctx->adapter != NULL ? wg_json_set(ctx, into, "adapter", wg_json_bytes(ctx->adapter))
                                : WAGLE_OK;
}

static wagle_status copy(wagle_ctx *ctx, const json_t *from, const char *key, json_t *into)
{
    json_t *value = json_object_get(from, key);

    return value != NULL ? wg_json_set(ctx, into, key, json_incref(value)) : WAGLE_OK;
}

wagle_status wg_settings_copy(wagle_ctx *ctx, const json_t *from, json_t *into)
{
    static const char *const more[] = {"model", "adapter", "sets", "layouts"};

    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        WG_TRY(copy(ctx, from, more[i], into));
    for (int i = 0; i < SETTINGS; i++)
        if (settings[i].uses != WAGLE_USES_GOLD) /* metrics have the gold result of this call */
            WG_TRY(copy(ctx, from, settings[i].of.name, into));
    for (int i = 0; i < OF_DATA; i++)
        WG_TRY(copy(ctx, from, of_data[i].name, into));
    return WAGLE_OK;
}

/* --- who reads an option -----------------------------------------------------------------------
 */

static bool set_reads(const struct suite_setting *s, const wg_set_info *set)
{
    if (strcmp(s->of.name, "max_tokens") == 0 && set->max_tokens == WG_OWN_LENGTH)
        return false;
    return (set->uses & s->uses) != 0 || (s->sampled && set->sampled);
}

/* The sets of an evaluation or of a result. */
typedef struct given_sets {
    const wg_evaluation *e; /* or NULL: */
    const json_t *names;
    bool samples; /* answers are sampled for leak@k */
} given_sets;

static bool has_set(const given_sets *g, const char *name)
{
    return g->e != NULL ? wg_evaluation_set(g->e, name) != NULL
                        : json_object_get(g->names, name) != NULL;
}

static bool suite_reads(const wg_suite *suite, const struct suite_setting *s, const given_sets *g)
{
    if ((suite->uses & s->uses) != 0)
        return true;
    for (const wg_set_info *set = suite->set; set->name != NULL; set++)
        if (has_set(g, set->name) && set_reads(s, set) &&
            ((set->uses & s->uses) != 0 || g->samples))
            return true;
    return false;
}

static bool is_read(const wg_evaluation *e, const struct suite_setting *s)
{
    const given_sets sets = {.e = e, .samples = e->o->samples > 0};

    for (int i = 0; i < e->n_chosen; i++)
        if (suite_reads(e->chosen[i], s, &sets))
            return true;
    return false;
}

bool wg_settings_reads(const wg_evaluation *e, const char *option)
{
    for (int i = 0; i < SETTINGS; i++)
        if (strcmp(settings[i].of.name, option) == 0)
            return is_read(e, &settings[i]);
    return false;
}

/* How many of a suite's sets read the option. */
typedef struct readers {
    int n;
    bool at_once; /* some of them without @{samples} */
} readers;

static readers count_readers(const wg_suite *suite, const struct suite_setting *s)
{
    readers r = {0};

    for (const wg_set_info *set = suite->set; set->name != NULL; set++)
        if (set_reads(s, set)) {
            r.n++;
            r.at_once |= (set->uses & s->uses) != 0 || strcmp(s->of.name, "samples") == 0;
        }
    return r;
}

/* Adds the k-th of n names: "a, b or c". */
static wagle_status add_one_of(wagle_ctx *ctx, int k, int n, const char *name, wg_text *out)
{
    return wg_text_printf(ctx, out, "%s%s", k == 0 ? "" : k < n - 1 ? ", " : " or ", name);
}

/* Adds the sets of the suite that read the option, if there are any. */
static wagle_status add_sets(wagle_ctx *ctx, const wg_suite *suite, const struct suite_setting *s,
                             wg_text *out)
{
    const readers r = count_readers(suite, s);
    int k = 0;

    if (r.n == 0)
        return WAGLE_OK;
    WG_TRY(wg_text_addz(ctx, out, out->bytes == 0 ? "set " : ", or set "));
    for (const wg_set_info *set = suite->set; set->name != NULL; set++)
        if (set_reads(s, set))
            WG_TRY(add_one_of(ctx, k++, r.n, set->name, out));
    return wg_text_printf(ctx, out, " of suite %s%s", suite->name,
                          r.at_once ? "" : " with @{samples N}");
}

/* Adds all suites that read the option. */
static wagle_status add_suites(wagle_ctx *ctx, const struct suite_setting *s, wg_text *out)
{
    int n = 0, k = 0;

    for (int i = 0; wg_suite_at(i) != NULL; i++)
        n += count_readers(wg_suite_at(i), s).at_once;
    WG_TRY(wg_text_addz(ctx, out, "suite "));
    for (int i = 0; wg_suite_at(i) != NULL; i++)
        if (count_readers(wg_suite_at(i), s).at_once)
            WG_TRY(add_one_of(ctx, k++, n, wg_suite_at(i)->name, out));
    return s->sampled && s->uses != 0 ? wg_text_addz(ctx, out, ", or @{samples N}") : WAGLE_OK;
}

/* Refuses the option, and says what reads it: sets of the suites that were chosen, else suites. */
static wagle_status refuse(wagle_ctx *ctx, const wg_evaluation *e, const struct suite_setting *s)
{
    wg_text who = {0};
    wagle_status st = wg_text_addz(ctx, &who, "");

    for (int i = 0; st == WAGLE_OK && i < e->n_chosen; i++)
        st = add_sets(ctx, e->chosen[i], s, &who);
    if (st == WAGLE_OK && who.bytes == 0)
        st = add_suites(ctx, s, &who);
    if (st == WAGLE_OK)
        st = wg_fail(ctx, WAGLE_E_USAGE, "@{%s} has no effect: it needs %s", s->of.name, who.text);
    wg_text_free(&who);
    return st;
}

static wagle_status check(wagle_ctx *ctx, const wg_evaluation *e, const struct suite_setting *s)
{
    const char *off = s->off != NULL ? s->off(e->o) : NULL;

    if (!is_read(e, s))
        return refuse(ctx, e, s);
    return off != NULL ? wg_fail(ctx, WAGLE_E_USAGE, "@{%s} has no effect: %s", s->of.name, off)
                       : WAGLE_OK;
}

wagle_status wg_settings_check(wagle_ctx *ctx, const wg_evaluation *e)
{
    wagle_suite_options usual;
    json_t *value;

    wagle_suite_defaults(&usual);
    for (int i = 0; i < SETTINGS; i++) {
        WG_TRY(given(ctx, &settings[i].of, e->o, &usual, &value));
        const bool asks =
            value != NULL && !(json_is_number(value) && json_number_value(value) == 0);
        json_decref(value);
        if (asks && settings[i].checked)
            WG_TRY(check(ctx, e, &settings[i]));
    }
    return WAGLE_OK;
}

/* --- comparing results -------------------------------------------------------------------------
 */

/* The name of a file or folder. */
static wg_str last_part(const char *path)
{
    size_t end = strlen(path), begin;

    while (end > 1 && path[end - 1] == '/')
        end--;
    for (begin = end; begin > 0 && path[begin - 1] != '/';)
        begin--;
    return (wg_str){path + begin, end - begin};
}

static bool same_file(const json_t *a, const json_t *b)
{
    return json_is_string(a) && json_is_string(b) &&
           wg_str_equal(last_part(json_string_value(a)), last_part(json_string_value(b)));
}

/* Adds the beginning of a text, of whole characters. */
static wagle_status add_beginning(wagle_ctx *ctx, wg_str text, wg_text *out)
{
    enum { MOST = 60 };
    size_t n = text.bytes < MOST ? text.bytes : MOST;

    while (n > 0 && n < text.bytes && ((unsigned char)text.text[n] & 0xC0) == 0x80)
        n--;
    return wg_text_add(ctx, out, text.text, n);
}

/* The value for a message; missing: the words for one that is not there. */
static wagle_status add_value(wagle_ctx *ctx, const json_t *value, const char *missing,
                              wg_text *out)
{
    char *text = NULL;
    wagle_status st;

    if (value == NULL)
        return wg_text_addz(ctx, out, missing);
    if (json_is_string(value))
        return add_beginning(ctx, last_part(json_string_value(value)), out);
    WG_TRY(wg_json_text(ctx, value, false, &text));
    st = add_beginning(ctx, wg_strz(text), out);
    wg_free(text);
    return st;
}

static wagle_status add_name(wagle_ctx *ctx, const char *name, const json_t *a, const json_t *b,
                             const char *missing, json_t *names)
{
    wg_text both = {0};
    wagle_status st = add_value(ctx, a, missing, &both);

    if (st == WAGLE_OK)
        st = wg_text_addz(ctx, &both, " and ");
    if (st == WAGLE_OK)
        st = add_value(ctx, b, missing, &both);
    if (st == WAGLE_OK && json_object_get(names, name) == NULL)
        st = wg_json_set(ctx, names, name, json_stringn(both.text, (size_t)both.bytes));
    wg_text_free(&both);
    return st;
}

/* Whether a result is of another version, which may not have recorded all settings. */
static bool of_other_version(const json_t *a, const json_t *b)
{
    const char *x = json_string_value(json_object_get(a, "wagle"));
    const char *y = json_string_value(json_object_get(b, "wagle"));

    return x == NULL || y == NULL || strcmp(x, y) != 0;
}

/* Adds the setting if two results have it differently; a missing value is the default. */
static wagle_status compare_one(wagle_ctx *ctx, const wg_setting *s, const json_t *a,
                                const json_t *b, json_t *names)
{
    const json_t *x = json_object_get(a, s->name), *y = json_object_get(b, s->name);
    const bool none = s->kind == WG_SETTING_FILE || s->kind == WG_SETTING_TEXTS;
    char name[48];

    if (x == y || ((x == NULL || y == NULL) && of_other_version(a, b)) ||
        (x != NULL && y != NULL && json_equal(x, y)) ||
        (s->kind == WG_SETTING_FILE && same_file(x, y)))
        return WAGLE_OK;
    snprintf(name, sizeof name, "@{%s}", s->name); /* @{gold} would be a model in other calls */
    return add_name(ctx, strcmp(s->name, "gold") == 0 ? "gold result" : name, x, y,
                    none ? "none" : "default", names);
}

/* Settings of one suite that both results have. */
static wagle_status compare_suite(wagle_ctx *ctx, const wg_suite *suite, const json_t *a,
                                  const json_t *b, bool gold, json_t *names)
{
    const given_sets sets = {.names = json_object_get(a, "sets"),
                             .samples = json_object_get(a, "samples") != NULL ||
                                        json_object_get(b, "samples") != NULL};
    const json_t *layout[] = {json_object_get(json_object_get(a, "layouts"), suite->name),
                              json_object_get(json_object_get(b, "layouts"), suite->name)};
    char name[80];

    for (int i = 0; i < SETTINGS; i++)
        if (suite_reads(suite, &settings[i], &sets) &&
            (!gold || settings[i].uses == WAGLE_USES_REFERENCE))
            WG_TRY(compare_one(ctx, &settings[i].of, a, b, names));
    if (layout[0] == NULL || layout[1] == NULL || json_equal(layout[0], layout[1]))
        return WAGLE_OK;
    snprintf(name, sizeof name, "layout of suite %s", suite->name);
    return wg_json_set(ctx, names, name, json_string(""));
}

/* Files of the sets that both results have. */
static wagle_status compare_sets(wagle_ctx *ctx, const json_t *a, const json_t *b, json_t *names)
{
    const char *set;
    json_t *file;

    json_object_foreach (json_object_get(a, "sets"), set, file) {
        const json_t *other = json_object_get(json_object_get(b, "sets"), set);
        char name[80];
        snprintf(name, sizeof name, "set %.60s", set);
        if (other != NULL && !same_file(file, other))
            WG_TRY(add_name(ctx, name, file, other, "none", names));
    }
    return WAGLE_OK;
}

wagle_status wg_settings_compare(wagle_ctx *ctx, const json_t *a, const json_t *b, bool gold,
                                 json_t *names)
{
    bool any = false;

    for (int i = 0; wg_suite_at(i) != NULL; i++) {
        const wg_suite *suite = wg_suite_at(i);
        if (json_object_get(json_object_get(a, "suites"), suite->name) == NULL ||
            json_object_get(json_object_get(b, "suites"), suite->name) == NULL ||
            (gold && (suite->uses & WAGLE_USES_GOLD) == 0))
            continue;
        any = true;
        WG_TRY(compare_suite(ctx, suite, a, b, gold, names));
    }
    for (int i = 0; any && i < OF_DATA; i++)
        WG_TRY(compare_one(ctx, &of_data[i], a, b, names));
    return any ? compare_sets(ctx, a, b, names) : WAGLE_OK;
}

static wagle_status add_names(wagle_ctx *ctx, const json_t *names, wg_text *out)
{
    const char *name;
    json_t *values;

    json_object_foreach ((json_t *)(uintptr_t)names, name, values) {
        WG_TRY(wg_text_printf(ctx, out, "%s%s", out->bytes > 0 ? ", " : "", name));
        if (json_string_length(values) > 0)
            WG_TRY(wg_text_printf(ctx, out, " (%s)", json_string_value(values)));
    }
    return WAGLE_OK;
}

wagle_status wg_settings_warn(wagle_ctx *ctx, const json_t *names, const char *format, ...)
{
    char what[WG_MESSAGE_BYTES];
    wg_text list = {0};
    va_list args;
    wagle_status st;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    st = add_names(ctx, names, &list);
    if (st == WAGLE_OK && list.bytes > 0)
        wg_log(ctx, 0, "%s: %s", what, list.text);
    wg_text_free(&list);
    return st;
}
