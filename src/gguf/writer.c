#include "gguf/writer.h"

#include <string.h>

enum { ALIGNMENT = 32 };

static wagle_status raw(wagle_ctx *ctx, wg_text *t, const void *data, size_t bytes)
{
    return wg_text_add(ctx, t, data, bytes);
}

static wagle_status put_string(wagle_ctx *ctx, wg_text *t, const char *text, size_t bytes)
{
    const uint64_t n = bytes;

    WG_TRY(raw(ctx, t, &n, sizeof n));
    return raw(ctx, t, text, bytes);
}

static wagle_status put_key(wagle_ctx *ctx, wg_gguf_head *h, const char *key, wg_gguf_kind kind)
{
    const uint32_t number = kind;

    h->n_keys++;
    WG_TRY(put_string(ctx, &h->keys, key, strlen(key)));
    return raw(ctx, &h->keys, &number, sizeof number);
}

wagle_status wg_gguf_put_text(wagle_ctx *ctx, wg_gguf_head *h, const char *key, const char *text)
{
    WG_TRY(put_key(ctx, h, key, WG_GGUF_STRING));
    return put_string(ctx, &h->keys, text, strlen(text));
}

wagle_status wg_gguf_put_whole(wagle_ctx *ctx, wg_gguf_head *h, const char *key, int64_t value)
{
    const uint32_t number = (uint32_t)value;

    WG_TRY(put_key(ctx, h, key, WG_GGUF_U32));
    return raw(ctx, &h->keys, &number, sizeof number);
}

wagle_status wg_gguf_put_real(wagle_ctx *ctx, wg_gguf_head *h, const char *key, double value)
{
    const float number = (float)value;

    WG_TRY(put_key(ctx, h, key, WG_GGUF_F32));
    return raw(ctx, &h->keys, &number, sizeof number);
}

wagle_status wg_gguf_put_bool(wagle_ctx *ctx, wg_gguf_head *h, const char *key, bool value)
{
    const uint8_t byte = value;

    WG_TRY(put_key(ctx, h, key, WG_GGUF_BOOL));
    return raw(ctx, &h->keys, &byte, sizeof byte);
}

wagle_status wg_gguf_begin_array(wagle_ctx *ctx, wg_gguf_head *h, const char *key,
                                 wg_gguf_kind kind, int64_t n)
{
    const uint32_t element = kind;
    const uint64_t count = (uint64_t)n;

    WG_TRY(put_key(ctx, h, key, WG_GGUF_ARRAY));
    WG_TRY(raw(ctx, &h->keys, &element, sizeof element));
    return raw(ctx, &h->keys, &count, sizeof count);
}

wagle_status wg_gguf_add_text(wagle_ctx *ctx, wg_gguf_head *h, const char *text, size_t bytes)
{
    return put_string(ctx, &h->keys, text, bytes);
}

wagle_status wg_gguf_add_number(wagle_ctx *ctx, wg_gguf_head *h, wg_gguf_kind kind, double value)
{
    const float real = (float)value;
    const int32_t whole = (int32_t)value;

    return kind == WG_GGUF_F32 ? raw(ctx, &h->keys, &real, sizeof real)
                               : raw(ctx, &h->keys, &whole, sizeof whole);
}

size_t wg_ggml_bytes(wg_gguf_type type, int64_t n)
{
    return (size_t)(n / wg_ggml_block(type)) * wg_ggml_block_bytes(type);
}

static size_t padding(size_t bytes)
{
    return (ALIGNMENT - bytes % ALIGNMENT) % ALIGNMENT;
}

wagle_status wg_gguf_put_tensor(wagle_ctx *ctx, wg_gguf_head *h, const char *name,
                                const wg_shape *shape, wg_gguf_type type)
{
    const uint32_t rank = (uint32_t)shape->rank, number = type;
    int64_t n = 1;

    h->n_tensors++;
    WG_TRY(put_string(ctx, &h->tensors, name, strlen(name)));
    WG_TRY(raw(ctx, &h->tensors, &rank, sizeof rank));
    for (int i = shape->rank - 1; i >= 0; i--) {
        const uint64_t dim = (uint64_t)shape->dim[i];
        n *= shape->dim[i];
        WG_TRY(raw(ctx, &h->tensors, &dim, sizeof dim));
    }
    WG_TRY(raw(ctx, &h->tensors, &number, sizeof number));
    WG_TRY(raw(ctx, &h->tensors, &h->bytes, sizeof h->bytes));
    h->bytes += wg_ggml_bytes(type, n);
    h->bytes += padding(h->bytes);
    return WAGLE_OK;
}

wagle_status wg_gguf_write_head(wagle_ctx *ctx, const wg_gguf_head *h, wg_output *out)
{
    static const char magic[] = {'G', 'G', 'U', 'F', 3, 0, 0, 0};
    const size_t bytes = sizeof magic + 16 + (size_t)h->keys.bytes + (size_t)h->tensors.bytes;

    WG_TRY(wg_output_write(ctx, out, magic, sizeof magic));
    WG_TRY(wg_output_write(ctx, out, &h->n_tensors, sizeof h->n_tensors));
    WG_TRY(wg_output_write(ctx, out, &h->n_keys, sizeof h->n_keys));
    WG_TRY(wg_output_write(ctx, out, h->keys.text, (size_t)h->keys.bytes));
    WG_TRY(wg_output_write(ctx, out, h->tensors.text, (size_t)h->tensors.bytes));
    return wg_gguf_pad(ctx, out, bytes);
}

wagle_status wg_gguf_pad(wagle_ctx *ctx, wg_output *out, size_t bytes)
{
    static const char zeros[ALIGNMENT];

    return wg_output_write(ctx, out, zeros, padding(bytes));
}

void wg_gguf_head_free(wg_gguf_head *h)
{
    wg_text_free(&h->keys);
    wg_text_free(&h->tensors);
}
