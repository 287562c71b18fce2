/* batch.c - the arrays of a batch: where their buffers are in its body. */
#include "io/arrow/file.h"

#include "io/cell.h"
#include <zstd.h>

/* Fields of the tables that are read here. */
enum { LENGTH = 0, NODES = 1, BUFFERS = 2, COMPRESSION = 3 };
enum { CODEC = 0, CODEC_ZSTD = 1 };
enum { ID = 0, DATA = 1, IS_DELTA = 2 };

/* The lists of a batch, from which arrays are taken in turn. */
typedef struct lists {
    wg_flat_list nodes, buffers;
    int64_t next_node, next_buffer;
    bool is_packed;
} lists;

/* A packed buffer is i64 bytes when unpacked | data; -1: the data is not packed. */
static wagle_status unpack(wg_arrow *a, const wg_arrow_node *node, wg_str *buffer)
{
    const unsigned char *from = (const unsigned char *)buffer->text;
    int64_t bytes;
    char *to;

    if (buffer->bytes < 8)
        return wg_arrow_damaged(a);
    bytes = (int64_t)wg_cell_bits(from, 8);
    if (bytes == -1) {
        *buffer = (wg_str){buffer->text + 8, buffer->bytes - 8};
        return WAGLE_OK;
    }
    if (bytes < 0 || bytes > WG_ARROW_UNPACKED - a->unpacked_bytes)
        return wg_arrow_fail(a, "a batch of more than %d bytes in column '%.60s'",
                             (int)WG_ARROW_UNPACKED, node->name);
    a->unpacked_bytes += bytes;
    to = wg_arena_alloc(a->ctx, &a->unpacked, (size_t)bytes + 1);
    if (to == NULL)
        return WAGLE_E_RESOURCE;
    if (ZSTD_decompress(to, (size_t)bytes, from + 8, buffer->bytes - 8) != (size_t)bytes)
        return wg_arrow_damaged(a);
    *buffer = (wg_str){to, (size_t)bytes};
    return WAGLE_OK;
}

static wagle_status take_buffer(wg_arrow *a, lists *l, const wg_arrow_node *node, wg_str *out)
{
    const int64_t i = l->next_buffer++;
    const int64_t at = wg_flat_number_at(&a->flat, l->buffers, i, 2, 0);
    const int64_t bytes = wg_flat_number_at(&a->flat, l->buffers, i, 2, 1);

    if (i >= l->buffers.n || at < 0 || bytes < 0 || (uint64_t)at > a->body_bytes ||
        (uint64_t)bytes > a->body_bytes - (uint64_t)at)
        return wg_arrow_damaged(a);
    *out = (wg_str){(const char *)a->body + at, (size_t)bytes};
    return l->is_packed && bytes > 0 && !node->skipped ? unpack(a, node, out) : WAGLE_OK;
}

static wagle_status take_array(wg_arrow *a, lists *l, wg_arrow_node *node)
{
    const int64_t i = l->next_node++;

    node->length = wg_flat_number_at(&a->flat, l->nodes, i, 2, 0);
    if (i >= l->nodes.n || node->length < 0 || a->flat.bad)
        return wg_arrow_damaged(a);
    if (node->length > (int64_t)(1u << 24) + 1000 * (int64_t)a->bytes - a->entries)
        return wg_arrow_fail(a, "%lld entries in %zu bytes, which is not plausible",
                             (long long)node->length, a->bytes);
    a->entries += node->length;
    for (int k = 0; k < node->type->buffers; k++)
        WG_TRY(take_buffer(a, l, node, &node->buffer[k]));
    return WAGLE_OK;
}

/* Opens the lists of a batch, for n arrays from `first` on. */
static wagle_status take_arrays(wg_arrow *a, size_t batch, wg_arrow_node *first, int64_t n)
{
    const size_t packing = wg_flat_table(&a->flat, batch, COMPRESSION);
    lists l = {.nodes = wg_flat_vector(&a->flat, batch, NODES, 16),
               .buffers = wg_flat_vector(&a->flat, batch, BUFFERS, 16),
               .is_packed = packing != 0};

    wg_arena_free(&a->unpacked);
    a->unpacked_bytes = 0;
    if (l.is_packed && wg_flat_number(&a->flat, packing, CODEC, 1, 0) != CODEC_ZSTD)
        return wg_arrow_fail(a, "batches compressed by LZ4; none and zstd are read (pandas: "
                                "to_feather(FILE, compression='zstd'))");
    for (int64_t i = 0; i < n; i++)
        WG_TRY(take_array(a, &l, &first[i]));
    for (int64_t i = 0; i < n; i++)
        WG_TRY(wg_arrow_check_offsets(a, &first[i]));
    return l.next_node == l.nodes.n && l.next_buffer == l.buffers.n && !a->flat.bad
               ? WAGLE_OK
               : wg_arrow_damaged(a);
}

wagle_status wg_arrow_batch(wg_arrow *a, size_t batch, int64_t *rows)
{
    *rows = wg_flat_number(&a->flat, batch, LENGTH, 8, 0);
    WG_TRY(take_arrays(a, batch, a->node, a->n_nodes));
    for (int64_t i = 0; i < a->n_nodes; i = a->node[i].next)
        if (a->node[i].length != *rows)
            return wg_arrow_damaged(a);
    return WAGLE_OK;
}

wagle_status wg_arrow_read_dictionary(wg_arrow *a, size_t batch)
{
    const int64_t id = wg_flat_number(&a->flat, batch, ID, 8, 0);
    const bool is_delta = wg_flat_number(&a->flat, batch, IS_DELTA, 1, 0) != 0;
    const size_t data = wg_flat_table(&a->flat, batch, DATA);
    const int64_t place = wg_arrow_find(a, id);
    wg_arrow_dictionary *d;

    if (place == a->n_dictionaries)
        return wg_arrow_damaged(a);
    d = &a->dictionary[place];
    if (d->skipped)
        return WAGLE_OK;
    WG_TRY(take_arrays(a, data, &d->of, 1));
    while (!is_delta && d->n > 0)
        json_decref(d->value[--d->n]);
    WG_TRY(WG_GROW(a->ctx, &d->value, &d->room, d->n + d->of.length));
    for (int64_t i = 0; i < d->of.length; i++) {
        WG_TRY(wg_arrow_value(a, &d->of, i, &d->value[d->n]));
        d->n++;
    }
    return WAGLE_OK;
}
