/* schema.c - the metadata of a Parquet file. */
#include "io/parquet/file.h"

#include "io/parquet/codec.h"
#include <string.h>

wagle_status wg_pq_fail(const wg_parquet *p, const char *format, ...)
{
    wagle_status st;
    va_list args;

    va_start(args, format);
    st = wg_rows_broken(p->ctx, p->what, "a Parquet file", format, args);
    va_end(args);
    return st;
}

static wagle_status damaged(const wg_parquet *p)
{
    return wg_pq_fail(p, "damaged metadata");
}

/* --- nodes ------------------------------------------------------------------------------------ */

/* What a leaf is by its converted type, which older files have alone, or by its logical type. */
static const struct {
    int converted, logical;
    const char *refused;
} kinds[] = {
    {5, 5, "a decimal"},     {6, 6, "a date"},       {7, 7, "a time"},      {8, 7, "a time"},
    {9, 8, "a timestamp"},   {10, 8, "a timestamp"}, {20, 13, "BSON"},      {-1, 14, "a UUID"},
    {21, -1, "an interval"}, {-1, 15, "float16"},    {-1, 16, "a variant"},
};
enum { CONVERTED_UINT_8 = 11, CONVERTED_INT_64 = 18, CONVERTED_LIST = 3, CONVERTED_MAP = 1 };
enum { LOGICAL_MAP = 2, LOGICAL_LIST = 3, LOGICAL_INTEGER = 10 };

static void read_integer(wg_thrift *t, wg_pq_node *node)
{
    wg_thrift_field f = {0};

    while (wg_thrift_next(t, &f))
        if (f.id == 1)
            node->bits = wg_thrift_whole(t, &f);
        else if (f.id == 2)
            node->is_unsigned = !wg_thrift_flag(t, &f);
        else
            wg_thrift_skip(t, f.type);
}

static void read_logical(wg_thrift *t, wg_pq_node *node)
{
    wg_thrift_field f = {0};

    while (wg_thrift_next(t, &f)) {
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (kinds[i].logical == f.id)
                node->refused = kinds[i].refused;
        node->is_list |= f.id == LOGICAL_LIST || f.id == LOGICAL_MAP;
        if (f.id == LOGICAL_INTEGER && wg_thrift_enter(t, &f))
            read_integer(t, node);
        else
            wg_thrift_skip(t, f.type);
    }
}

static void read_converted(int64_t converted, wg_pq_node *node)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].converted == converted)
            node->refused = kinds[i].refused;
    node->is_list |= converted == CONVERTED_LIST || converted == CONVERTED_MAP;
    if (converted >= CONVERTED_UINT_8 && converted <= CONVERTED_INT_64) {
        node->bits = 8 << (converted - CONVERTED_UINT_8) % 4;
        node->is_unsigned = converted < CONVERTED_UINT_8 + 4;
    }
}

