#include "io/parquet/parquet.h"

#include "io/parquet/file.h"
#include <string.h>

bool wg_is_parquet(const unsigned char *data, size_t bytes)
{
    return bytes >= 4 && memcmp(data, "PAR1", 4) == 0;
}

static void close_file(wg_parquet *p, json_t **unread)
{
    for (int64_t i = 0; p->column != NULL && i < p->n_columns; i++) {
        wg_pq_column_reset(&p->column[i]);
        wg_free(p->column[i].page);
        wg_text_free(&p->column[i].before);
    }
    for (int64_t i = 0; unread != NULL && i < p->n_nodes; i++)
        json_decref(unread[i]);
    wg_free(unread);
    wg_free(p->column);
    wg_free(p->node);
    wg_arena_free(&p->arena);
}

static const wg_pq_node *next_child(const wg_parquet *p, const wg_pq_node *child)
{
    const wg_pq_node *next = child == NULL ? p->node + 1 : p->node + child->next;

    return next < p->node + p->n_nodes ? next : NULL;
}

/* Marks the leaves of columns that are not read. unread [n_nodes] gets what stands for them. */
static wagle_status choose_columns(wg_parquet *p, const wg_rows_reader *r, json_t **unread)
{
    for (const wg_pq_node *c = next_child(p, NULL); c != NULL; c = next_child(p, c)) {
        WG_TRY(wg_rows_choose(r, c->name, wg_pq_kind(p, c), &unread[c - p->node]));
        for (int64_t i = c->first; i < c->first + c->n; i++)
            p->column[i].skipped = unread[c - p->node] != NULL;
    }
    return WAGLE_OK;
}

static wagle_status build_row(wg_parquet *p, json_t *const *unread, json_t *row)
{
    for (const wg_pq_node *c = next_child(p, NULL); c != NULL; c = next_child(p, c)) {
        json_t *value = json_incref(unread[c - p->node]);
        if (value == NULL)
            WG_TRY(wg_pq_assemble(p, c, &value));
        if (json_object_set_new(row, c->name, value) != 0)
            return wg_json_memory(p->ctx);
    }
    return WAGLE_OK;
}

static wagle_status read_row(wg_parquet *p, wg_rows_reader *r, json_t *const *unread, int64_t line)
{
    json_t *row = json_object();
    wagle_status st = row != NULL ? build_row(p, unread, row) : wg_json_memory(p->ctx);

    if (st == WAGLE_OK)
        return wg_rows_add(r, row, line);
    json_decref(row);
    return st;
}

/* Every entry of a row group belongs to one of its rows. */
static wagle_status check_end(const wg_parquet *p)
{
    for (int64_t i = 0; i < p->n_columns; i++)
        if (p->column[i].live)
            return wg_pq_fail(p, "more entries in column '%.60s' than rows",
                              p->column[i].node->name);
    return WAGLE_OK;
}

static wagle_status read_groups(wg_parquet *p, wg_rows_reader *r, json_t *const *unread)
{
    int64_t rows = 0;

    for (int64_t g = 0; g < p->n_groups && !wg_rows_full(r); g++) {
        WG_TRY(wg_pq_next_group(p));
        if (p->group_rows > p->n_rows - rows)
            return wg_pq_fail(p, "damaged metadata: more rows than it says");
        for (int64_t i = 0; i < p->group_rows && !wg_rows_full(r); i++)
            WG_TRY(read_row(p, r, unread, ++rows));
        if (!wg_rows_full(r))
            WG_TRY(check_end(p));
    }
    return rows == p->n_rows || wg_rows_full(r)
               ? WAGLE_OK
               : wg_pq_fail(p, "damaged metadata: fewer rows than it says");
}

wagle_status wg_rows_parquet(wg_rows_reader *r, const unsigned char *data, size_t bytes)
{
    wg_parquet p = {.ctx = r->ctx, .what = r->what, .data = data, .bytes = bytes};
    json_t **unread = NULL;
    wagle_status st = wg_pq_read_metadata(&p);

    if (st == WAGLE_OK && p.n_columns == 0)
        st = wg_pq_fail(&p, "no columns");
    if (st == WAGLE_OK)
        st = WG_ALLOC(r->ctx, &unread, p.n_nodes);
    if (st == WAGLE_OK)
        st = choose_columns(&p, r, unread);
    if (st == WAGLE_OK)
        st = read_groups(&p, r, unread);
    close_file(&p, unread);
    return st;
}
