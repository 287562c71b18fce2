#include "io/events.h"

#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* --- protocol buffers --------------------------------------------------------------------------
 */

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; /* wire types */

static wagle_status put_varint(wagle_ctx *ctx, wg_text *t, uint64_t value)
{
    char bytes[10];
    size_t n = 0;

    do {
        bytes[n++] = (char)((value & 127) | (value > 127 ? 128 : 0));
        value >>= 7;
    } while (value > 0);
    return wg_text_add(ctx, t, bytes, n);
}

static wagle_status put_key(wagle_ctx *ctx, wg_text *t, int field, int wire)
{
    return put_varint(ctx, t, (uint64_t)(field << 3 | wire));
}

static wagle_status put_bytes(wagle_ctx *ctx, wg_text *t, int field, const void *data, size_t n)
{
    WG_TRY(put_key(ctx, t, field, BYTES));
    WG_TRY(put_varint(ctx, t, n));
    return wg_text_add(ctx, t, data, n);
}

static wagle_status put_double(wagle_ctx *ctx, wg_text *t, int field, double value)
{
    WG_TRY(put_key(ctx, t, field, FIXED64));
    return wg_text_add(ctx, t, (const char *)&value, sizeof value);
}

/* A varint at at[*n]; false where there is none before the end. */
static bool take_varint(const unsigned char *at, size_t bytes, size_t *n, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; *n < bytes && shift < 64; shift += 7) {
        *value |= (uint64_t)(at[*n] & 127) << shift;
        if ((at[(*n)++] & 128) == 0)
            return true;
    }
    return false;
}

/* The first field of an encoded message: its number, and its value if that is a varint or text (of
 * other types neither). Returns the bytes that it takes; 0 at the end and where it is damaged. */
static size_t take_field(const unsigned char *at, size_t bytes, uint64_t *field, uint64_t *value,
                         wg_str *text)
{
    uint64_t key;
    size_t n = 0;

    *text = (wg_str){0};
    *value = 0;
    if (!take_varint(at, bytes, &n, &key))
        return 0;
    *field = key >> 3;
    if ((key & 7) == FIXED64 || (key & 7) == FIXED32) {
        n += (key & 7) == FIXED64 ? 8 : 4;
        return n <= bytes ? n : 0;
    }
    if (((key & 7) != VARINT && (key & 7) != BYTES) || !take_varint(at, bytes, &n, value))
        return 0;
    if ((key & 7) == VARINT)
        return n;
    if (*value > bytes - n)
        return 0;
    *text = (wg_str){(const char *)at + n, (size_t)*value};
    return n + text->bytes;
}

/* --- records -----------------------------------------------------------------------------------
 */

