/* grid.c - points of a grid: every combination of the axes, of each entry of `grids`. */
#include "sweep/sweep.h"

#include "mask/topk.h"
#include "selector/selector.h"
#include "train/members.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTIVES, SELECTORS, EXCLUDE, DENSITIES, PROTECT, RATES, ADAPTER, AXES };
static const char *const axes[AXES] = {"objectives", "selectors", "exclude", "densities",
                                       "protect",    "lr",        "adapter"};

wagle_status wg_sweep_refuse(wagle_ctx *ctx, const char *key, const char *what)
{
    return wg_fail(ctx, WAGLE_E_INPUT, "sweep: '%s': %s", key, what);
}

/* --- keys --------------------------------------------------------------------------------------
 */

typedef struct spec_key {
    const char *name;
    json_type type;
    bool needed;
    bool grows; /* another value leaves the runs that there are as they are */
    const char *wanted;
} spec_key;

static const char of_adapters[] = "expected a folder, or a list of folders";

/* Those that are no options of training. */
static const spec_key keys[] = {
    {"model", JSON_STRING, true, false, "expected a folder"},
    {"forget", JSON_STRING, true, false, "expected a file of rows"},
    {"retain", JSON_STRING, true, false, "expected a file of rows"},
    {"eval", JSON_OBJECT, true, false, "expected an object of NAME: ROWS"},
    {"lr", JSON_ARRAY, false, true, "expected a list"},
    {"objectives", JSON_ARRAY, false, true, "expected a list"},
    {"selectors", JSON_ARRAY, false, true, "expected a list"},
    {"exclude", JSON_ARRAY, false, true, "expected a list of lists of patterns"},
    {"densities", JSON_ARRAY, false, true, "expected a list"},
    {"protect", JSON_ARRAY, false, true, "expected a list of texts"},
    {"adapter", JSON_STRING, false, true, of_adapters},
    {"seeds", JSON_ARRAY, false, true, "expected a list"},
    {"grids", JSON_ARRAY, false, true, "expected a list of objects with axes"},
    {"keep", JSON_ARRAY, false, true, "expected a list of columns"},
    {"columns", JSON_ARRAY, false, true, "expected a list of columns"},
    {"relearn", JSON_OBJECT, false, false, "expected an object with data, steps and lr"},
    {"suites", JSON_OBJECT, false, false, "expected an object with run and sets"},
    {"params", JSON_OBJECT, false, false, "expected an object of numbers"},
    {"plot", JSON_STRING, false, true, "expected a column"},
    {"prompt", JSON_STRING, false, false, "expected a template"},
    {"chat", JSON_STRING, false, false, "expected auto, none, required or a layout"},
    {"system", JSON_STRING, false, false, "expected a text"},
    {"chat_kwargs", JSON_ARRAY, false, false, "expected a list of \"key=value\""},
    {"date", JSON_STRING, false, false, "expected YYYY-MM-DD"},
    {"where", JSON_ARRAY, false, false, "expected a list of \"column=text\""},
    {"fields", JSON_ARRAY, false, false, "expected a list of \"column=name\""},
    {"all_turns", JSON_TRUE, false, false, "expected true or false"},
    {"eos", JSON_TRUE, false, false, "expected true or false"},
    {"rounded", JSON_ARRAY, false, false, "expected a list of q4_0 and q8_0"},
    {"updates", JSON_INTEGER, false, false, "expected a whole number"},
    {"tune", JSON_TRUE, false, true, "expected true or false"},
};
enum { KEYS = sizeof keys / sizeof *keys };

/* The key that an option of training is. */
static spec_key key_of(const wg_member *m)
{
    static const struct {
        json_type type;
        const char *wanted;
    } by_kind[] = {
        [WG_MEMBER_TEXT] = {JSON_STRING, "expected a text"},
        [WG_MEMBER_CHOICE] = {JSON_STRING, "expected a name"},
        [WG_MEMBER_FILE] = {JSON_STRING, "expected a file"},
        [WG_MEMBER_FOLDER] = {JSON_STRING, "expected a folder"},
        [WG_MEMBER_REAL] = {JSON_REAL, "expected a number"},
        [WG_MEMBER_CLIP] = {JSON_REAL, "expected a number"},
        [WG_MEMBER_WHOLE] = {JSON_INTEGER, "expected a whole number"},
        [WG_MEMBER_FLAG] = {JSON_TRUE, "expected true or false"},
    };

    return (spec_key){.name = m->name,
                      .type = by_kind[m->kind].type,
                      .wanted = m->wanted != NULL ? m->wanted : by_kind[m->kind].wanted};
}

