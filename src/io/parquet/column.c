/* column.c - the pages of a leaf and the levels of its entries. */
#include "io/parquet/file.h"

#include "base/file.h"
#include "io/parquet/codec.h"
#include "io/source.h"
#include <string.h>
#include <zlib.h>

enum { DATA = 0, INDEX = 1, DICTIONARY = 2, DATA_2 = 3 };
enum { LEVELS_RLE = 3 };

typedef struct page {
    int64_t kind, bytes, packed; /* unpacked and packed size */
    int64_t crc;
    bool has_crc, has_head;
    int64_t entries, encoding, def_encoding, rep_encoding;
    int64_t def_bytes, rep_bytes;
    bool is_packed; /* of version 2: the values are compressed */
} page;

static wagle_status damaged(const wg_parquet *p, const wg_pq_column *c)
{
    return wg_pq_fail(p, "a damaged page of column '%.60s'", c->node->name);
}

/* The head of a page of any kind; its fields have other numbers in each. */
static void read_kind(wg_thrift *t, int64_t kind, page *out)
{
    wg_thrift_field f = {0};

    out->has_head = true;
    while (wg_thrift_next(t, &f)) {
        int64_t *to = f.id == 1                          ? &out->entries
                      : f.id == (kind == DATA_2 ? 4 : 2) ? &out->encoding
                      : kind == DATA && f.id == 3        ? &out->def_encoding
                      : kind == DATA && f.id == 4        ? &out->rep_encoding
                      : kind == DATA_2 && f.id == 5      ? &out->def_bytes
                      : kind == DATA_2 && f.id == 6      ? &out->rep_bytes
                                                         : NULL;
        if (to != NULL)
            *to = wg_thrift_whole(t, &f);
        else if (kind == DATA_2 && f.id == 7)
            out->is_packed = wg_thrift_flag(t, &f);
        else
            wg_thrift_skip(t, f.type);
    }
}

static wagle_status read_head(const wg_parquet *p, wg_pq_column *c, page *out)
{
    wg_thrift t = {c->at, c->end, false};
    wg_thrift_field f = {0};

    *out = (page){.kind = -1, .is_packed = true, .bytes = -1, .packed = -1};
    while (wg_thrift_next(&t, &f)) {
        const int64_t kind = f.id == 5 ? DATA : f.id == 7 ? DICTIONARY : f.id == 8 ? DATA_2 : -1;
        if (f.id == 1)
            out->kind = wg_thrift_whole(&t, &f);
        else if (f.id == 2)
            out->bytes = wg_thrift_whole(&t, &f);
        else if (f.id == 3)
            out->packed = wg_thrift_whole(&t, &f);
        else if (f.id == 4) {
            out->crc = wg_thrift_whole(&t, &f);
            out->has_crc = true;
        } else if (kind >= 0 && wg_thrift_enter(&t, &f))
            read_kind(&t, kind, out);
        else
            wg_thrift_skip(&t, f.type);
    }
    c->at = t.at;
    if (t.bad || out->packed < 0 || out->packed > c->end - c->at || out->bytes < 0 ||
        out->entries < 0)
        return damaged(p, c);
    if (out->bytes > WG_PQ_PAGE_MOST)
        return wg_pq_fail(p, "a page of %lld bytes in column '%.60s'; at most %d are read",
                          (long long)out->bytes, c->node->name, (int)WG_PQ_PAGE_MOST);
    return WAGLE_OK;
}

/* Damage is reported here when the writer left a checksum. */
static wagle_status check_crc(const wg_parquet *p, const wg_pq_column *c, const page *g)
{
    if (g->has_crc && crc32(0, c->at, (unsigned)g->packed) != (uint32_t)g->crc)
        return wg_pq_fail(p, "a page of column '%.60s' whose checksum is wrong; get the file again",
                          c->node->name);
    return WAGLE_OK;
}

static wagle_status count_unpacked(wg_parquet *p, int64_t bytes)
{
    p->unpacked += (uint64_t)bytes;
    if (wg_unpacks_too_much(p->unpacked, p->bytes))
        return wg_pq_fail(p, "pages that unpack to more than a thousand times its size");
    return WAGLE_OK;
}

/* Unpacks data [packed] to [bytes]; *out is in the file itself if it is not compressed. */
static wagle_status unpack(wg_parquet *p, wg_pq_column *c, const unsigned char *data,
                           int64_t packed, int64_t bytes, bool compressed,
                           const unsigned char **out)
{
    WG_TRY(count_unpacked(p, bytes));
    *out = data;
    if (!compressed || c->codec == 0)
        return packed == bytes ? WAGLE_OK : damaged(p, c);
    WG_TRY(WG_GROW(p->ctx, &c->page, &c->room, bytes + 1));
    *out = c->page;
    return (bytes == 0 && packed == 0) ||
                   wg_pq_unpack(c->codec, data, (size_t)packed, c->page, (size_t)bytes)
               ? WAGLE_OK
               : damaged(p, c);
}

