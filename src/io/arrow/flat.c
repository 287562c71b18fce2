#include "io/arrow/flat.h"

#include "io/cell.h"

static uint64_t read_at(wg_flat *f, size_t at, size_t width)
{
    if (at > f->bytes || width > f->bytes - at) {
        f->bad = true;
        return 0;
    }
    return wg_cell_bits(f->data + at, width);
}

/* What the offset stored at `at` points to. */
static size_t follow(wg_flat *f, size_t at)
{
    const size_t to = at + (size_t)read_at(f, at, 4);

    f->bad |= to <= at || to >= f->bytes;
    return f->bad ? 0 : to;
}

/* Where a table's field is stored; 0: the table does not have it. */
static size_t field_at(wg_flat *f, size_t table, int field)
{
    const size_t entry = 4 + 2 * (size_t)field;
    const size_t vtable = table - (size_t)(int64_t)(int32_t)read_at(f, table, 4);
    size_t offset;

    if (table == 0 || f->bad || entry + 2 > read_at(f, vtable, 2))
        return 0;
    offset = (size_t)read_at(f, vtable + entry, 2);
    return offset > 0 && !f->bad ? table + offset : 0;
}

static size_t pointed(wg_flat *f, size_t table, int field)
{
    const size_t at = field_at(f, table, field);

    return at > 0 ? follow(f, at) : 0;
}

size_t wg_flat_root(wg_flat *f)
{
    return follow(f, 0);
}

int64_t wg_flat_number(wg_flat *f, size_t table, int field, size_t width, int64_t missing)
{
    const size_t at = field_at(f, table, field);
    const int shift = 64 - 8 * (int)width;

    return at > 0 ? (int64_t)(read_at(f, at, width) << shift) >> shift : missing;
}

size_t wg_flat_table(wg_flat *f, size_t table, int field)
{
    return pointed(f, table, field);
}

wg_str wg_flat_text(wg_flat *f, size_t table, int field)
{
    const wg_flat_list text = wg_flat_vector(f, table, field, 1);

    return text.at > 0 ? (wg_str){(const char *)f->data + text.at, (size_t)text.n}
                       : (wg_str){"", 0};
}

wg_flat_list wg_flat_vector(wg_flat *f, size_t table, int field, size_t width)
{
    const size_t at = pointed(f, table, field);
    const uint64_t n = at > 0 ? read_at(f, at, 4) : 0;

    if (at == 0 || f->bad)
        return (wg_flat_list){0};
    if (n > (f->bytes - at - 4) / width) {
        f->bad = true;
        return (wg_flat_list){0};
    }
    return (wg_flat_list){at + 4, (int64_t)n};
}

size_t wg_flat_table_at(wg_flat *f, wg_flat_list list, int64_t i)
{
    return i < list.n ? follow(f, list.at + 4 * (size_t)i) : 0;
}

int64_t wg_flat_number_at(wg_flat *f, wg_flat_list list, int64_t i, int width, int at)
{
    return (int64_t)read_at(f, list.at + 8 * (size_t)(i * width + at), 8);
}
