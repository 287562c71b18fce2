#include "io/parquet/runs.h"

#include "io/parquet/thrift.h"

bool wg_pq_bits(const unsigned char *bytes, size_t n, uint64_t at, int width, uint64_t *out)
{
    uint64_t value = 0;

    if (width < 0 || width > 64 || at > UINT64_MAX - 64 || (at + (unsigned)width + 7) / 8 > n)
        return false;
    for (int done = 0; done < width;) {
        const int offset = (int)(at % 8),
                  take = 8 - offset < width - done ? 8 - offset : width - done;
        const uint64_t part = (uint64_t)bytes[at / 8] >> offset & ((1u << take) - 1);
        value |= part << done;
        done += take;
        at += (unsigned)take;
    }
    *out = value;
    return true;
}

/* Reads a varint from [*at, end). */
static bool varint(const unsigned char **at, const unsigned char *end, uint64_t *out)
{
    wg_thrift t = {*at, end, false};

    *out = wg_thrift_varint(&t);
    *at = t.at;
    return !t.bad;
}

static bool zigzag(const unsigned char **at, const unsigned char *end, uint64_t *out)
{
    const bool ok = varint(at, end, out);

    *out = *out >> 1 ^ (0 - (*out & 1));
    return ok;
}

/* --- runs ------------------------------------------------------------------------------------- */

static bool begin_run(wg_pq_runs *r)
{
    const size_t bytes = (size_t)(r->width + 7) / 8;
    uint64_t head;

    if (!varint(&r->at, r->end, &head))
        return false;
    r->packed = NULL;
    r->bit = 0;
    r->left = head >> 1;
    if (head & 1) {
        const size_t rest = (size_t)(r->end - r->at);
        if (r->left > UINT32_MAX)
            return false;
        r->packed = r->at;
        r->packed_bytes = (size_t)r->left * (size_t)r->width;
        r->packed_bytes = r->packed_bytes < rest ? r->packed_bytes : rest; /* the last may be cut */
        r->at += r->packed_bytes;
        r->left *= 8;
        return true;
    }
    if ((size_t)(r->end - r->at) < bytes)
        return false;
    r->value = 0;
    for (size_t i = 0; i < bytes; i++)
        r->value |= (uint32_t)*r->at++ << 8 * i;
    return true;
}

bool wg_pq_runs_next(wg_pq_runs *r, uint32_t *out)
{
    uint64_t value;

    while (r->left == 0)
        if (r->at >= r->end || !begin_run(r))
            return false;
    r->left--;
    *out = r->value;
    if (r->packed == NULL)
        return true;
    if (!wg_pq_bits(r->packed, r->packed_bytes, r->bit, r->width, &value))
        return false;
    r->bit += (unsigned)r->width;
    *out = (uint32_t)value;
    return true;
}

/* --- differences ------------------------------------------------------------------------------ */

bool wg_pq_deltas_open(wg_pq_deltas *d, const unsigned char *at, const unsigned char *end,
                       uint64_t most)
{
    enum { LARGEST = 1 << 24 };
    uint64_t block;

    *d = (wg_pq_deltas){.at = at, .end = end};
    if (!varint(&d->at, end, &block) || !varint(&d->at, end, &d->minis) ||
        !varint(&d->at, end, &d->count) || !zigzag(&d->at, end, &d->value))
        return false;
    if (d->minis == 0 || block > LARGEST || block % d->minis != 0 || block / d->minis == 0 ||
        block / d->minis % 8 != 0 || d->count > most)
        return false;
    d->in_mini = block / d->minis;
    d->mini = d->minis;
    d->left = d->count;
    return true;
}

static bool begin_mini(wg_pq_deltas *d)
{
    if (d->mini == d->minis) {
        if (!zigzag(&d->at, d->end, &d->smallest) || (uint64_t)(d->end - d->at) < d->minis)
            return false;
        d->widths = d->at;
        d->at += d->minis;
        d->mini = 0;
    }
    d->width = d->widths[d->mini++];
    d->packed = d->at;
    d->packed_bytes = (size_t)(d->in_mini / 8) * (size_t)d->width;
    if (d->width > 64 || d->packed_bytes > (size_t)(d->end - d->at))
        return false;
    d->at += d->packed_bytes;
    d->mini_left = d->in_mini;
    d->bit = 0;
    return true;
}

bool wg_pq_deltas_next(wg_pq_deltas *d, int64_t *out)
{
    uint64_t difference;

    if (d->left == 0)
        return false;
    if (d->left < d->count) {
        if (d->mini_left == 0 && !begin_mini(d))
            return false;
        if (!wg_pq_bits(d->packed, d->packed_bytes, d->bit, d->width, &difference))
            return false;
        d->bit += (unsigned)d->width;
        d->mini_left--;
        d->value += d->smallest + difference;
    }
    d->left--;
    *out = (int64_t)d->value;
    return true;
}
