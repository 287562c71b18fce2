#include "io/patchform.h"

#include <string.h>

const char *const wg_patch_form_name[WG_PATCH_FORMS] = {
    [WG_PATCH_INDEX] = "index", [WG_PATCH_ROWS] = "rows", [WG_PATCH_COLUMNS] = "columns"};

/* --- reading ---------------------------------------------------------------------------------- */

/* Decodes the LEB128 number at *at. Returns false if it is incomplete or too long. */
static bool decode(const wg_patch_tensor *t, size_t *at, uint64_t *number)
{
    *number = 0;
    for (int shift = 0; *at < t->index_bytes && shift < 63; shift += 7) {
        const unsigned char byte = t->index[(*at)++];
        *number |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

/* Adds the gap at *at to *last. Returns false if the result is not in [0, n). */
static bool advance(const wg_patch_tensor *t, size_t *at, int64_t n, int64_t *last)
{
    uint64_t gap;

    if (!decode(t, at, &gap) || gap == 0 || gap > (uint64_t)(n - 1 - *last))
        return false;
    *last += (int64_t)gap;
    return true;
}

bool wg_patch_read_form(wg_patch_tensor *t)
{
    const bool columns = t->form == WG_PATCH_COLUMNS;
    wg_slices all = {.n = t->count, .width = 1};
    size_t at = 0;
    uint64_t slices = (uint64_t)t->changed;
    int64_t last = -1;

    if (t->form != WG_PATCH_INDEX) {
        if (t->shape.rank != 2 || !decode(t, &at, &slices))
            return false;
        all = wg_matrix_slices(&t->shape, columns);
    }
    if (slices == 0 || slices > (uint64_t)all.n)
        return false;
    t->slices = (int64_t)slices;
    t->first_gap = at;
    for (int64_t i = 0; i < t->slices; i++)
        if (!advance(t, &at, all.n, &last))
            return false;
    t->first_kept = at;
    t->kept = 0;
    for (last = -1; at < t->index_bytes; t->kept++)
        if (!advance(t, &at, t->slices * all.width, &last))
            return false;
    return t->slices * all.width - t->kept == t->changed;
}

/* --- iteration -------------------------------------------------------------------------------- */

static void begin(const wg_patch_tensor *t, wg_patch_walk *w)
{
    w->begun = true;
    w->at = t->first_gap;
    w->kept_at = t->first_kept;
    w->slice = w->place = w->kept = -1;
    if (!advance(t, &w->kept_at, t->count, &w->kept))
        w->kept = -1;
}

/* Advances to the next weight of the changed rows. */
static bool next_of_rows(const wg_patch_tensor *t, wg_patch_walk *w)
{
    const int64_t wide = t->shape.dim[1];

    if ((w->place + 1) % wide == 0) {
        if ((w->place + 1) / wide == t->slices || !advance(t, &w->at, t->shape.dim[0], &w->slice))
            return false;
        w->index = w->slice * wide;
    } else
        w->index++;
    w->place++;
    return true;
}

/* Advances to the next weight of the changed columns, in storage order. */
static bool next_of_columns(const wg_patch_tensor *t, wg_patch_walk *w)
{
    const int64_t wide = t->shape.dim[1], row = (w->place + 1) / t->slices;

    if ((w->place + 1) % t->slices == 0) {
        w->at = t->first_gap;
        w->slice = -1;
    }
    if (row == t->shape.dim[0] || !advance(t, &w->at, wide, &w->slice))
        return false;
    w->index = row * wide + w->slice;
    w->place++;
    return true;
}

static bool next_of_index(const wg_patch_tensor *t, wg_patch_walk *w)
{
    if (w->next == t->slices || !advance(t, &w->at, t->count, &w->slice))
        return false;
    w->index = w->slice;
    return true;
}

bool wg_patch_next(const wg_patch_tensor *t, wg_patch_walk *w)
{
    static bool (*const next[WG_PATCH_FORMS])(const wg_patch_tensor *, wg_patch_walk *) = {
        next_of_index, next_of_rows, next_of_columns};

    if (!w->begun)
        begin(t, w);
    while (next[t->form](t, w)) {
        if (w->place < 0 || w->place != w->kept) {
            w->next++;
            return true;
        }
        if (!advance(t, &w->kept_at, t->count, &w->kept))
            w->kept = -1;
    }
    return false;
}

/* --- writing ---------------------------------------------------------------------------------- */

typedef struct encoder {
    const char *before, *after;
    size_t size; /* of an element */
    int64_t rows, wide;
    bool columns;
    bool *touched; /* [slices] whether the row or column has a changed weight */
    wg_patch_put *put;
    void *user;
    size_t bytes;
} encoder;

static wagle_status put_number(encoder *e, uint64_t number)
{
    unsigned char out[10];
    size_t n = 0;

    for (; number >= 0x80; number >>= 7)
        out[n++] = (unsigned char)(number | 0x80);
    out[n++] = (unsigned char)number;
    e->bytes += n;
    return e->put != NULL ? e->put(e->user, out, n) : WAGLE_OK;
}

static bool differs(const encoder *e, int64_t i)
{
    const char *a = e->before + (size_t)i * e->size, *b = e->after + (size_t)i * e->size;

    return e->size == 2   ? memcmp(a, b, 2) != 0
           : e->size == 4 ? memcmp(a, b, 4) != 0
                          : memcmp(a, b, e->size) != 0;
}

static wagle_status encode_index(encoder *e, int64_t count)
{
    int64_t last = -1;

    for (int64_t i = 0; i < count; i++)
        if (differs(e, i)) {
            WG_TRY(put_number(e, (uint64_t)(i - last)));
            last = i;
        }
    return WAGLE_OK;
}

/* Encodes the rows or columns with changes, and the unchanged weights in them. */
static wagle_status encode_slices(encoder *e)
{
    const int64_t n = e->columns ? e->wide : e->rows;
    int64_t touched = 0, last = -1, place = 0;

    for (int64_t r = 0; r < e->rows; r++)
        for (int64_t c = 0; c < e->wide; c++)
            e->touched[e->columns ? c : r] |= differs(e, r * e->wide + c);
    for (int64_t i = 0; i < n; i++)
        touched += e->touched[i];
    WG_TRY(put_number(e, (uint64_t)touched));
    for (int64_t i = 0; i < n; i++)
        if (e->touched[i]) {
            WG_TRY(put_number(e, (uint64_t)(i - last)));
            last = i;
        }
    last = -1;
    for (int64_t r = 0; r < e->rows; r++)
        for (int64_t c = 0; c < e->wide; c++) {
            if (!e->touched[e->columns ? c : r])
                continue;
            if (!differs(e, r * e->wide + c)) {
                WG_TRY(put_number(e, (uint64_t)(place - last)));
                last = place;
            }
            place++;
        }
    return WAGLE_OK;
}

wagle_status wg_patch_encode(wagle_ctx *ctx, const wg_tensor *before, const wg_tensor *after,
                             wg_patch_form form, wg_patch_put *put, void *user, size_t *bytes)
{
    encoder e = {.before = before->data,
                 .after = after->data,
                 .size = wg_dtype_size(before->dtype),
                 .columns = form == WG_PATCH_COLUMNS,
                 .put = put,
                 .user = user};
    wagle_status st;

    if (form == WG_PATCH_INDEX)
        st = encode_index(&e, before->count);
    else {
        e.rows = before->shape.dim[0];
        e.wide = before->shape.dim[1];
        WG_TRY(WG_ALLOC(ctx, &e.touched, e.columns ? e.wide : e.rows));
        st = encode_slices(&e);
    }
    wg_free(e.touched);
    *bytes = e.bytes;
    return st;
}

wagle_status wg_patch_choose(wagle_ctx *ctx, const wg_tensor *before, const wg_tensor *after,
                             wg_patch_form *form, size_t *bytes)
{
    const int forms = before->shape.rank == 2 ? WG_PATCH_FORMS : WG_PATCH_INDEX + 1;

    for (int f = 0; f < forms; f++) {
        size_t needed;
        WG_TRY(wg_patch_encode(ctx, before, after, (wg_patch_form)f, NULL, NULL, &needed));
        if (f == 0 || needed < *bytes) {
            *form = (wg_patch_form)f;
            *bytes = needed;
        }
    }
    return WAGLE_OK;
}