static bool find_key(const char *name, spec_key *out)
{
    const wg_member *m = wg_train_member(name);

    for (int i = 0; i < KEYS; i++)
        if (strcmp(keys[i].name, name) == 0) {
            *out = keys[i];
            return true;
        }
    if (m == NULL || !m->swept)
        return false;
    *out = key_of(m);
    return true;
}

static bool is_of(const json_t *value, json_type type)
{
    return type == JSON_REAL   ? json_is_number(value)
           : type == JSON_TRUE ? json_is_boolean(value)
                               : json_typeof(value) == type;
}

wagle_status wg_sweep_check(wagle_ctx *ctx, const wg_sweep *s)
{
    const char *name;
    json_t *value;
    spec_key key;

    if (!json_is_object(s->spec))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "sweep: the spec is not an object; docs/reference/sweep.md has an example");
    json_object_foreach (s->spec, name, value) {
        if (!find_key(name, &key))
            return wg_sweep_refuse(ctx, name, "there is no such key (docs/reference/sweep.md)");
        if (!is_of(value, key.type) && strcmp(name, axes[RATES]) != 0 &&
            strcmp(name, axes[ADAPTER]) != 0) /* see check_axis */
            return wg_sweep_refuse(ctx, name, key.wanted);
    }
    value = json_object_get(s->spec, "updates");
    if (value != NULL && (json_integer_value(value) < 1 || json_integer_value(value) > 1000000))
        return wg_sweep_refuse(ctx, "updates", "must be from 1 to a million");
    for (int i = 0; i < KEYS; i++)
        if (keys[i].needed && json_object_get(s->spec, keys[i].name) == NULL)
            return wg_sweep_refuse(ctx, keys[i].name, keys[i].wanted);
    return WAGLE_OK;
}

static bool same_value(const json_t *a, const json_t *b, const char *name)
{
    const json_t *x = json_object_get(a, name), *y = json_object_get(b, name);

    return x == y || json_equal(x, y);
}

bool wg_sweep_goes_on(const json_t *before, const json_t *now)
{
    for (int i = 0; i < KEYS; i++)
        if (!keys[i].grows && !same_value(before, now, keys[i].name))
            return false;
    for (const wg_member *m = wg_train_members; m->name != NULL; m++)
        if (m->swept && !same_value(before, now, m->name))
            return false;
    return true;
}

/* --- points ------------------------------------------------------------------------------------
 */

/* An axis of an entry of `grids`, else of the spec. */
static const json_t *axis(const wg_sweep *s, const json_t *grid, int i)
{
    const json_t *own = json_object_get(grid, axes[i]);

    return own != NULL ? own : json_object_get(s->spec, axes[i]);
}

/* A value of an axis; one that is no list has one. */
static const json_t *value_at(const json_t *list, size_t k)
{
    return json_is_string(list) ? list : json_array_get(list, k);
}

static size_t length(const json_t *list)
{
    const size_t n = json_array_size(list);

    return n > 0 ? n : 1;
}

static bool holds_texts(const json_t *list)
{
    const json_t *value;
    size_t i;

    json_array_foreach (list, i, value)
        if (!json_is_string(value))
            return false;
    return json_is_array(list);
}

/* Where the search for a rate starts. */
static wagle_status check_start(wagle_ctx *ctx, const json_t *lr)
{
    return lr == NULL || (json_is_number(lr) && json_number_value(lr) > 0)
               ? WAGLE_OK
               : wg_sweep_refuse(
                     ctx, axes[RATES],
                     "with 'updates' it must be one number above 0, where the search starts");
}

