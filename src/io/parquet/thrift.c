#include "io/parquet/thrift.h"

enum { DEEPEST = 32 };

static int byte(wg_thrift *t)
{
    t->bad |= t->at >= t->end;
    return t->bad ? 0 : *t->at++;
}

uint64_t wg_thrift_varint(wg_thrift *t)
{
    uint64_t value = 0;

    for (int shift = 0; shift < 64; shift += 7) {
        const int b = byte(t);
        value |= (uint64_t)(b & 0x7F) << shift;
        if ((b & 0x80) == 0)
            return t->bad ? 0 : value;
    }
    t->bad = true;
    return 0;
}

int64_t wg_thrift_zigzag(wg_thrift *t)
{
    const uint64_t n = wg_thrift_varint(t);

    return (int64_t)(n >> 1 ^ (0 - (n & 1)));
}

bool wg_thrift_next(wg_thrift *t, wg_thrift_field *f)
{
    const int head = byte(t);

    if (head == 0)
        return false;
    f->type = head & 0xF;
    f->id = head >> 4 != 0 ? f->id + (head >> 4) : wg_thrift_zigzag(t);
    t->bad |= f->id < 0 || f->id > INT16_MAX || f->type == 0 || f->type > WG_THRIFT_STRUCT;
    return !t->bad;
}

int64_t wg_thrift_whole(wg_thrift *t, const wg_thrift_field *f)
{
    if (f->type == WG_THRIFT_BYTE)
        return (int8_t)byte(t);
    t->bad |= f->type < WG_THRIFT_I16 || f->type > WG_THRIFT_I64;
    return wg_thrift_zigzag(t);
}

bool wg_thrift_flag(wg_thrift *t, const wg_thrift_field *f)
{
    t->bad |= f->type != WG_THRIFT_TRUE && f->type != WG_THRIFT_FALSE;
    return f->type == WG_THRIFT_TRUE;
}

static wg_str binary(wg_thrift *t)
{
    const uint64_t n = wg_thrift_varint(t);
    wg_str out = {(const char *)t->at, 0};

    t->bad |= n > (uint64_t)(t->end - t->at);
    if (!t->bad) {
        out.bytes = (size_t)n;
        t->at += n;
    }
    return out;
}

wg_str wg_thrift_text(wg_thrift *t, const wg_thrift_field *f)
{
    t->bad |= f->type != WG_THRIFT_BINARY;
    return binary(t);
}

static int64_t elements(wg_thrift *t, int *type)
{
    const int head = byte(t);
    const uint64_t n = head >> 4 == 15 ? wg_thrift_varint(t) : (uint64_t)(head >> 4);

    *type = head & 0xF;
    t->bad |= n > (uint64_t)(t->end - t->at);
    return t->bad ? 0 : (int64_t)n;
}

int64_t wg_thrift_count(wg_thrift *t, const wg_thrift_field *f, wg_thrift_type type)
{
    int own;
    int64_t n;

    t->bad |= f->type != WG_THRIFT_LIST;
    n = elements(t, &own);
    t->bad |= n > 0 && own != (int)type;
    return t->bad ? 0 : n;
}

bool wg_thrift_enter(wg_thrift *t, const wg_thrift_field *f)
{
    t->bad |= f->type != WG_THRIFT_STRUCT;
    return !t->bad;
}

static void skip(wg_thrift *t, int type, bool in_list, int depth);

static void skip_pairs(wg_thrift *t, int depth)
{
    const uint64_t n = wg_thrift_varint(t);
    const int types = n > 0 ? byte(t) : 0;

    for (uint64_t i = 0; i < n && !t->bad; i++) {
        skip(t, types >> 4, true, depth);
        skip(t, types & 0xF, true, depth);
    }
}

static void skip_list(wg_thrift *t, int depth)
{
    int type;
    const int64_t n = elements(t, &type);

    for (int64_t i = 0; i < n && !t->bad; i++)
        skip(t, type, true, depth);
}

static void skip_struct(wg_thrift *t, int depth)
{
    wg_thrift_field f = {0};

    while (wg_thrift_next(t, &f))
        skip(t, f.type, false, depth);
}

static void skip(wg_thrift *t, int type, bool in_list, int depth)
{
    t->bad |= depth >= DEEPEST;
    if (t->bad)
        return;
    switch (type) {
    case WG_THRIFT_TRUE:
    case WG_THRIFT_FALSE:
        if (in_list)
            byte(t);
        break;
    case WG_THRIFT_BYTE:
        byte(t);
        break;
    case WG_THRIFT_I16:
    case WG_THRIFT_I32:
    case WG_THRIFT_I64:
        wg_thrift_varint(t);
        break;
    case WG_THRIFT_DOUBLE:
        t->bad |= t->end - t->at < 8;
        t->at += t->bad ? 0 : 8;
        break;
    case WG_THRIFT_BINARY:
        binary(t);
        break;
    case WG_THRIFT_LIST:
    case WG_THRIFT_SET:
        skip_list(t, depth + 1);
        break;
    case WG_THRIFT_MAP:
        skip_pairs(t, depth + 1);
        break;
    case WG_THRIFT_STRUCT:
        skip_struct(t, depth + 1);
        break;
    default:
        t->bad = true;
    }
}

void wg_thrift_skip(wg_thrift *t, int type)
{
    skip(t, type, false, 0);
}
