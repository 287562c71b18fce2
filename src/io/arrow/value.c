/* value.c - the values of each type of array. */
#include "io/arrow/file.h"

#include "io/cell.h"

static bool bit_at(wg_str bits, int64_t i)
{
    return ((unsigned char)bits.text[i / 8] >> i % 8 & 1) != 0;
}

static wagle_status made(const wg_arrow *a, const json_t *value)
{
    return value != NULL ? WAGLE_OK : wg_json_memory(a->ctx);
}

/* Number i of a buffer. */
static wagle_status number_at(const wg_arrow *a, wg_str buffer, int64_t i, int width, uint64_t *out)
{
    const size_t bytes = (size_t)width / 8;

    if ((uint64_t)i >= buffer.bytes / bytes)
        return wg_arrow_damaged(a);
    *out = wg_cell_bits((const unsigned char *)buffer.text + (size_t)i * bytes, bytes);
    return WAGLE_OK;
}

static wagle_status read_whole(const wg_arrow *a, const wg_arrow_node *node, int64_t i,
                               json_t **out)
{
    uint64_t bits = 0;

    WG_TRY(number_at(a, node->buffer[1], i, node->width, &bits));
    if (node->dictionary >= 0) {
        const wg_arrow_dictionary *d = &a->dictionary[node->dictionary];
        const bool negative = !node->is_unsigned && (bits >> (node->width - 1)) != 0;
        if (negative || bits >= (uint64_t)d->n)
            return wg_arrow_damaged(a);
        *out = json_incref(d->value[bits]);
        return WAGLE_OK;
    }
    *out = wg_cell_whole(bits, node->width, node->is_unsigned);
    return made(a, *out);
}

static wagle_status read_real(const wg_arrow *a, const wg_arrow_node *node, int64_t i, json_t **out)
{
    uint64_t bits = 0;

    WG_TRY(number_at(a, node->buffer[1], i, node->width, &bits));
    *out = node->width == 16 ? wg_rows_unread("float16") : wg_cell_float(bits, node->width);
    return made(a, *out);
}

static wagle_status read_flag(const wg_arrow *a, const wg_arrow_node *node, int64_t i, json_t **out)
{
    if ((uint64_t)i / 8 >= node->buffer[1].bytes)
        return wg_arrow_damaged(a);
    *out = json_boolean(bit_at(node->buffer[1], i));
    return WAGLE_OK;
}

/* Whether offsets only go on, so that no value is read twice. */
wagle_status wg_arrow_check_offsets(const wg_arrow *a, const wg_arrow_node *node)
{
    const wg_arrow_type *type = node->type;
    const bool has = type->buffers == 3 || (type->buffers == 2 && type->children == 1);
    uint64_t before = 0, offset = 0;

    if (!has || node->skipped || node->length == 0)
        return WAGLE_OK;
    for (int64_t i = 0; i <= node->length; i++, before = offset) {
        WG_TRY(number_at(a, node->buffer[1], i, node->width, &offset));
        if (offset < before)
            return wg_arrow_damaged(a);
    }
    return WAGLE_OK;
}

/* Where value i begins and ends, of `most`. */
static wagle_status range_at(const wg_arrow *a, const wg_arrow_node *node, int64_t i, uint64_t most,
                             uint64_t range[2])
{
    for (int k = 0; k < 2; k++)
        WG_TRY(number_at(a, node->buffer[1], i + k, node->width, &range[k]));
    return range[0] <= range[1] && range[1] <= most ? WAGLE_OK : wg_arrow_damaged(a);
}

static wagle_status read_text(const wg_arrow *a, const wg_arrow_node *node, int64_t i, json_t **out)
{
    const wg_str all = node->buffer[2];
    uint64_t range[2] = {0, 0};

    WG_TRY(range_at(a, node, i, all.bytes, range));
    *out = wg_cell_text(
        (wg_str){range[1] > range[0] ? all.text + range[0] : "", (size_t)(range[1] - range[0])});
    return made(a, *out);
}

/* Values first to end - 1 of a list's only child. */
static wagle_status add_values(const wg_arrow *a, const wg_arrow_node *list, uint64_t first,
                               uint64_t end, json_t *out)
{
    enum { MOST = 1 << 24 };

    if (end - first > MOST)
        return wg_arrow_fail(a, "a list of more than %d values in column '%.60s'", (int)MOST,
                             list->name);
    for (uint64_t k = first; k < end; k++) {
        json_t *value = NULL;
        WG_TRY(wg_arrow_value(a, list + 1, (int64_t)k, &value));
        if (json_array_append_new(out, value) != 0)
            return wg_json_memory(a->ctx);
    }
    return WAGLE_OK;
}