static wagle_status check_axis(wagle_ctx *ctx, const json_t *list, int i)
{
    const bool text = i == OBJECTIVES || i == SELECTORS || i == PROTECT || i == ADAPTER;
    const json_t *value;
    size_t k;

    if (list == NULL && (i == EXCLUDE || i == DENSITIES || i == PROTECT || i == ADAPTER))
        return WAGLE_OK;
    if (i == ADAPTER && json_is_string(list))
        return WAGLE_OK;
    if (json_array_size(list) == 0)
        return wg_sweep_refuse(ctx, axes[i], i == ADAPTER ? of_adapters : "expected a list");
    json_array_foreach (list, k, value)
        if (i == EXCLUDE ? !holds_texts(value)
            : text       ? !json_is_string(value)
                         : !json_is_number(value))
            return wg_sweep_refuse(ctx, axes[i],
                                   i == EXCLUDE   ? "expected a list of lists of patterns"
                                   : i == ADAPTER ? of_adapters
                                   : text         ? "expected a list of names"
                                                  : "expected a list of numbers");
    return WAGLE_OK;
}

/* Adds a pattern; a + in it is %2B, because + stands between patterns. */
static wagle_status add_pattern(wagle_ctx *ctx, const char *pattern, wg_text *out)
{
    for (; *pattern != '\0'; pattern++)
        WG_TRY(*pattern == '+' ? wg_text_addz(ctx, out, "%2B") : wg_text_add(ctx, out, pattern, 1));
    return WAGLE_OK;
}

/* Patterns of one entry of `exclude`, joined by +. */
static wagle_status join(wagle_ctx *ctx, wg_sweep *s, const json_t *list, const char **out)
{
    wg_text t = {0};
    size_t k;
    json_t *value;
    wagle_status st = wg_text_addz(ctx, &t, "");

    json_array_foreach (list, k, value) {
        if (st == WAGLE_OK && k > 0)
            st = wg_text_addz(ctx, &t, "+");
        if (st == WAGLE_OK)
            st = add_pattern(ctx, json_string_value(value), &t);
    }
    *out = st == WAGLE_OK ? wg_arena_text(ctx, &s->arena, t.text, (size_t)t.bytes) : NULL;
    wg_text_free(&t);
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

wagle_status wg_sweep_selector(wagle_ctx *ctx, const char *text, char *name,
                               wagle_attribute_options *o)
{
    const wg_selector *selector;
    wagle_scope scope;
    char *gamma;

    snprintf(name, 64, "%s", text);
    name[strcspn(name, "/")] = '\0';
    gamma = strchr(name, '@');
    if (gamma != NULL)
        *gamma++ = '\0';
    if (wg_sweep_scope(text) != NULL)
        WG_TRY(wg_scope_find(ctx, wg_sweep_scope(text), &scope));
    WG_TRY(wg_selector_find(ctx, name, &selector));
    return gamma == NULL || wagle_gamma_read(gamma, &o->gamma)
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT,
                         "sweep: selector '%s': expected auto, diag, protect or a number above 0 "
                         "after @",
                         text);
}

const char *wg_sweep_mask_file(const char *selector)
{
    return strncmp(selector, "mask:", 5) == 0 ? selector + 5 : NULL;
}

const char *wg_sweep_scope(const char *selector)
{
    const char *slash = wg_sweep_mask_file(selector) == NULL ? strchr(selector, '/') : NULL;

    return slash != NULL ? slash + 1 : NULL;
}

bool wg_sweep_protects(const wg_point *p)
{
    return strcmp(p->protect, "none") != 0;
}

wagle_status wg_sweep_protect(wagle_ctx *ctx, wg_sweep *s, const char *text, wagle_train_options *o)
{
    const size_t n = strcspn(text, "@");
    long rank;
    char end;
    const int parts = sscanf(text + n, "@%lf@%ld%c", &o->protect_damping, &rank, &end);
    const bool whole = parts == 2 || (parts == 1 && strchr(text + n + 1, '@') == NULL &&
                                      sscanf(text + n, "@%lf%c", &o->protect_damping, &end) == 1);

    if (n == 0 || !whole || !(o->protect_damping > 0) || (parts == 2 && rank < 0))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "sweep: 'protect': '%.64s': expected none, ROWS@DAMPING or "
                       "ROWS@DAMPING@RANK, as in retain@0.1",
                       text);
    if (parts == 2)
        o->protect_rank = rank;
    o->protect.path = wg_arena_text(ctx, &s->arena, text, n);
    return o->protect.path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* Its names are known. */
