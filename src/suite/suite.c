/* suite.c - the table of suites, and functions for reading and writing rows. */
#include "suite/suite.h"

#include "base/choose.h"
#include "metric/statistics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const wg_suite *const suites[] = {
#define WG_SUITE(name) &wg_suite_##name,
#include "suite/suite.def"
#undef WG_SUITE
};
enum { SUITES = sizeof suites / sizeof *suites };

const wg_suite *wg_suite_at(int i)
{
    return i >= 0 && i < SUITES ? suites[i] : NULL;
}

wagle_info wagle_suite_info(int i)
{
    const wg_suite *s = wg_suite_at(i);
    wagle_info info = {0};

    if (s == NULL)
        return info;
    info = (wagle_info){.name = s->name, .summary = s->summary, .uses = s->uses};
    for (const wg_set_info *set = s->set; set->name != NULL; set++)
        info.uses |= set->uses;
    return info;
}

wagle_info wagle_suite_set_info(int suite, int i)
{
    const wg_suite *s = wg_suite_at(suite);

    return s != NULL && i >= 0 && i < WG_SUITE_SETS && s->set[i].name != NULL
               ? (wagle_info){.name = s->set[i].name, .summary = s->set[i].what}
               : (wagle_info){0};
}

static const char *name_at(int i)
{
    return wg_suite_at(i) != NULL ? wg_suite_at(i)->name : NULL;
}

wagle_status wg_suite_find(wagle_ctx *ctx, wg_str name, const wg_suite **out)
{
    int i;

    WG_TRY(wg_choose(ctx, "suite", name_at, name, &i));
    *out = suites[i];
    return WAGLE_OK;
}

bool wg_suite_named_in(const char *names, const char *metric)
{
    const wg_str suite = {metric, strcspn(metric, ".")};
    wg_str name;

    while (wg_next_name(&names, &name))
        if (wg_str_equal(name, suite))
            return true;
    return false;
}

bool wg_evaluation_set_at(const wg_evaluation *e, int i, char name[64], const char **file)
{
    const char *entry = NULL, *equals;

    for (int k = 0; e->o->sets != NULL && e->o->sets[k] != NULL && k <= i; k++)
        entry = k == i ? e->o->sets[k] : NULL;
    if (entry == NULL)
        return false;
    equals = strchr(entry, '=');
    snprintf(name, 64, "%.*s", (int)(equals != NULL ? equals - entry : 0), entry);
    *file = equals != NULL ? equals + 1 : entry;
    return true;
}

const char *wg_evaluation_set(const wg_evaluation *e, const char *name)
{
    char given[64];
    const char *file;

    for (int i = 0; wg_evaluation_set_at(e, i, given, &file); i++)
        if (strcmp(given, name) == 0)
            return file;
    return NULL;
}

/* The set of that name; NULL: the suite has none. */
static const wg_set_info *find_set(const wg_suite *s, const char *name)
{
    for (const wg_set_info *i = s->set; i->name != NULL; i++)
        if (strcmp(i->name, name) == 0)
            return i;
    return NULL;
}

bool wg_suite_lists(const wg_suite *s, const char *name)
{
    return find_set(s, name) != NULL;
}

bool wg_evaluation_writes(const wg_evaluation *e)
{
    if (e->suite->texts_if_asked && e->o->max_tokens == 0)
        return false;
    for (const wg_set_info *i = e->suite->set; i->name != NULL; i++)
        if ((i->uses & WAGLE_USES_TEXTS) != 0 && wg_evaluation_set(e, i->name) != NULL)
            return true;
    return false;
}

bool wg_evaluation_samples(const wg_evaluation *e, const char *set)
{
    const wg_set_info *info = find_set(e->suite, set);

    return info != NULL && info->sampled;
}

int64_t wg_evaluation_tokens(const wg_evaluation *e, const char *set)
{
    const wg_set_info *info = find_set(e->suite, set);
    const int64_t own = info != NULL ? info->max_tokens : 0;

    return e->o->max_tokens >= 0 ? e->o->max_tokens : own > 0 ? own : WAGLE_SUITE_TOKENS;
}

bool wg_evaluation_is_spare(const wg_evaluation *e, const char *name)
{
    for (int i = 0; i < e->n_chosen; i++)
        if (wg_suite_lists(e->chosen[i], name))
            return false;
    return true;
}

wagle_data wg_evaluation_data(const wg_evaluation *e, const char *path)
{
    wagle_data data = e->o->data;

    data.path = path;
    if (!(e->suite->uses & WAGLE_USES_FACTS)) /* other suites compare whole answers */
        data.facts_field = NULL;
    return data;
}

wagle_status wg_evaluation_row(wagle_ctx *ctx, wg_evaluation *e, const char *set, int64_t row,
                               json_t **out)
{
    *out =
        json_pack("{s:s, s:s, s:I}", "suite", e->suite->name, "set", set, "row", (json_int_t)row);
    if (*out == NULL || json_array_append_new(e->rows, *out) != 0)
        return wg_json_memory(ctx);
    return WAGLE_OK;
}

/* The text, with U+FFFD for bytes that are not UTF-8. */
static wagle_status clean_text(wagle_ctx *ctx, wg_str text, wg_text *clean)
{
    wagle_status st = wg_text_addz(ctx, clean, "");

    for (size_t i = 0; st == WAGLE_OK && i < text.bytes;) {
        int32_t code;
        const int n = wg_utf8_decode(text.text + i, text.bytes - i, &code);
        st = n > 0 ? wg_text_add(ctx, clean, text.text + i, (size_t)n)
                   : wg_text_addz(ctx, clean, "\xEF\xBF\xBD");
        i += n > 0 ? (size_t)n : 1;
    }
    return st;
}

