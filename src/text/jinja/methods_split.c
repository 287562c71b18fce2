/* methods_split.c - methods of strings that split and join: split, partition, splitlines. */
#include "text/jinja/internal.h"

#include <string.h>

/* Adds bytes [from,to) of s as an item. */
static wagle_status add_part(wg_jrun *run, wg_jsequence *to_list, const wg_jstring *s, int64_t from,
                             int64_t to)
{
    wg_jvalue item = {0};

    WG_TRY(wg_jstep(run, 1));
    WG_TRY(wg_jtext_in_place(run, s->text + from, to - from, &item));
    ((wg_jstring *)(uintptr_t)item.string)->markup = s->markup;
    return wg_jsequence_add(run, to_list, item);
}

static void reverse(wg_jsequence *s)
{
    for (int64_t i = 0; i < s->n / 2; i++) {
        const wg_jvalue item = s->item[i];
        s->item[i] = s->item[s->n - 1 - i];
        s->item[s->n - 1 - i] = item;
    }
}

static wagle_status split_by(wg_jrun *run, const wg_jstring *s, const wg_jstring *by, int64_t max,
                             wg_jsequence *out)
{
    int64_t from = 0;

    for (; max != 0; max--) {
        const char *found =
            memmem(s->text + from, (size_t)(s->bytes - from), by->text, (size_t)by->bytes);
        if (found == NULL)
            break;
        WG_TRY(add_part(run, out, s, from, found - s->text));
        from = found - s->text + by->bytes;
    }
    return add_part(run, out, s, from, s->bytes);
}

static wagle_status rsplit_by(wg_jrun *run, const wg_jstring *s, const wg_jstring *by, int64_t max,
                              wg_jsequence *out)
{
    int64_t to = s->bytes;

    for (int64_t at = to - by->bytes; at >= 0 && max != 0; at--) {
        if (memcmp(s->text + at, by->text, (size_t)by->bytes) != 0)
            continue;
        WG_TRY(add_part(run, out, s, at + by->bytes, to));
        to = at;
        at -= by->bytes - 1;
        max--;
    }
    WG_TRY(add_part(run, out, s, 0, to));
    reverse(out);
    return WAGLE_OK;
}

static bool space_at(const wg_jstring *s, int64_t at, int *n)
{
    return wg_jspace(wg_jcode_at(s->text + at, s->bytes - at, n));
}

static wagle_status split_spaces(wg_jrun *run, const wg_jstring *s, int64_t max, wg_jsequence *out)
{
    int64_t at = 0, from;
    int n;

    for (;;) {
        while (at < s->bytes && space_at(s, at, &n))
            at += n;
        if (at >= s->bytes)
            return WAGLE_OK;
        if (max-- == 0)
            return add_part(run, out, s, at, s->bytes);
        from = at;
        while (at < s->bytes && !space_at(s, at, &n))
            at += n;
        WG_TRY(add_part(run, out, s, from, at));
    }
}

static int64_t before(const wg_jstring *s, int64_t at)
{
    for (at--; at > 0 && ((unsigned char)s->text[at] & 0xC0) == 0x80;)
        at--;
    return at;
}

static wagle_status rsplit_spaces(wg_jrun *run, const wg_jstring *s, int64_t max, wg_jsequence *out)
{
    int64_t at = s->bytes, to;
    int n;

    for (;;) {
        while (at > 0 && space_at(s, before(s, at), &n))
            at = before(s, at);
        if (at == 0)
            break;
        if (max-- == 0) {
            WG_TRY(add_part(run, out, s, 0, at));
            break;
        }
        to = at;
        while (at > 0 && !space_at(s, before(s, at), &n))
            at = before(s, at);
        WG_TRY(add_part(run, out, s, at, to));
    }
    reverse(out);
    return WAGLE_OK;
}

static wagle_status split_any(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg, bool right,
                              wg_jvalue *out)
{
    const wg_jstring *s = self->string;
    int64_t max = -1;

    if (arg[1].kind != WG_J_ABSENT && !wg_jwhole(&arg[1], &max))
        return wg_jfail(&run->at, "split: how often is a %s", wg_jtype(&arg[1]));
    WG_TRY(wg_jstep(run, s->bytes / 16));
    WG_TRY(wg_jsequence_new(run, WG_J_LIST, 0, out));
    if (arg[0].kind == WG_J_ABSENT || arg[0].kind == WG_J_NONE)
        return right ? rsplit_spaces(run, s, max, out->sequence)
                     : split_spaces(run, s, max, out->sequence);
    if (arg[0].kind == WG_J_UNDEFINED)
        return wg_juse_undefined(run, &arg[0]);
    if (arg[0].kind != WG_J_STRING || arg[0].string->bytes == 0)
        return wg_jfail(&run->at, "split: the separator is a string that is not empty");
    return right ? rsplit_by(run, s, arg[0].string, max, out->sequence)
                 : split_by(run, s, arg[0].string, max, out->sequence);
}