static wagle_status check_point(wagle_ctx *ctx, wg_sweep *s, const wg_point *p)
{
    wagle_train_options protect;
    wagle_attribute_options o;
    const wg_objective *objective;
    char name[64];

    WG_TRY(wg_objective_find(ctx, p->objective, &objective));
    if (wg_sweep_protects(p))
        WG_TRY(wg_sweep_protect(ctx, s, p->protect, &protect));
    return strcmp(p->selector, "none") == 0 || wg_sweep_mask_file(p->selector) != NULL
               ? WAGLE_OK
               : wg_sweep_selector(ctx, p->selector, name, &o);
}

wagle_status wg_sweep_add_extras(wagle_ctx *ctx, const wg_point *p, const char *before, wg_text *t)
{
    if (wg_sweep_protects(p))
        WG_TRY(wg_text_printf(ctx, t, "%sprotect %s", before, p->protect));
    return wg_sweep_adapts(p) ? wg_text_printf(ctx, t, "%sadapter %s", before, p->adapter)
                              : WAGLE_OK;
}

wagle_status wg_sweep_set_extras(wagle_ctx *ctx, const wg_point *p, json_t *into)
{
    if (wg_sweep_protects(p))
        WG_TRY(wg_json_set(ctx, into, "protect", json_string(p->protect)));
    return wg_sweep_adapts(p) ? wg_json_set(ctx, into, "adapter", json_string(p->adapter))
                              : WAGLE_OK;
}

wagle_status wg_sweep_add_method(wagle_ctx *ctx, const wg_point *p, wg_text *t)
{
    WG_TRY(wg_text_printf(ctx, t, "%s %s%s%s", p->objective, p->selector,
                          *p->exclude != '\0' ? " without " : "", p->exclude));
    return wg_sweep_add_extras(ctx, p, " ", t);
}

