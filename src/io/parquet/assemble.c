/* assemble.c - a row's value of a column from the entries of its leaves (Melnik et al. 2010,
 * Dremel, section 4.3). What the levels of one leaf say of a list or a struct must agree with all
 * others. */
#include "io/parquet/file.h"

#include <string.h>

static wagle_status build(wg_parquet *p, const wg_pq_node *node, json_t **out);

static wagle_status disagree(const wg_parquet *p, const wg_pq_node *node)
{
    return wg_pq_fail(p, "entries of column '%.60s' that do not fit together", node->name);
}

/* Whether the node is there in the present entry. */
static wagle_status is_there(const wg_parquet *p, const wg_pq_node *node, bool *out)
{
    for (int64_t i = node->first; i < node->first + node->n; i++) {
        const wg_pq_column *c = &p->column[i];
        const bool there = c->live && c->def >= node->def;
        if (!c->live || (i > node->first && there != *out))
            return disagree(p, node);
        *out = there;
    }
    return WAGLE_OK;
}

/* Whether the present entry continues the repeated node. */
static wagle_status goes_on(const wg_parquet *p, const wg_pq_node *node, bool *out)
{
    for (int64_t i = node->first; i < node->first + node->n; i++) {
        const wg_pq_column *c = &p->column[i];
        const bool on = c->live && c->rep == node->rep;
        if ((i > node->first && on != *out) || (c->live && c->rep > node->rep))
            return disagree(p, node);
        *out = on;
    }
    return WAGLE_OK;
}

/* Passes the entry that says that a node is not there. */
static wagle_status pass(wg_parquet *p, const wg_pq_node *node)
{
    for (int64_t i = node->first; i < node->first + node->n; i++)
        WG_TRY(wg_pq_advance(p, &p->column[i]));
    return WAGLE_OK;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* The node of a list's elements: below the repeated node, or itself, as older writers have it
 * (Parquet's LogicalTypes.md, backward compatibility). */
static const wg_pq_node *element_of(const wg_pq_node *list, const wg_pq_node *repeated)
{
    const size_t n = strlen(list->name);
    const bool tuple =
        strncmp(repeated->name, list->name, n) == 0 && strcmp(repeated->name + n, "_tuple") == 0;

    return list == repeated || repeated->children != 1 || strcmp(repeated->name, "array") == 0 ||
                   tuple
               ? repeated
               : repeated + 1;
}

static wagle_status build_one(wg_parquet *p, const wg_pq_node *node, json_t **out);

static wagle_status build_list(wg_parquet *p, const wg_pq_node *list, const wg_pq_node *repeated,
                               json_t *out)
{
    enum { MOST = 1 << 24 };
    const wg_pq_node *element = element_of(list, repeated);
    bool on = false;

    WG_TRY(is_there(p, repeated, &on));
    if (!on)
        return pass(p, repeated);
    while (on) {
        json_t *value = NULL;
        WG_TRY(element == repeated ? build_one(p, element, &value) : build(p, element, &value));
        if (json_array_append_new(out, value) != 0)
            return wg_json_memory(p->ctx);
        if (json_array_size(out) > MOST)
            return wg_pq_fail(p, "a list of more than %d values in column '%.60s'", (int)MOST,
                              list->name);
        WG_TRY(goes_on(p, repeated, &on));
    }
    return WAGLE_OK;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static wagle_status build_struct(wg_parquet *p, const wg_pq_node *node, json_t *out)
{
    for (const wg_pq_node *child = node + 1; child < p->node + node->next;
         child = p->node + child->next) {
        json_t *value = NULL;
        WG_TRY(build(p, child, &value));
        if (json_object_set_new(out, child->name, value) != 0)
            return wg_json_memory(p->ctx);
    }
    return WAGLE_OK;
}

static wagle_status build_leaf(wg_parquet *p, const wg_pq_node *node, json_t **out)
{
    wg_pq_column *c = &p->column[node->first];
    wagle_status st = WAGLE_OK;

    *out = json_null();
    if (!c->live)
        return disagree(p, node);
    if (c->def == node->def)
        WG_TRY(wg_pq_value(p, c, out));
    st = wg_pq_advance(p, c);
    if (st != WAGLE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}

/* The node, whether or not it is repeated: one of its values. */
static wagle_status build_one(wg_parquet *p, const wg_pq_node *node, json_t **out)
{
    const wg_pq_node *child = node + 1;
    const bool list = node->is_list && node->children == 1 && child->repetition == WG_PQ_REPEATED;
    bool there = false;
    wagle_status st;

    if (node->children == 0)
        return build_leaf(p, node, out);
    WG_TRY(is_there(p, node, &there));
    *out = !there ? json_null() : list ? json_array() : json_object();
    if (*out == NULL)
        return wg_json_memory(p->ctx);
    st = !there ? pass(p, node)
         : list ? build_list(p, node, child, *out)
                : build_struct(p, node, *out);
    if (st != WAGLE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}

static wagle_status build(wg_parquet *p, const wg_pq_node *node, json_t **out)
{
    wagle_status st;

    if (node->repetition != WG_PQ_REPEATED)
        return build_one(p, node, out);
    *out = json_array();
    st = *out != NULL ? build_list(p, node, node, *out) : wg_json_memory(p->ctx);
    if (st != WAGLE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}

wagle_status wg_pq_assemble(wg_parquet *p, const wg_pq_node *node, json_t **out)
{
    for (int64_t i = node->first; i < node->first + node->n; i++)
        if (!p->column[i].live || p->column[i].rep != 0)
            return disagree(p, node);
    return build(p, node, out);
}