WG_J_BUILTIN(split)
{
    WG_J_UNUSED;
    return split_any(run, self, arg, false, out);
}

WG_J_BUILTIN(rsplit)
{
    WG_J_UNUSED;
    return split_any(run, self, arg, true, out);
}

WG_J_BUILTIN(splitlines)
{
    const wg_jstring *s = self->string;
    int64_t from = 0;
    int n;

    WG_J_UNUSED;
    WG_TRY(wg_jstep(run, s->bytes / 16));
    WG_TRY(wg_jsequence_new(run, WG_J_LIST, 0, out));
    for (int64_t at = 0; at < s->bytes; at += n) {
        const int32_t c = wg_jcode_at(s->text + at, s->bytes - at, &n);
        if (!wg_jline_end(c))
            continue;
        n += c == '\r' && at + 1 < s->bytes && s->text[at + 1] == '\n';
        WG_TRY(add_part(run, out->sequence, s, from, wg_jtrue(&arg[0]) ? at + n : at));
        from = at + n;
    }
    return from < s->bytes ? add_part(run, out->sequence, s, from, s->bytes) : WAGLE_OK;
}

static wagle_status partition_at(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg,
                                 bool right, wg_jvalue *out)
{
    const wg_jstring *s = self->string, *by = arg[0].string;
    int64_t from = 0, to = s->bytes;
    bool found = false;

    if (arg[0].kind != WG_J_STRING || by->bytes == 0)
        return wg_jfail(&run->at, "partition: the separator is a string that is not empty");
    WG_TRY(wg_jstep(run, s->bytes / 16));
    WG_TRY(wg_jsequence_new(run, WG_J_TUPLE, 3, out));
    for (int64_t i = 0; i + by->bytes <= s->bytes && !found; i++) {
        const int64_t at = right ? s->bytes - by->bytes - i : i;
        found = memcmp(s->text + at, by->text, (size_t)by->bytes) == 0;
        from = found ? at : from;
        to = found ? at + by->bytes : to;
    }
    if (!found && !right)
        from = to = s->bytes;
    else if (!found)
        from = to = 0;
    WG_TRY(add_part(run, out->sequence, s, 0, from));
    WG_TRY(add_part(run, out->sequence, s, from, to));
    return add_part(run, out->sequence, s, to, s->bytes);
}

WG_J_BUILTIN(partition)
{
    WG_J_UNUSED;
    return partition_at(run, self, arg, false, out);
}

WG_J_BUILTIN(rpartition)
{
    WG_J_UNUSED;
    return partition_at(run, self, arg, true, out);
}

static wagle_status join_items(wg_jrun *run, const wg_jstring *between, const wg_jsequence *items,
                               wg_text *text)
{
    for (int64_t i = 0; i < items->n; i++) {
        const wg_jvalue *v = &items->item[i];
        if (i > 0)
            WG_TRY(wg_jadd(run, text, between->text, between->bytes));
        if (v->kind != WG_J_STRING && !between->markup)
            return wg_jfail(&run->at, "join of a %s; the filter join makes strings of them",
                            wg_jtype(v));
        const wg_jstring *s;
        WG_TRY(wg_jstring_of(run, v, &s));
        WG_TRY(between->markup ? wg_jescape(run, s, text) : wg_jadd(run, text, s->text, s->bytes));
    }
    return WAGLE_OK;
}

WG_J_BUILTIN(join)
{
    const wg_jsequence *items;
    wg_text text = {0};

    WG_J_UNUSED;
    WG_TRY(wg_jitems(run, &arg[0], &items));
    WG_TRY(wg_jtext_take(run, join_items(run, self->string, items, &text), &text, out));
    ((wg_jstring *)(uintptr_t)out->string)->markup = self->string->markup;
    return WAGLE_OK;
}

const wg_jentry wg_jmethods_split[] = {
    {"join", "!iterable", join},
    {"partition", "!sep", partition},
    {"rpartition", "!sep", rpartition},
    {"rsplit", "sep maxsplit", rsplit},
    {"split", "sep maxsplit", split},
    {"splitlines", "keepends", splitlines},
    {NULL, NULL, NULL},
};
