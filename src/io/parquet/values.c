/* values.c - the values of a page in each of Parquet's encodings. */
#include "io/parquet/file.h"

#include "io/cell.h"
#include <string.h>

/* A value as stored: the bits of a number, or a borrowed text. */
typedef struct raw {
    uint64_t bits;
    wg_str text;
} raw;

static size_t width_of(int64_t type)
{
    return type == WG_PQ_INT32 || type == WG_PQ_FLOAT ? 4 : 8;
}

static size_t bytes_left(const wg_pq_column *c)
{
    return (size_t)(c->values_end - c->values);
}

static bool take_text(wg_pq_column *c, uint64_t bytes, wg_str *out)
{
    if (bytes > bytes_left(c))
        return false;
    *out = (wg_str){(const char *)c->values, (size_t)bytes};
    c->values += bytes;
    return true;
}

/* --- PLAIN ------------------------------------------------------------------------------------ */

static bool open_plain(wg_pq_column *c, uint64_t entries)
{
    (void)entries;
    c->index = 0;
    return true;
}

static bool next_plain(wg_pq_column *c, raw *out)
{
    const bool text = c->node->type == WG_PQ_BYTE_ARRAY;
    const size_t width = text ? 4 : width_of(c->node->type);

    if (c->node->type == WG_PQ_BOOLEAN)
        return wg_pq_bits(c->values, bytes_left(c), c->index++, 1, &out->bits);
    if (bytes_left(c) < width)
        return false;
    out->bits = wg_cell_bits(c->values, width);
    c->values += width;
    return !text || take_text(c, out->bits, &out->text);
}

/* --- runs ------------------------------------------------------------------------------------- */

/* Truth values: their bytes, then runs. */
static bool open_runs(wg_pq_column *c, uint64_t entries)
{
    uint64_t bytes;

    (void)entries;
    if (bytes_left(c) < 4 || (bytes = wg_cell_bits(c->values, 4)) > bytes_left(c) - 4)
        return false;
    c->runs = (wg_pq_runs){c->values + 4, c->values + 4 + bytes, .width = 1};
    return true;
}

/* Places in the dictionary: their width in bits, then runs. */
static bool open_places(wg_pq_column *c, uint64_t entries)
{
    (void)entries;
    if (bytes_left(c) == 0 || *c->values > 32)
        return false;
    c->runs = (wg_pq_runs){c->values + 1, c->values_end, .width = *c->values};
    return true;
}

static bool next_run(wg_pq_column *c, raw *out)
{
    uint32_t value;
    const bool ok = wg_pq_runs_next(&c->runs, &value);

    out->bits = ok ? value : 0;
    return ok;
}

/* --- differences ------------------------------------------------------------------------------ */

static bool open_deltas(wg_pq_column *c, uint64_t entries)
{
    return wg_pq_deltas_open(&c->deltas, c->values, c->values_end, entries);
}

static bool next_delta(wg_pq_column *c, raw *out)
{
    int64_t value = 0;
    const bool ok = wg_pq_deltas_next(&c->deltas, &value);

    out->bits = (uint64_t)value;
    return ok;
}

/* Opens a list of differences and moves c->values to what follows it. */
static bool open_list(wg_pq_column *c, uint64_t entries, wg_pq_deltas *out)
{
    wg_pq_deltas scan;
    int64_t value;

    if (!wg_pq_deltas_open(out, c->values, c->values_end, entries))
        return false;
    scan = *out;
    while (scan.left > 0)
        if (!wg_pq_deltas_next(&scan, &value))
            return false;
    c->values = scan.at;
    return true;
}

/* DELTA_LENGTH_BYTE_ARRAY: all lengths, then all texts. */
static bool open_lengths(wg_pq_column *c, uint64_t entries)
{
    return open_list(c, entries, &c->deltas);
}

static bool next_length(wg_pq_column *c, raw *out)
{
    int64_t length;

    return wg_pq_deltas_next(&c->deltas, &length) && length >= 0 &&
           take_text(c, (uint64_t)length, &out->text);
}

/* DELTA_BYTE_ARRAY: how many bytes each text shares with the one before, then the rests. */
static bool open_prefixes(wg_pq_column *c, uint64_t entries)
{
    c->before.bytes = 0;
    c->grown = 0;
    return open_list(c, entries, &c->prefixes) && open_list(c, entries, &c->deltas);
}

/* --- BYTE_STREAM_SPLIT: the first bytes of all numbers, then the second ones, .. ---------------
 */

static bool next_split(wg_pq_column *c, raw *out)
{
    const size_t width = width_of(c->node->type), n = bytes_left(c) / width;

    if (c->index >= n)
        return false;
    out->bits = 0;
    for (size_t k = 0; k < width; k++)
        out->bits |= (uint64_t)c->values[k * n + c->index] << 8 * k;
    c->index++;
    return true;
}

/* --- the encodings ---------------------------------------------------------------------------- */

enum {
    PLAIN = 0,
    PLAIN_DICTIONARY = 2,
    DELTA_BYTE_ARRAY = 7,
    RLE_DICTIONARY = 8,
};
#define OF(type) (1u << WG_PQ_##type)
#define WHOLE (OF(INT32) | OF(INT64))
#define ANY (OF(BOOLEAN) | WHOLE | OF(FLOAT) | OF(DOUBLE) | OF(BYTE_ARRAY))