static wagle_status read_list(const wg_arrow *a, const wg_arrow_node *node, int64_t i, json_t **out)
{
    uint64_t range[2] = {0, 0};

    *out = json_array();
    WG_TRY(made(a, *out));
    WG_TRY(range_at(a, node, i, (uint64_t)node[1].length, range));
    return add_values(a, node, range[0], range[1], *out);
}

static wagle_status read_fixed_list(const wg_arrow *a, const wg_arrow_node *node, int64_t i,
                                    json_t **out)
{
    *out = json_array();
    WG_TRY(made(a, *out));
    if (node->size > 0 && i >= node[1].length / node->size)
        return wg_arrow_damaged(a);
    return add_values(a, node, (uint64_t)(i * node->size), (uint64_t)((i + 1) * node->size), *out);
}

static wagle_status read_struct(const wg_arrow *a, const wg_arrow_node *node, int64_t i,
                                json_t **out)
{
    const wg_arrow_node *child = node + 1;

    *out = json_object();
    WG_TRY(made(a, *out));
    for (int64_t k = 0; k < node->n_children; k++, child = a->node + child->next) {
        json_t *value = NULL;
        WG_TRY(wg_arrow_value(a, child, i, &value));
        if (json_object_set_new(*out, child->name, value) != 0)
            return wg_json_memory(a->ctx);
    }
    return json_object_size(*out) == (size_t)node->n_children
               ? WAGLE_OK
               : wg_arrow_fail(a, "two fields of one name in column '%.60s'", node->name);
}

static wagle_status read_null(const wg_arrow *a, const wg_arrow_node *node, int64_t i, json_t **out)
{
    (void)a, (void)node, (void)i;
    *out = json_null();
    return WAGLE_OK;
}

/* By the number in the file. */
static const wg_arrow_type types[] = {
    {NULL, 0, 0, NULL, "none"},
    {"null", 0, 0, read_null, "Null"},
    {"a number", 2, 0, read_whole, "Int"},
    {"a number", 2, 0, read_real, "FloatingPoint"},
    {"a text", 3, 0, read_text, "Binary"},
    {"a text", 3, 0, read_text, "Utf8"},
    {"true or false", 2, 0, read_flag, "Bool"},
    {"a decimal", 2, 0, NULL, "Decimal"},
    {"a date", 2, 0, NULL, "Date"},
    {"a time", 2, 0, NULL, "Time"},
    {"a timestamp", 2, 0, NULL, "Timestamp"},
    {"an interval", 2, 0, NULL, "Interval"},
    {"a list", 2, 1, read_list, "List"},
    {"an object", 1, -1, read_struct, "Struct"},
    {NULL, 0, -1, NULL, "Union"},
    {"bytes of fixed length", 2, 0, NULL, "FixedSizeBinary"},
    {"a list", 1, 1, read_fixed_list, "FixedSizeList"},
    {"a list", 2, 1, read_list, "Map"},
    {"a duration", 2, 0, NULL, "Duration"},
    {"a text", 3, 0, read_text, "LargeBinary"},
    {"a text", 3, 0, read_text, "LargeUtf8"},
    {"a list", 2, 1, read_list, "LargeList"},
    {NULL, 0, -1, NULL, "RunEndEncoded"},
    {NULL, 0, -1, NULL, "BinaryView"},
    {NULL, 0, -1, NULL, "Utf8View"},
    {NULL, 0, -1, NULL, "ListView"},
    {NULL, 0, -1, NULL, "LargeListView"},
};

const wg_arrow_type *wg_arrow_type_of(int64_t number)
{
    const int64_t n = sizeof types / sizeof *types;

    return number > 0 && number < n ? &types[number] : NULL;
}

wagle_status wg_arrow_value(const wg_arrow *a, const wg_arrow_node *node, int64_t i, json_t **out)
{
    const wg_str there = node->type->buffers > 0 ? node->buffer[0] : (wg_str){NULL, 0};
    wagle_status st = WAGLE_OK;

    *out = NULL;
    if (i >= node->length || (there.bytes > 0 && (uint64_t)i / 8 >= there.bytes))
        return wg_arrow_damaged(a);
    if (there.bytes > 0 && !bit_at(there, i))
        *out = json_null();
    else if (node->type->value == NULL) {
        *out = wg_rows_unread(node->type->kind);
        st = made(a, *out);
    } else
        st = node->type->value(a, node, i, out);
    if (st != WAGLE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}
