#include "io/arrow/arrow.h"

#include "io/arrow/file.h"
#include "io/cell.h"
#include <string.h>

static const char MARK[] = "ARROW1";
enum { MARK_BYTES = 6, FILE_BEGINS = 8 };
static const uint32_t MESSAGE = 0xFFFFFFFF;

/* Fields of a message, and what its header can be. */
enum { HEADER_TYPE = 1, HEADER = 2, BODY_BYTES = 3 };
enum { SCHEMA = 1, DICTIONARY_BATCH = 2, RECORD_BATCH = 3 };

bool wg_is_arrow(const unsigned char *data, size_t bytes)
{
    return (bytes >= MARK_BYTES && memcmp(data, MARK, MARK_BYTES) == 0) ||
           (bytes >= 4 && wg_cell_bits(data, 4) == MESSAGE);
}

static void close_file(wg_arrow *a, json_t **unread)
{
    for (int64_t i = 0; i < a->n_dictionaries; i++) {
        for (int64_t k = 0; k < a->dictionary[i].n; k++)
            json_decref(a->dictionary[i].value[k]);
        wg_free(a->dictionary[i].value);
    }
    for (int64_t i = 0; unread != NULL && i < a->n_nodes; i++)
        json_decref(unread[i]);
    wg_free(unread);
    wg_free(a->dictionary);
    wg_free(a->node);
    wg_arena_free(&a->unpacked);
    wg_arena_free(&a->arena);
}

/* --- columns ---------------------------------------------------------------------------------- */

/* *unread [n_nodes] gets what stands for columns that are not read. */
static wagle_status choose_columns(wg_arrow *a, const wg_rows_reader *r, json_t ***unread)
{
    WG_TRY(WG_ALLOC(a->ctx, unread, a->n_nodes));
    for (int64_t i = 0; i < a->n_nodes; i = a->node[i].next) {
        const wg_arrow_node *c = &a->node[i];
        const char *kind =
            c->dictionary >= 0 ? a->dictionary[c->dictionary].of.type->kind : c->type->kind;
        WG_TRY(wg_rows_choose(r, c->name, kind, &(*unread)[i]));
        const bool read = (*unread)[i] == NULL;
        for (int64_t k = i; k < c->next; k++) {
            a->node[k].skipped = !read;
            if (read && a->node[k].dictionary >= 0)
                a->dictionary[a->node[k].dictionary].skipped = false;
        }
    }
    return WAGLE_OK;
}

static wagle_status build_row(const wg_arrow *a, json_t *const *unread, int64_t i, json_t *row)
{
    size_t columns = 0;

    for (int64_t c = 0; c < a->n_nodes; c = a->node[c].next) {
        json_t *value = json_incref(unread[c]);
        if (value == NULL)
            WG_TRY(wg_arrow_value(a, &a->node[c], i, &value));
        if (json_object_set_new(row, a->node[c].name, value) != 0)
            return wg_json_memory(a->ctx);
        if (json_object_size(row) != ++columns)
            return wg_arrow_fail(a, "two columns '%.60s'", a->node[c].name);
    }
    return WAGLE_OK;
}

static wagle_status read_rows(wg_arrow *a, wg_rows_reader *r, json_t *const *unread, size_t batch,
                              int64_t *line)
{
    int64_t rows;

    WG_TRY(wg_arrow_batch(a, batch, &rows));
    for (int64_t i = 0; i < rows && !wg_rows_full(r); i++) {
        json_t *row = json_object();
        const wagle_status st = row != NULL ? build_row(a, unread, i, row) : wg_json_memory(a->ctx);
        if (st != WAGLE_OK) {
            json_decref(row);
            return st;
        }
        WG_TRY(wg_rows_add(r, row, ++*line));
    }
    r->at = (const char *)a->body + a->body_bytes; /* up to here it may leave memory */
    return WAGLE_OK;
}

/* --- messages --------------------------------------------------------------------------------- */

/* Opens the message at *at and moves *at behind it. *ended: there is none. */
static wagle_status next_message(wg_arrow *a, size_t *at, size_t *message, bool *ended)
{
    const size_t left = a->bytes - *at;
    int64_t bytes, body;

    *ended = (left == 0 && !a->is_file) ||
             (left >= 8 && wg_cell_bits(a->data + *at, 8) == (uint64_t)MESSAGE);
    if (*ended && !a->is_file && left > 8)
        return wg_arrow_fail(a, "more after its end; a file has one stream");
    if (*ended)
        return WAGLE_OK;
    if (left >= 4 && wg_cell_bits(a->data + *at, 4) != MESSAGE)
        return wg_arrow_fail(a, "damaged contents, or written before Arrow 0.15");
    bytes = left >= 8 ? (int32_t)wg_cell_bits(a->data + *at + 4, 4) : INT32_MAX;
    if (bytes < 0)
        return wg_arrow_damaged(a);
    if ((uint64_t)bytes + 8 > left)
        return wg_arrow_fail(a, "its end missing; the download or copy is incomplete");
    a->flat = (wg_flat){a->data + *at + 8, (size_t)bytes, false};
    *message = wg_flat_root(&a->flat);
    body = wg_flat_number(&a->flat, *message, BODY_BYTES, 8, 0);
    if (a->flat.bad || body < 0)
        return wg_arrow_damaged(a);
    a->body = a->flat.data + bytes;
    a->body_bytes = (size_t)body;
    if (a->body_bytes > left - 8 - (size_t)bytes)
        return wg_arrow_fail(a, "its end missing; the download or copy is incomplete");
    *at += 8 + (size_t)bytes + a->body_bytes;
    return WAGLE_OK;
}

static wagle_status read_messages(wg_arrow *a, wg_rows_reader *r, json_t ***unread)
{
    size_t at = a->is_file ? FILE_BEGINS : 0, message = 0;
    int64_t line = 0;
    bool ended = false;

    while (!wg_rows_full(r)) {
        WG_TRY(next_message(a, &at, &message, &ended));
        if (ended)
            break;
        const int64_t type = wg_flat_number(&a->flat, message, HEADER_TYPE, 1, 0);
        const size_t header = wg_flat_table(&a->flat, message, HEADER);
        if (header == 0 || (type != SCHEMA && *unread == NULL))
            return wg_arrow_damaged(a);
        if (type == SCHEMA) {
            WG_TRY(wg_arrow_schema(a, header));
            WG_TRY(choose_columns(a, r, unread));
        } else if (type == DICTIONARY_BATCH)
            WG_TRY(wg_arrow_read_dictionary(a, header));
        else if (type == RECORD_BATCH)
            WG_TRY(read_rows(a, r, *unread, header, &line));
        else
            return wg_arrow_fail(a, "a message that is no rows of columns");
    }
    return a->n_nodes > 0 ? WAGLE_OK : wg_arrow_fail(a, "no columns");
}

wagle_status wg_rows_arrow(wg_rows_reader *r, const unsigned char *data, size_t bytes)
{
    wg_arrow a = {.ctx = r->ctx,
                  .what = r->what,
                  .is_file = memcmp(data, MARK, 4) == 0,
                  .data = data,
                  .bytes = bytes};
    json_t **unread = NULL;
    wagle_status st = WAGLE_OK;

    if (a.is_file && (bytes < FILE_BEGINS + MARK_BYTES ||
                      memcmp(data + bytes - MARK_BYTES, MARK, MARK_BYTES) != 0))
        st = wg_arrow_fail(&a, "its end missing; the download or copy is incomplete");
    if (st == WAGLE_OK)
        st = read_messages(&a, r, &unread);
    close_file(&a, unread);
    return st;
}