wagle_status wg_row_set_text(wagle_ctx *ctx, json_t *row, const char *key, wg_str text)
{
    wg_text clean = {0};
    wagle_status st = clean_text(ctx, text, &clean);

    if (st == WAGLE_OK)
        st = wg_json_set(ctx, row, key, json_stringn(clean.text, (size_t)clean.bytes));
    wg_text_free(&clean);
    return st;
}

wagle_status wg_row_add_text(wagle_ctx *ctx, json_t *array, wg_str text)
{
    wg_text clean = {0};
    wagle_status st = clean_text(ctx, text, &clean);

    if (st == WAGLE_OK &&
        json_array_append_new(array, json_stringn(clean.text, (size_t)clean.bytes)) != 0)
        st = wg_json_memory(ctx);
    wg_text_free(&clean);
    return st;
}

wagle_status wg_read_list(wagle_ctx *ctx, const char *path, const char *what, wg_text *out)
{
    const char *at;
    size_t bytes;

    WG_TRY(wg_read_text(ctx, path, out));
    at = out->text;
    if (strlen(at) != (size_t)out->bytes)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: a NUL at byte %lld; lines of text are expected",
                       path, (long long)strlen(at));
    return wg_next_line(&at, &bytes) != NULL
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT, "%s: the file has no %s", path, what);
}

bool wg_counts_have(const wg_counts *c, int64_t value)
{
    for (int i = 0; i < c->n; i++)
        if (c->at[i] == value)
            return true;
    return false;
}

wagle_status wg_counts_read(wagle_ctx *ctx, const char *option, const char *text, int64_t low,
                            int64_t high, wg_counts *out)
{
    enum { DIGITS = 9 };
    wg_str word;

    *out = (wg_counts){0};
    for (const char *at = text; wg_next_name(&at, &word);) {
        int64_t value = 0;
        bool fits = word.bytes > 0 && word.bytes <= DIGITS;
        for (size_t i = 0; fits && i < word.bytes; i++) {
            fits = word.text[i] >= '0' && word.text[i] <= '9';
            value = 10 * value + (word.text[i] - '0');
        }
        if (!fits || value < low || value > high || wg_counts_have(out, value) ||
            out->n == WG_COUNTS)
            return wg_fail(ctx, WAGLE_E_USAGE,
                           "%s %.200s: expected up to %d different whole numbers from %lld to "
                           "%lld, with commas between them",
                           option, text, WG_COUNTS, (long long)low, (long long)high);
        out->at[out->n++] = value;
    }
    return out->n > 0 ? WAGLE_OK : wg_fail(ctx, WAGLE_E_USAGE, "%s: an empty list", option);
}

/* --- saved rows ------------------------------------------------------------------------------- */

wagle_status wg_row_fail(wagle_ctx *ctx, const json_t *row, const char *key, const char *what)
{
    const char *suite = json_string_value(json_object_get(row, "suite"));
    const char *set = json_string_value(json_object_get(row, "set"));

    return wg_fail(ctx, WAGLE_E_INPUT, "%s, set '%s', row %lld: '%s' %s",
                   suite != NULL ? suite : "?", set != NULL ? set : "?",
                   (long long)json_integer_value(json_object_get(row, "row")), key, what);
}

wagle_status wg_row_number(wagle_ctx *ctx, const json_t *row, const char *key, double *out)
{
    const json_t *value = json_object_get(row, key);

    *out = json_number_value(value);
    return json_is_number(value) && isfinite(*out) ? WAGLE_OK
                                                   : wg_row_fail(ctx, row, key, "is no number");
}

wagle_status wg_row_numbers(wagle_ctx *ctx, const json_t *row, const char *key, double **out,
                            int64_t *n)
{
    const json_t *list = json_object_get(row, key);

    *n = (int64_t)json_array_size(list);
    *out = NULL;
    if (*n == 0)
        return wg_row_fail(ctx, row, key, "is no list of numbers");
    WG_TRY(WG_ALLOC(ctx, out, *n));
    for (int64_t i = 0; i < *n; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        (*out)[i] = json_number_value(value);
        if (!json_is_number(value) || !isfinite((*out)[i])) {
            wg_free(*out);
            *out = NULL;
            return wg_row_fail(ctx, row, key, "is no list of numbers");
        }
    }
    return WAGLE_OK;
}

wagle_status wg_row_column(wagle_ctx *ctx, const json_t *row, const char *set, const char *key,
                           wg_frame *f)
{
    double value;

    WG_TRY(wg_row_number(ctx, row, key, &value));
    return wg_frame_add(ctx, f, set, key, value);
}

wagle_status wg_measure_mean(wagle_ctx *ctx, const wg_frame *f, const char *set, const char *name,
                             wg_measures *out)
{
    const wg_column *c = wg_frame_find(f, set, name);

    return c == NULL ? WAGLE_OK
                     : wg_measures_add(ctx, out, wg_mean(c->value, c->n), c->n, "%s.%s", set, name);
}

static bool is_gold(const wg_column *c)
{
    return strncmp(c->set, "gold/", 5) == 0;
}

bool wg_frame_has_gold(const wg_frame *f)
{
    for (int64_t i = 0; i < f->n; i++)
        if (is_gold(&f->column[i]))
            return true;
    return false;
}

wagle_status wg_measure_means(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    for (int64_t i = 0; i < f->n; i++)
        if (!is_gold(&f->column[i]) && f->column[i].name[0] != '_')
            WG_TRY(wg_measure_mean(ctx, f, f->column[i].set, f->column[i].name, out));
    return WAGLE_OK;
}
