#include "io/cell.h"

#include "io/rows.h"
#include <math.h>
#include <string.h>

uint64_t wg_cell_bits(const unsigned char *at, size_t bytes)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < bytes; i++)
        bits |= (uint64_t)at[i] << 8 * i;
    return bits;
}

json_t *wg_cell_text(wg_str text)
{
    return wg_utf8_valid(text.text, text.bytes) ? json_stringn(text.text, text.bytes)
                                                : wg_rows_unread("bytes that are not UTF-8 text");
}

json_t *wg_cell_real(double x)
{
    return isfinite(x) ? json_real(x) : json_object();
}

json_t *wg_cell_float(uint64_t bits, int width)
{
    const uint32_t low = (uint32_t)bits;
    float single;
    double x;

    memcpy(&single, &low, sizeof single);
    memcpy(&x, &bits, sizeof x);
    return wg_cell_real(width == 32 ? (double)single : x);
}

json_t *wg_cell_whole(uint64_t bits, int width, bool is_unsigned)
{
    const int shift = 64 - width;

    if (!is_unsigned)
        return json_integer((int64_t)(bits << shift) >> shift);
    bits = bits << shift >> shift;
    return bits > INT64_MAX ? wg_rows_unread("a number above 2^63")
                            : json_integer((json_int_t)bits);
}