wagle_status wg_sweep_name(wagle_ctx *ctx, wg_sweep *s, wg_point *p)
{
    wg_text key = {0};
    wagle_status st = wg_sweep_add_method(ctx, p, &key);

    if (st == WAGLE_OK)
        st = wg_text_printf(ctx, &key, " %.6g", p->density);
    if (st == WAGLE_OK)
        st = p->lr > 0 || s->updates == 0
                 ? wg_text_printf(ctx, &key, " lr %.6g", p->lr)
                 : wg_text_printf(ctx, &key, " updates %lld", (long long)s->updates);
    if (st == WAGLE_OK)
        st = wg_text_printf(ctx, &key, " seed %lld", (long long)p->seed);

    p->key = st == WAGLE_OK ? wg_arena_text(ctx, &s->arena, key.text, (size_t)key.bytes) : NULL;
    wg_text_free(&key);
    return p->key != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* A point that is there already is not added: of a dense run, and of a mask that is given, nothing
 * is left out and there is one density. */
static wagle_status add_point(wagle_ctx *ctx, wg_sweep *s, const json_t *grid, size_t k,
                              int64_t seed, json_t *known)
{
    /* learning rates go fastest */
    static const int order[AXES] = {RATES,   DENSITIES,  EXCLUDE, SELECTORS,
                                    PROTECT, OBJECTIVES, ADAPTER};
    const json_t *at[AXES];
    wg_point *p = &s->point[s->n];

    for (int i = 0; i < AXES; i++) {
        const json_t *list = axis(s, grid, order[i]);
        at[order[i]] = value_at(list, k % length(list));
        k /= length(list);
    }
    *p = (wg_point){.objective = json_string_value(at[OBJECTIVES]),
                    .selector = json_string_value(at[SELECTORS]),
                    .protect = at[PROTECT] != NULL ? json_string_value(at[PROTECT]) : "none",
                    .adapter = at[ADAPTER] != NULL ? json_string_value(at[ADAPTER]) : "none",
                    .density = at[DENSITIES] != NULL ? json_number_value(at[DENSITIES]) : 0.1,
                    .lr = json_number_value(at[RATES]),
                    .start = 1e-4,
                    .exclude = "",
                    .patterns = at[EXCLUDE],
                    .seed = seed};
    if (s->updates > 0 && json_is_number(axis(s, grid, RATES)))
        p->start = json_number_value(axis(s, grid, RATES));
    if (strcmp(p->selector, "none") == 0)
        p->density = 1;
    else if (wg_sweep_mask_file(p->selector) != NULL)
        p->density = 0;
    else
        WG_TRY(join(ctx, s, at[EXCLUDE], &p->exclude));
    WG_TRY(check_point(ctx, s, p));
    WG_TRY(wg_sweep_name(ctx, s, p));
    if (json_object_get(known, p->key) != NULL)
        return WAGLE_OK;
    s->n++;
    return wg_json_set(ctx, known, p->key, json_true());
}

static wagle_status count_points(wagle_ctx *ctx, const wg_sweep *s, const json_t *grid,
                                 size_t *count)
{
    *count = 1;
    for (int i = 0; i < AXES; i++) {
        WG_TRY(i == RATES && s->updates > 0 ? check_start(ctx, axis(s, grid, i))
                                            : check_axis(ctx, axis(s, grid, i), i));
        *count *= length(axis(s, grid, i));
        if (*count > 1000000)
            return wg_sweep_refuse(ctx, axes[i], "more than a million runs");
    }
    return WAGLE_OK;
}

/* An entry of `grids`; without that key, the one that leaves all axes to the spec. */
static wagle_status grid_at(wagle_ctx *ctx, const wg_sweep *s, size_t g, const json_t **out)
{
    const json_t *grids = json_object_get(s->spec, "grids");
    const char *name;
    json_t *value;

    *out = json_array_get(grids, g);
    if (grids != NULL && !json_is_object(*out))
        return wg_sweep_refuse(ctx, "grids", "expected a list of objects with axes");
    json_object_foreach ((json_t *)(uintptr_t)*out, name, value) {
        int i = 0;
        while (i < AXES && strcmp(axes[i], name) != 0)
            i++;
        if (i == AXES)
            return wg_sweep_refuse(ctx, name,
                                   "not an axis (objectives, selectors, exclude, densities, "
                                   "protect, lr, adapter), so it cannot be in an entry of grids");
    }
    return WAGLE_OK;
}

/* Seeds go slowest: the whole grid with one, then with the next. */
static wagle_status add_all(wagle_ctx *ctx, wg_sweep *s, json_t *known)
{
    const json_t *seeds = json_object_get(s->spec, "seeds"), *grid;
    const size_t grids = length(json_object_get(s->spec, "grids"));
    size_t count;

    for (size_t i = 0; i < length(seeds); i++) {
        const json_t *seed = json_array_get(seeds, i);
        if (seed != NULL && !json_is_integer(seed))
            return wg_sweep_refuse(ctx, "seeds", "expected a list of whole numbers");
        for (size_t g = 0; g < grids; g++) {
            WG_TRY(grid_at(ctx, s, g, &grid));
            WG_TRY(count_points(ctx, s, grid, &count));
            for (size_t k = 0; k < count; k++)
                WG_TRY(add_point(ctx, s, grid, k, json_integer_value(seed), known));
        }
    }
    return WAGLE_OK;
}

wagle_status wg_sweep_grid(wagle_ctx *ctx, wg_sweep *s)
{
    const size_t seeds = length(json_object_get(s->spec, "seeds"));
    size_t all = 0, count;
    const json_t *grid;
    json_t *known = json_object();
    wagle_status st = known != NULL ? WAGLE_OK : wg_json_memory(ctx);

    for (size_t g = 0; st == WAGLE_OK && g < length(json_object_get(s->spec, "grids")); g++) {
        st = grid_at(ctx, s, g, &grid);
        if (st == WAGLE_OK)
            st = count_points(ctx, s, grid, &count);
        all += st == WAGLE_OK ? count : 0;
    }
    if (st == WAGLE_OK && (seeds > 1000 || all * seeds > 1000000))
        st = wg_sweep_refuse(ctx, "seeds", "more than a million runs");
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &s->point, (int64_t)(all * seeds));
    if (st == WAGLE_OK)
        st = add_all(ctx, s, known);
    json_decref(known);
    return st;
}
