/* schema.c - the fields of an Arrow file. */
#include "io/arrow/file.h"

#include <string.h>

wagle_status wg_arrow_fail(const wg_arrow *a, const char *format, ...)
{
    wagle_status st;
    va_list args;

    va_start(args, format);
    st = wg_rows_broken(a->ctx, a->what,
                        a->is_file ? "an Arrow or Feather file" : "an Arrow stream", format, args);
    va_end(args);
    return st;
}

wagle_status wg_arrow_damaged(const wg_arrow *a)
{
    return wg_arrow_fail(a, "damaged contents");
}

/* Fields of the tables that are read here. */
enum { ENDIANNESS = 0, FIELDS = 1 };
enum { NAME = 0, TYPE_NUMBER = 2, TYPE = 3, DICTIONARY = 4, CHILDREN = 5 };
enum { ID = 0, INDEX_TYPE = 1 };
enum { INT = 2, FLOATING = 3, BINARY = 4, UTF8 = 5, LIST = 12, FIXED_LIST = 16, MAP = 17 };

static wagle_status read_name(wg_arrow *a, size_t field, wg_arrow_node *node)
{
    const wg_str name = wg_flat_text(&a->flat, field, NAME);

    if (memchr(name.text, '\0', name.bytes) != NULL || !wg_utf8_valid(name.text, name.bytes))
        return wg_arrow_fail(a, "the name of a column that is not valid UTF-8, or holds U+0000");
    a->name_bytes += name.bytes;
    if (a->name_bytes > a->flat.bytes) /* a name that many fields share */
        return wg_arrow_damaged(a);
    node->name = wg_arena_text(a->ctx, &a->arena, name.text, name.bytes);
    return node->name != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* The parameters of a whole number. */
static wagle_status read_int(wg_arrow *a, size_t type, wg_arrow_node *node)
{
    const int64_t bits = wg_flat_number(&a->flat, type, 0, 4, 0);

    if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
        return wg_arrow_damaged(a);
    node->type = wg_arrow_type_of(INT);
    node->width = (int)bits;
    node->is_unsigned = wg_flat_number(&a->flat, type, 1, 1, 0) == 0;
    return WAGLE_OK;
}

/* The type of a node, and its parameters. */
static wagle_status read_type(wg_arrow *a, size_t field, wg_arrow_node *node)
{
    const int64_t number = wg_flat_number(&a->flat, field, TYPE_NUMBER, 1, 0);
    const size_t type = wg_flat_table(&a->flat, field, TYPE);

    node->type = wg_arrow_type_of(number);
    if (node->type == NULL || node->type->kind == NULL)
        return wg_arrow_fail(a,
                             "column '%.60s' of type %s, which is not read (Python: "
                             "pandas.read_feather(FILE).to_parquet('rows.parquet'))",
                             node->name, node->type != NULL ? node->type->name : "unknown");
    switch (number) {
    case INT:
        return read_int(a, type, node);
    case FLOATING:
        node->width = 16 << (wg_flat_number(&a->flat, type, 0, 2, 0) & 3);
        return node->width <= 64 ? WAGLE_OK : wg_arrow_damaged(a);
    case FIXED_LIST:
        node->size = wg_flat_number(&a->flat, type, 0, 4, 0);
        return node->size >= 0 ? WAGLE_OK : wg_arrow_damaged(a);
    default: /* of offsets */
        node->width =
            number == BINARY || number == UTF8 || number == LIST || number == MAP ? 32 : 64;
        return WAGLE_OK;
    }
}

int64_t wg_arrow_find(const wg_arrow *a, int64_t id)
{
    int64_t i = 0;

    while (i < a->n_dictionaries && a->dictionary[i].id != id)
        i++;
    return i;
}

/* Sets the node's dictionary, whose values are as the node says. */
static wagle_status place_dictionary(wg_arrow *a, int64_t id, wg_arrow_node *node)
{
    const int64_t i = wg_arrow_find(a, id);

    if (i == a->n_dictionaries) {
        WG_TRY(WG_GROW(a->ctx, &a->dictionary, &a->dictionaries_room, i + 1));
        a->dictionary[i] = (wg_arrow_dictionary){.id = id, .of = *node, .skipped = true};
        a->n_dictionaries = i + 1;
    }
    node->dictionary = i;
    return a->dictionary[i].of.type == node->type && a->dictionary[i].of.width == node->width
               ? WAGLE_OK
               : wg_arrow_damaged(a);
}

/* Values that are places in a dictionary, whose type the field says. */
static wagle_status read_dictionary(wg_arrow *a, size_t encoding, wg_arrow_node *node)
{
    const size_t type = wg_flat_table(&a->flat, encoding, INDEX_TYPE);
    const int64_t id = wg_flat_number(&a->flat, encoding, ID, 8, 0);

    if (node->type->children != 0 || node->type->buffers == 0)
        return wg_arrow_fail(a, "a dictionary of %ss in column '%.60s', which is not read",
                             node->type->name, node->name);
    WG_TRY(place_dictionary(a, id, node));
    if (type != 0)
        return read_int(a, type, node);
    node->type = wg_arrow_type_of(INT); /* the default is int32 */
    node->width = 32;
    return WAGLE_OK;
}

static wagle_status add_node(wg_arrow *a, size_t field, int depth)
{
    const int64_t at = a->n_nodes;
    const size_t encoding = wg_flat_table(&a->flat, field, DICTIONARY);
    const wg_flat_list children = wg_flat_vector(&a->flat, field, CHILDREN, 4);
    wg_arrow_node node = {.dictionary = -1, .n_children = children.n};

    if (a->flat.bad || field == 0)
        return wg_arrow_damaged(a);
    WG_TRY(read_name(a, field, &node));
    if (depth > WG_ARROW_DEEPEST || at >= WG_ARROW_NODES)
        return wg_arrow_fail(a, "more than %d columns, or nested deeper than %d (in '%.60s')",
                             (int)WG_ARROW_NODES, (int)WG_ARROW_DEEPEST, node.name);
    WG_TRY(read_type(a, field, &node));
    if (node.type->children >= 0 && node.type->children != children.n)
        return wg_arrow_damaged(a);
    if (encoding != 0)
        WG_TRY(read_dictionary(a, encoding, &node));
    WG_TRY(WG_GROW(a->ctx, &a->node, &a->nodes_room, at + 1));
    a->node[a->n_nodes++] = node;
    for (int64_t i = 0; i < children.n; i++)
        WG_TRY(add_node(a, wg_flat_table_at(&a->flat, children, i), depth + 1));
    a->node[at].next = a->n_nodes;
    return a->flat.bad ? wg_arrow_damaged(a) : WAGLE_OK;
}

wagle_status wg_arrow_schema(wg_arrow *a, size_t schema)
{
    const wg_flat_list fields = wg_flat_vector(&a->flat, schema, FIELDS, 4);

    if (a->n_nodes > 0)
        return wg_arrow_fail(a, "two schemas");
    if (wg_flat_number(&a->flat, schema, ENDIANNESS, 2, 0) != 0)
        return wg_arrow_fail(a, "numbers in big-endian order, which are not read");
    for (int64_t i = 0; i < fields.n; i++)
        WG_TRY(add_node(a, wg_flat_table_at(&a->flat, fields, i), 1));
    return a->flat.bad      ? wg_arrow_damaged(a)
           : a->n_nodes > 0 ? WAGLE_OK
                            : wg_arrow_fail(a, "no columns");
}