static wagle_status read_node(wg_parquet *p, wg_thrift *t, wg_pq_node *node)
{
    wg_thrift_field f = {0};
    wg_str name = {"", 0};

    node->type = -1;
    while (wg_thrift_next(t, &f))
        switch (f.id) {
        case 1:
            node->type = wg_thrift_whole(t, &f);
            break;
        case 3:
            node->repetition = wg_thrift_whole(t, &f);
            break;
        case 4:
            name = wg_thrift_text(t, &f);
            break;
        case 5:
            node->children = wg_thrift_whole(t, &f);
            break;
        case 6:
            read_converted(wg_thrift_whole(t, &f), node);
            break;
        case 10:
            if (wg_thrift_enter(t, &f))
                read_logical(t, node);
            break;
        default:
            wg_thrift_skip(t, f.type);
        }
    if (t->bad || node->children < 0 || node->repetition < 0 || node->repetition > WG_PQ_REPEATED ||
        (node->children == 0 && node != p->node && (node->type < 0 || node->type > WG_PQ_FIXED)))
        return damaged(p);
    if (memchr(name.text, '\0', name.bytes) != NULL || !wg_utf8_valid(name.text, name.bytes))
        return wg_pq_fail(p, "the name of a column that is not valid UTF-8, or holds U+0000");
    node->name = wg_arena_text(p->ctx, &p->arena, name.text, name.bytes);
    if (node->type == WG_PQ_INT96)
        node->refused = "a timestamp";
    else if (node->type == WG_PQ_FIXED && node->refused == NULL)
        node->refused = "bytes of fixed length";
    return node->name != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* Sets levels and leaves of node i and what is below it. */
static wagle_status place(wg_parquet *p, int64_t i, int rep, int def, int depth)
{
    wg_pq_node *node = &p->node[i];
    int64_t next = i + 1;

    if (depth > WG_PQ_DEEPEST)
        return wg_pq_fail(p, "columns nested deeper than %d (in '%.60s')", WG_PQ_DEEPEST,
                          node->name);
    node->rep = rep + (i > 0 && node->repetition == WG_PQ_REPEATED);
    node->def = def + (i > 0 && node->repetition != WG_PQ_REQUIRED);
    node->first = p->n_columns;
    if (node->children == 0 && i > 0)
        p->n_columns++;
    for (int64_t k = 0; k < node->children; k++) {
        if (next >= p->n_nodes)
            return damaged(p);
        WG_TRY(place(p, next, node->rep, node->def, depth + 1));
        next = p->node[next].next;
    }
    node->n = p->n_columns - node->first;
    node->next = next;
    return WAGLE_OK;
}

/* Refuses two columns of the same name in one group: the second would replace the first. */
static wagle_status check_names(const wg_parquet *p, const wg_pq_node *group)
{
    const int64_t end = group->next;

    for (int64_t i = group - p->node + 1; i < end; i = p->node[i].next)
        for (int64_t k = p->node[i].next; k < end; k = p->node[k].next)
            if (strcmp(p->node[i].name, p->node[k].name) == 0)
                return wg_pq_fail(p, "two columns '%.60s'; rename or remove one", p->node[i].name);
    return WAGLE_OK;
}

static wagle_status read_schema(wg_parquet *p, wg_thrift *t, int64_t n)
{
    enum { MOST = 4096 };

    if (n < 1 || p->node != NULL)
        return damaged(p);
    if (n > MOST)
        return wg_pq_fail(p, "%lld columns; at most %d are read", (long long)n - 1, (int)MOST);
    WG_TRY(WG_ALLOC(p->ctx, &p->node, n));
    p->n_nodes = n;
    for (int64_t i = 0; i < n; i++)
        WG_TRY(read_node(p, t, &p->node[i]));
    WG_TRY(place(p, 0, 0, 0, 0));
    if (p->node[0].next != n)
        return damaged(p);
    for (int64_t i = 0; i < n; i++)
        WG_TRY(check_names(p, &p->node[i]));
    WG_TRY(WG_ALLOC(p->ctx, &p->column, p->n_columns + 1));
    for (int64_t i = 0; i < n; i++)
        if (p->node[i].children == 0 && i > 0)
            p->column[p->node[i].first].node = &p->node[i];
    return WAGLE_OK;
}

static bool is_text(const wg_pq_node *node)
{
    return node->type == WG_PQ_BYTE_ARRAY;
}

const char *wg_pq_kind(const wg_parquet *p, const wg_pq_node *node)
{
    (void)p;
    return node->is_list || node->repetition == WG_PQ_REPEATED ? "a list"
           : node->children > 0                                ? "an object"
           : node->refused != NULL                             ? node->refused
           : is_text(node)                                     ? "a text"
           : node->type == WG_PQ_BOOLEAN                       ? "true or false"
                                                               : "a number";
}

/* --- the file --------------------------------------------------------------------------------- */

static wagle_status find_metadata(wg_parquet *p, wg_thrift *t)
{
    const unsigned char *tail = p->data + p->bytes - 8;
    uint32_t bytes;

    if (p->bytes < 12 || memcmp(tail + 4, "PAR1", 4) != 0)
        return wg_fail(p->ctx, WAGLE_E_INPUT,
                       "%s: a Parquet file without its end; the download or copy is incomplete",
                       p->what);
    bytes = (uint32_t)tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 |
            (uint32_t)tail[3] << 24;
    if (bytes > p->bytes - 12)
        return damaged(p);
    p->data_end = p->bytes - 8 - bytes;
    *t = (wg_thrift){p->data + p->data_end, tail, false};
    return WAGLE_OK;
}

/* A few bytes can claim any number of rows that are all null, and rows are kept in memory. */
static wagle_status check_rows(const wg_parquet *p)
{
    if (p->n_rows < 0)
        return damaged(p);
    if ((uint64_t)p->n_rows > (1u << 20) + 8 * (uint64_t)p->bytes)
        return wg_pq_fail(p, "%lld rows in %zu bytes, which is not plausible", (long long)p->n_rows,
                          p->bytes);
    return WAGLE_OK;
}

wagle_status wg_pq_read_metadata(wg_parquet *p)
{
    wg_thrift t;
    wg_thrift_field f = {0};

    WG_TRY(find_metadata(p, &t));
    while (wg_thrift_next(&t, &f))
        if (f.id == 2)
            WG_TRY(read_schema(p, &t, wg_thrift_count(&t, &f, WG_THRIFT_STRUCT)));
        else if (f.id == 3)
            p->n_rows = wg_thrift_whole(&t, &f);
        else if (f.id == 4) {
            p->groups = t;
            p->n_groups = wg_thrift_count(&p->groups, &f, WG_THRIFT_STRUCT);
            wg_thrift_skip(&t, f.type);
        } else if (f.id == 8)
            return wg_pq_fail(p, "encryption, which is not read");
        else
            wg_thrift_skip(&t, f.type);
    if (t.bad || p->node == NULL)
        return damaged(p);
    return check_rows(p);
}

/* --- row groups ------------------------------------------------------------------------------- */

/* Where the pages of a leaf are. */
typedef struct chunk {
    int64_t type, codec, entries, bytes, data, dictionary;
    bool elsewhere, known;
} chunk;

static void read_chunk_metadata(wg_thrift *t, chunk *c)
{
    wg_thrift_field f = {0};

    c->known = true;
    while (wg_thrift_next(t, &f)) {
        int64_t *to = f.id == 1    ? &c->type
                      : f.id == 4  ? &c->codec
                      : f.id == 5  ? &c->entries
                      : f.id == 7  ? &c->bytes
                      : f.id == 9  ? &c->data
                      : f.id == 11 ? &c->dictionary
                                   : NULL;
        if (to != NULL)
            *to = wg_thrift_whole(t, &f);
        else
            wg_thrift_skip(t, f.type);
    }
}

static void read_chunk(wg_thrift *t, chunk *c)
{
    wg_thrift_field f = {0};

    while (wg_thrift_next(t, &f)) {
        if (f.id == 3 && wg_thrift_enter(t, &f)) {
            read_chunk_metadata(t, c);
            continue;
        }
        c->elsewhere |= f.id == 1;
        c->known &= f.id != 8; /* encrypted */
        wg_thrift_skip(t, f.type);
    }
}

static wagle_status begin_column(wg_parquet *p, wg_pq_column *c, const chunk *k)
{
    const int64_t start = k->dictionary > 0 && k->dictionary < k->data ? k->dictionary : k->data;
    const char *codec;

    if (k->elsewhere || !k->known)
        return wg_pq_fail(p, "pages of column '%.60s' in another file, or encrypted",
                          c->node->name);
    wg_pq_column_reset(c);
    if (c->skipped || k->entries == 0)
        return WAGLE_OK;
    p->entries += (uint64_t)k->entries;
    if (p->entries > (1u << 24) + 1000 * (uint64_t)p->bytes)
        return wg_pq_fail(p, "%lld entries in %zu bytes, which is not plausible",
                          (long long)k->entries, p->bytes);
    if (k->type != c->node->type || k->entries < 0 || k->bytes < 0 || start < 4 ||
        start > (int64_t)p->data_end || k->bytes > (int64_t)p->data_end - start)
        return damaged(p);
    if (!wg_pq_codec_known(k->codec, &codec))
        return wg_pq_fail(p,
                          "column '%.60s' compressed by %s; none, snappy, zstd and gzip are read "
                          "(pandas: to_parquet(FILE, compression='zstd'))",
                          c->node->name, codec);
    c->codec = k->codec;
    c->left = k->entries;
    c->at = p->data + start;
    c->end = p->data + p->data_end;
    return wg_pq_advance(p, c);
}

wagle_status wg_pq_next_group(wg_parquet *p)
{
    wg_thrift *t = &p->groups;
    wg_thrift_field f = {0};
    int64_t columns = 0;

    p->group_rows = -1;
    while (wg_thrift_next(t, &f))
        if (f.id == 1) {
            columns = wg_thrift_count(t, &f, WG_THRIFT_STRUCT);
            if (columns != p->n_columns)
                return damaged(p);
            for (int64_t i = 0; i < columns; i++) {
                chunk k = {.type = -1, .codec = -1, .data = -1};
                read_chunk(t, &k);
                if (t->bad)
                    return damaged(p);
                WG_TRY(begin_column(p, &p->column[i], &k));
            }
        } else if (f.id == 3)
            p->group_rows = wg_thrift_whole(t, &f);
        else
            wg_thrift_skip(t, f.type);
    return t->bad || columns != p->n_columns || p->group_rows < 0 ? damaged(p) : WAGLE_OK;
}