static int bits_for(int most)
{
    int bits = 0;

    while (most >> bits != 0)
        bits++;
    return bits;
}

/* Levels of a version 1 page: their bytes, then runs. */
static bool take_levels(const unsigned char **at, const unsigned char *end, int most,
                        wg_pq_runs *out)
{
    uint32_t bytes;

    *out = (wg_pq_runs){.width = bits_for(most)};
    if (most == 0)
        return true;
    if (end - *at < 4)
        return false;
    bytes = (uint32_t)(*at)[0] | (uint32_t)(*at)[1] << 8 | (uint32_t)(*at)[2] << 16 |
            (uint32_t)(*at)[3] << 24;
    *at += 4;
    if (bytes > (size_t)(end - *at))
        return false;
    out->at = *at;
    out->end = *at += bytes;
    return true;
}

static wagle_status open_data(wg_parquet *p, wg_pq_column *c, const page *g)
{
    const unsigned char *at, *end;

    if ((c->node->rep > 0 && g->rep_encoding != LEVELS_RLE) ||
        (c->node->def > 0 && g->def_encoding != LEVELS_RLE))
        return wg_pq_fail(p, "levels of column '%.60s' in the old encoding BIT_PACKED",
                          c->node->name);
    WG_TRY(unpack(p, c, c->at, g->packed, g->bytes, true, &at));
    end = at + g->bytes;
    if (!take_levels(&at, end, c->node->rep, &c->reps) ||
        !take_levels(&at, end, c->node->def, &c->defs))
        return damaged(p, c);
    c->values = at;
    c->values_end = end;
    return WAGLE_OK;
}

static wagle_status open_data_2(wg_parquet *p, wg_pq_column *c, const page *g)
{
    const int64_t most = g->packed < g->bytes ? g->packed : g->bytes;
    const unsigned char *at = c->at;

    if (g->rep_bytes < 0 || g->def_bytes < 0 || g->rep_bytes > most ||
        g->def_bytes > most - g->rep_bytes)
        return damaged(p, c);
    c->reps = (wg_pq_runs){at, at + g->rep_bytes, .width = bits_for(c->node->rep)};
    at += g->rep_bytes;
    c->defs = (wg_pq_runs){at, at + g->def_bytes, .width = bits_for(c->node->def)};
    at += g->def_bytes;
    const int64_t levels = g->rep_bytes + g->def_bytes;
    WG_TRY(unpack(p, c, at, g->packed - levels, g->bytes - levels, g->is_packed, &c->values));
    c->values_end = c->values + (g->bytes - levels);
    return WAGLE_OK;
}

static wagle_status open_dictionary(wg_parquet *p, wg_pq_column *c, const page *g)
{
    if (c->dictionary != NULL)
        return damaged(p, c);
    WG_TRY(unpack(p, c, c->at, g->packed, g->bytes, true, &c->values));
    c->values_end = c->values + g->bytes;
    return wg_pq_read_dictionary(p, c, g->entries);
}

/* Goes to the next page with entries. */
static wagle_status next_page(wg_parquet *p, wg_pq_column *c)
{
    page g;

    while (c->in_page == 0) {
        WG_TRY(read_head(p, c, &g));
        WG_TRY(check_crc(p, c, &g));
        if (g.kind != INDEX && !g.has_head)
            return damaged(p, c);
        if (g.kind == DICTIONARY)
            WG_TRY(open_dictionary(p, c, &g));
        else if (g.kind == DATA || g.kind == DATA_2) {
            if (g.entries > c->left)
                return damaged(p, c);
            WG_TRY(g.kind == DATA ? open_data(p, c, &g) : open_data_2(p, c, &g));
            c->encoding = g.encoding;
            c->in_page = g.entries;
            WG_TRY(wg_pq_values_open(p, c, g.entries));
        }
        wg_map_release(c->at, (size_t)g.packed);
        c->at += g.packed;
    }
    return WAGLE_OK;
}

wagle_status wg_pq_advance(wg_parquet *p, wg_pq_column *c)
{
    uint32_t rep = 0, def = 0;

    c->live = c->left > 0;
    if (!c->live)
        return WAGLE_OK;
    WG_TRY(next_page(p, c));
    if ((c->node->rep > 0 && !wg_pq_runs_next(&c->reps, &rep)) ||
        (c->node->def > 0 && !wg_pq_runs_next(&c->defs, &def)) || (int64_t)rep > c->node->rep ||
        (int64_t)def > c->node->def)
        return damaged(p, c);
    c->rep = (int)rep;
    c->def = (int)def;
    c->in_page--;
    c->left--;
    return WAGLE_OK;
}

void wg_pq_column_reset(wg_pq_column *c)
{
    for (int64_t i = 0; i < c->n_dictionary; i++)
        json_decref(c->dictionary[i]);
    wg_free(c->dictionary);
    c->dictionary = NULL;
    c->n_dictionary = c->dictionary_room = 0;
    c->in_page = c->left = 0;
    c->live = false;
}