/* By the number in the file. types: a bit for each that the encoding is for. */
static const struct encoding {
    const char *name;
    unsigned types;
    bool (*open)(wg_pq_column *c, uint64_t entries);
    bool (*next)(wg_pq_column *c, raw *out);
} encodings[] = {
    {"PLAIN", ANY, open_plain, next_plain},
    {"1", 0, NULL, NULL},
    {"PLAIN_DICTIONARY", ANY, open_places, next_run},
    {"RLE", OF(BOOLEAN), open_runs, next_run},
    {"BIT_PACKED", 0, NULL, NULL},
    {"DELTA_BINARY_PACKED", WHOLE, open_deltas, next_delta},
    {"DELTA_LENGTH_BYTE_ARRAY", OF(BYTE_ARRAY), open_lengths, next_length},
    {"DELTA_BYTE_ARRAY", OF(BYTE_ARRAY), open_prefixes, next_length},
    {"RLE_DICTIONARY", ANY, open_places, next_run},
    {"BYTE_STREAM_SPLIT", WHOLE | OF(FLOAT) | OF(DOUBLE), open_plain, next_split},
};
enum { ENCODINGS = sizeof encodings / sizeof *encodings };

static wagle_status damaged(const wg_parquet *p, const wg_pq_column *c)
{
    return wg_pq_fail(p, "damaged values in column '%.60s'", c->node->name);
}

wagle_status wg_pq_values_open(wg_parquet *p, wg_pq_column *c, int64_t entries)
{
    const bool listed = c->encoding >= 0 && c->encoding < ENCODINGS;

    if (c->node->refused != NULL)
        return WAGLE_OK;
    if (!listed || (encodings[c->encoding].types >> c->node->type & 1) == 0)
        return wg_pq_fail(p, "column '%.60s' in encoding %s, which is not read for it",
                          c->node->name,
                          listed ? encodings[c->encoding].name : "of an unknown number");
    if (bytes_left(c) == 0) { /* all null, or all empty: reading a value fails, if there is one */
        c->runs = (wg_pq_runs){0};
        c->deltas = c->prefixes = (wg_pq_deltas){0};
        c->index = 0;
        return WAGLE_OK;
    }
    return encodings[c->encoding].open(c, (uint64_t)entries) ? WAGLE_OK : damaged(p, c);
}

/* --- values as JSON --------------------------------------------------------------------------- */

static json_t *to_json(const wg_pq_node *node, const raw *r)
{
    switch (node->type) {
    case WG_PQ_BOOLEAN:
        return json_boolean(r->bits != 0);
    case WG_PQ_FLOAT:
        return wg_cell_float(r->bits, 32);
    case WG_PQ_DOUBLE:
        return wg_cell_float(r->bits, 64);
    case WG_PQ_BYTE_ARRAY:
        return wg_cell_text(r->text);
    default:
        return wg_cell_whole(r->bits,
                             node->bits > 0 && node->bits < 64 ? (int)node->bits
                             : node->type == WG_PQ_INT32       ? 32
                                                               : 64,
                             node->is_unsigned);
    }
}

/* Puts the start of the text before in front of r->text. */
static wagle_status add_prefix(wg_parquet *p, wg_pq_column *c, raw *r)
{
    int64_t shared;

    if (!wg_pq_deltas_next(&c->prefixes, &shared) || shared < 0 || shared > c->before.bytes)
        return damaged(p, c);
    c->before.bytes = shared;
    WG_TRY(wg_text_adds(p->ctx, &c->before, r->text));
    r->text = wg_text_str(&c->before);
    c->grown += c->before.bytes;
    return c->grown > WG_PQ_PAGE_MOST
               ? wg_pq_fail(p, "a page of more than %d bytes of text in column '%.60s'",
                            (int)WG_PQ_PAGE_MOST, c->node->name)
               : WAGLE_OK;
}

wagle_status wg_pq_value(wg_parquet *p, wg_pq_column *c, json_t **out)
{
    raw r = {0, {"", 0}};

    if (c->node->refused != NULL) {
        *out = wg_rows_unread(c->node->refused);
        return *out != NULL ? WAGLE_OK : wg_json_memory(p->ctx);
    }
    if (!encodings[c->encoding].next(c, &r))
        return damaged(p, c);
    if (c->encoding == PLAIN_DICTIONARY || c->encoding == RLE_DICTIONARY) {
        if (r.bits >= (uint64_t)c->n_dictionary)
            return damaged(p, c);
        *out = json_incref(c->dictionary[r.bits]);
        return WAGLE_OK;
    }
    if (c->encoding == DELTA_BYTE_ARRAY)
        WG_TRY(add_prefix(p, c, &r));
    *out = to_json(c->node, &r);
    return *out != NULL ? WAGLE_OK : wg_json_memory(p->ctx);
}

wagle_status wg_pq_read_dictionary(wg_parquet *p, wg_pq_column *c, int64_t n)
{
    if (c->node->refused != NULL)
        return WAGLE_OK;
    if ((uint64_t)n > 8 * (uint64_t)bytes_left(c))
        return damaged(p, c);
    WG_TRY(WG_GROW(p->ctx, &c->dictionary, &c->dictionary_room, n + 1));
    open_plain(c, 0);
    for (int64_t i = 0; i < n; i++) {
        raw r = {0, {"", 0}};
        if (!next_plain(c, &r))
            return damaged(p, c);
        c->dictionary[i] = to_json(c->node, &r);
        if (c->dictionary[i] == NULL)
            return wg_json_memory(p->ctx);
        c->n_dictionary = i + 1;
    }
    return WAGLE_OK;
}