uint32_t wg_events_crc(const void *data, size_t n)
{
    const unsigned char *byte = data;
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < n; i++) {
        crc ^= byte[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static wagle_status put_record(wagle_ctx *ctx, wg_text *out, const wg_text *data)
{
    const uint64_t length = (uint64_t)data->bytes;
    const uint32_t head = wg_events_crc(&length, sizeof length);
    const uint32_t tail = wg_events_crc(data->text, (size_t)data->bytes);

    WG_TRY(wg_text_add(ctx, out, (const char *)&length, sizeof length));
    WG_TRY(wg_text_add(ctx, out, (const char *)&head, sizeof head));
    WG_TRY(wg_text_add(ctx, out, data->text, (size_t)data->bytes));
    return wg_text_add(ctx, out, (const char *)&tail, sizeof tail);
}

/* The length of the record's data; SIZE_MAX if it is not whole, or damaged. */
static size_t record_data(const unsigned char *at, size_t bytes)
{
    uint64_t length;
    uint32_t crc;

    if (bytes < 16)
        return SIZE_MAX;
    memcpy(&length, at, sizeof length);
    memcpy(&crc, at + 8, sizeof crc);
    if (crc != wg_events_crc(at, 8) || length > bytes - 16)
        return SIZE_MAX;
    memcpy(&crc, at + 12 + length, sizeof crc);
    return crc == wg_events_crc(at + 12, (size_t)length) ? (size_t)length : SIZE_MAX;
}

/* The step of an event, and its writer if it names one. */
static int64_t step_of(const unsigned char *at, size_t bytes, wg_str *writer)
{
    uint64_t field, value, step = 0;
    wg_str text;

    for (size_t n; (n = take_field(at, bytes, &field, &value, &text)) > 0; at += n, bytes -= n) {
        if (field == 2 && text.text == NULL)
            step = value;
        if (field == 10 && text.text != NULL &&
            take_field((const void *)text.text, text.bytes, &field, &value, &text) > 0)
            *writer = text;
    }
    return (int64_t)step;
}

/* Length of the records before the first of `step` or later. *writer: of the first one; of another
 * file than an event file, none. */
static size_t records_before(const wg_map *file, int64_t step, wg_str *writer)
{
    size_t at = 0, n;

    while (at < file->bytes && (n = record_data(file->data + at, file->bytes - at)) != SIZE_MAX) {
        wg_str named = {0};
        if (step_of(file->data + at + 12, n, &named) >= step && at > 0)
            break;
        if (at == 0)
            *writer = named;
        at += n + 16;
    }
    return at;
}

/* --- the file ----------------------------------------------------------------------------------
 */

/* Refuses a file that is not this writer's. */
static wagle_status check_writer(wagle_ctx *ctx, wg_events *e, const char *folder, bool force)
{
    wg_map file;
    wg_str writer = {0};
    size_t known;

    if (wg_file_bytes(e->path) == 0) {
        e->anew = true;
        return WAGLE_OK;
    }
    WG_TRY(wg_map_open(ctx, e->path, &file));
    known = records_before(&file, INT64_MIN, &writer); /* the first, which names it */
    const bool same = *e->writer != '\0' && wg_str_equal(writer, wg_strz(e->writer));
    wg_map_close(&file);
    e->anew = !same;
    if (known == 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not an event file", e->path);
    return same || force
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_USAGE,
                         "@{tensorboard} %s: has the events of another run; name another folder, "
                         "or replace them with @{force=true}",
                         folder);
}

/* The folder, and those that it lies in. */
static wagle_status make_folders(wagle_ctx *ctx, const char *path)
{
    wagle_status st = WAGLE_OK;

    if (*path == '\0')
        return wg_fail(ctx, WAGLE_E_USAGE, "@{tensorboard}: not the name of a folder");
    for (const char *end = path; st == WAGLE_OK && *end != '\0';) {
        end += 1 + strcspn(end + 1, "/");
        char *folder = wg_copy_text(ctx, path, (size_t)(end - path));
        st = folder != NULL ? wg_make_folder(ctx, folder) : WAGLE_E_RESOURCE;
        wg_free(folder);
    }
    return st;
}

wagle_status wg_events_open(wagle_ctx *ctx, const char *folder, const char *writer, bool force,
                            wg_events *out)
{
    wg_events e = {.fd = -1};
    wagle_status st = make_folders(ctx, folder);

    *out = e;
    if (st == WAGLE_OK) {
        e.writer = wg_copy_text(ctx, writer, strlen(writer));
        e.path = e.writer != NULL ? wg_path_join(ctx, folder, WG_EVENTS_FILE) : NULL;
        st = e.path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    }
    if (st == WAGLE_OK) {
        e.fd = open(e.path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (e.fd < 0)
            st = wg_fail_errno(ctx, errno, "%s", e.path);
        else if (flock(e.fd, LOCK_EX | LOCK_NB) != 0)
            st = wg_fail(ctx, WAGLE_E_RUN, "%s: another process writes it", e.path);
    }
    if (st == WAGLE_OK)
        st = check_writer(ctx, &e, folder, force);
    if (st == WAGLE_OK)
        *out = e;
    else
        wg_events_close(&e);
    return st;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* By one write; what is written in part is taken back. On failure nothing is written any more. */
static wagle_status append(wagle_ctx *ctx, wg_events *e, const wg_text *data)
{
    const off_t before = lseek(e->fd, 0, SEEK_END);
    wg_text record = {0};
    wagle_status st = put_record(ctx, &record, data);

    errno = ENOSPC; /* of a write that ends early */
    if (st == WAGLE_OK && write(e->fd, record.text, (size_t)record.bytes) != record.bytes) {
        wg_log(ctx, 0, "%s: %s; no more events are written", e->path, strerror(errno));
        (void)!ftruncate(e->fd, before);
        wg_events_close(e);
    }
    wg_text_free(&record);
    return st;
}

static wagle_status write_head(wagle_ctx *ctx, wg_events *e)
{
    static const char version[] = "brain.Event:2";
    wg_text data = {0}, source = {0};
    wagle_status st = put_double(ctx, &data, 1, now());

    if (st == WAGLE_OK)
        st = put_bytes(ctx, &data, 3, version, sizeof version - 1);
    if (st == WAGLE_OK)
        st = put_bytes(ctx, &source, 1, e->writer, strlen(e->writer));
    if (st == WAGLE_OK)
        st = put_bytes(ctx, &data, 10, source.text, (size_t)source.bytes);
    if (st == WAGLE_OK)
        st = append(ctx, e, &data);
    wg_text_free(&source);
    wg_text_free(&data);
    return st;
}

wagle_status wg_events_start(wagle_ctx *ctx, wg_events *e, int64_t step)
{
    wg_map file;
    wg_str writer = {0};
    size_t keep = 0;

    if (e->fd < 0)
        return WAGLE_OK;
    if (!e->anew) {
        WG_TRY(wg_map_open(ctx, e->path, &file));
        keep = records_before(&file, step, &writer);
        wg_map_close(&file);
    }
    if (ftruncate(e->fd, (off_t)keep) != 0)
        return wg_fail_errno(ctx, errno, "%s", e->path);
    return keep > 0 ? WAGLE_OK : write_head(ctx, e);
}

/* --- events ------------------------------------------------------------------------------------
 */

/* A Value: its tag, and what `value` encodes. */
static wagle_status add_value(wagle_ctx *ctx, wg_events *e, const char *tag, const wg_text *value)
{
    wg_text both = {0};
    wagle_status st = put_bytes(ctx, &both, 1, tag, strlen(tag));

    if (st == WAGLE_OK)
        st = wg_text_adds(ctx, &both, wg_text_str(value));
    if (st == WAGLE_OK)
        st = put_bytes(ctx, &e->pending, 1, both.text, (size_t)both.bytes);
    wg_text_free(&both);
    return st;
}

wagle_status wg_events_scalar(wagle_ctx *ctx, wg_events *e, const char *tag, double value)
{
    const float narrow = (float)value;
    wg_text t = {0};
    wagle_status st;

    if (e->fd < 0 || !isfinite(narrow))
        return WAGLE_OK;
    st = put_key(ctx, &t, 2, FIXED32);
    if (st == WAGLE_OK)
        st = wg_text_add(ctx, &t, (const char *)&narrow, sizeof narrow);
    if (st == WAGLE_OK)
        st = add_value(ctx, e, tag, &t);
    wg_text_free(&t);
    return st;
}

wagle_status wg_events_histogram(wagle_ctx *ctx, wg_events *e, const char *tag,
                                 const wg_histogram *h)
{
    const size_t bytes = (size_t)h->n * sizeof(double);
    double number = 0;
    wg_text body = {0}, t = {0};
    wagle_status st = WAGLE_OK;

    if (e->fd < 0)
        return WAGLE_OK;
    for (int i = 0; i < h->n; i++)
        number += h->count[i];
    const double field[] = {h->min, h->max, number, h->sum, h->sum_squares};
    for (int i = 0; st == WAGLE_OK && i < 5; i++)
        st = put_double(ctx, &body, i + 1, field[i]);
    if (st == WAGLE_OK)
        st = put_bytes(ctx, &body, 6, h->limit, bytes);
    if (st == WAGLE_OK)
        st = put_bytes(ctx, &body, 7, h->count, bytes);
    if (st == WAGLE_OK)
        st = put_bytes(ctx, &t, 5, body.text, (size_t)body.bytes);
    if (st == WAGLE_OK)
        st = add_value(ctx, e, tag, &t);
    wg_text_free(&body);
    wg_text_free(&t);
    return st;
}

wagle_status wg_events_write(wagle_ctx *ctx, wg_events *e, int64_t step)
{
    wg_text data = {0};
    wagle_status st;

    if (e->fd < 0 || e->pending.bytes == 0)
        return WAGLE_OK;
    st = put_double(ctx, &data, 1, now());
    if (st == WAGLE_OK)
        st = put_key(ctx, &data, 2, VARINT);
    if (st == WAGLE_OK)
        st = put_varint(ctx, &data, (uint64_t)step);
    if (st == WAGLE_OK)
        st = put_bytes(ctx, &data, 5, e->pending.text, (size_t)e->pending.bytes);
    e->pending.bytes = 0;
    if (st == WAGLE_OK)
        st = append(ctx, e, &data);
    wg_text_free(&data);
    return st;
}

void wg_events_close(wg_events *e)
{
    if (e->fd >= 0)
        close(e->fd);
    wg_free(e->path);
    wg_free(e->writer);
    wg_text_free(&e->pending);
    *e = (wg_events){.fd = -1};
}
