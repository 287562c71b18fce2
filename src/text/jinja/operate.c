/* operate.c - arithmetic, `in`, subscripts and attributes, as in Python. Integers have 64 bits;
 * larger results are refused. */
#include "text/jinja/internal.h"

#include <math.h>
#include <string.h>

static wagle_status overflow(wg_jrun *run)
{
    return wg_jfail(&run->at, "an integer of more than 64 bits");
}

static const char *op_text(int op, char out[3])
{
    out[0] = (char)(op > 255 ? op >> 8 : op);
    out[1] = (char)(op > 255 ? op & 255 : '\0');
    out[2] = '\0';
    return out;
}

static wagle_status bad_types(wg_jrun *run, int op, const wg_jvalue *a, const wg_jvalue *b)
{
    char text[3];

    if (a->kind == WG_J_UNDEFINED || b->kind == WG_J_UNDEFINED)
        return wg_juse_undefined(run, a->kind == WG_J_UNDEFINED ? a : b);
    return wg_jfail(&run->at, "'%s' of a %s and a %s", op_text(op, text), wg_jtype(a), wg_jtype(b));
}

/* Division rounded down, as in Python. */
static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static wagle_status power(wg_jrun *run, int64_t base, int64_t exponent, wg_jvalue *out)
{
    int64_t result = 1;

    if (exponent < 0) {
        if (base == 0)
            return wg_jfail(&run->at, "0 to a negative power");
        *out = wg_jreal(pow((double)base, (double)exponent));
        return WAGLE_OK;
    }
    if (exponent > 64 && (base > 1 || base < -1))
        return overflow(run);
    if (base >= -1 && base <= 1)
        exponent = exponent > 2 ? 2 + exponent % 2 : exponent;
    for (; exponent > 0; exponent--)
        if (__builtin_mul_overflow(result, base, &result))
            return overflow(run);
    *out = wg_jint(result);
    return WAGLE_OK;
}

static wagle_status whole_operation(wg_jrun *run, int op, int64_t a, int64_t b, wg_jvalue *out)
{
    int64_t r = 0;
    bool over = false;

    if ((op == '/' || op == '%' || op == WG_J_OP('/', '/')) && b == 0)
        return wg_jfail(&run->at, "a division by zero");
    if (op == WG_J_OP('*', '*'))
        return power(run, a, b, out);
    if (op == '/') {
        *out = wg_jreal((double)a / (double)b);
        return WAGLE_OK;
    }
    if (op == '+')
        over = __builtin_add_overflow(a, b, &r);
    else if (op == '-')
        over = __builtin_sub_overflow(a, b, &r);
    else if (op == '*')
        over = __builtin_mul_overflow(a, b, &r);
    else if (b == -1)
        over = op != '%' && __builtin_sub_overflow(0, a, &r);
    else
        r = op == '%' ? a - b * floor_divide(a, b) : floor_divide(a, b);
    *out = wg_jint(r);
    return over ? overflow(run) : WAGLE_OK;
}

static wagle_status real_operation(wg_jrun *run, int op, double a, double b, wg_jvalue *out)
{
    double r;

    if ((op == '/' || op == '%' || op == WG_J_OP('/', '/')) && b == 0)
        return wg_jfail(&run->at, "a division by zero");
    if (op == WG_J_OP('*', '*')) {
        r = pow(a, b);
        if ((isnan(r) && !isnan(a) && !isnan(b)) || (isinf(r) && isfinite(a) && isfinite(b)))
            return wg_jfail(&run->at, "a power that is not a number");
    } else if (op == '%' || op == WG_J_OP('/', '/')) { /* like float_divmod in Python */
        double mod = fmod(a, b), div = (a - mod) / b;
        if (mod != 0 && (b < 0) != (mod < 0)) {
            mod += b;
            div -= 1;
        } else if (mod == 0) {
            mod = copysign(0, b);
        }
        r = div != 0 ? floor(div) + (div - floor(div) > 0.5) : copysign(0, a / b);
        r = op == '%' ? mod : r;
    } else {
        r = op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
    }
    *out = wg_jreal(r);
    return WAGLE_OK;
}

/* a + b; if one string is marked safe, the other is escaped. */
static wagle_status join_strings(wg_jrun *run, const wg_jstring *a, const wg_jstring *b,
                                 wg_jvalue *out)
{
    const bool markup = a->markup || b->markup;
    wg_text text = {0};
    wg_jstring *s;
    wagle_status st = markup ? wg_jescape(run, a, &text) : wg_jadd(run, &text, a->text, a->bytes);

    if (st == WAGLE_OK)
        st = markup ? wg_jescape(run, b, &text) : wg_jadd(run, &text, b->text, b->bytes);
    WG_TRY(wg_jtext_take(run, st, &text, out));
    s = (wg_jstring *)(uintptr_t)out->string;
    s->markup = markup;
    return WAGLE_OK;
}

static wagle_status join_sequences(wg_jrun *run, const wg_jsequence *a, const wg_jsequence *b,
                                   wg_jvalue *out)
{
    WG_TRY(wg_jstep(run, a->n + b->n));
    WG_TRY(wg_jsequence_new(run, a->flavour, a->n + b->n, out));
    for (int64_t i = 0; i < a->n + b->n; i++)
        WG_TRY(wg_jsequence_add(run, out->sequence, i < a->n ? a->item[i] : b->item[i - a->n]));
    return WAGLE_OK;
}

static wagle_status repeat(wg_jrun *run, const wg_jvalue *v, int64_t times, wg_jvalue *out)
{
    wg_text text = {0};
    wagle_status st = WAGLE_OK;

    times = times > 0 && wg_jlength(v) > 0 ? times : 0;
    if (v->kind == WG_J_STRING) {
        for (int64_t i = 0; st == WAGLE_OK && i < times; i++)
            st = wg_jadd(run, &text, v->string->text, v->string->bytes);
        WG_TRY(wg_jtext_take(run, st, &text, out));
        ((wg_jstring *)(uintptr_t)out->string)->markup = v->string->markup;
        return WAGLE_OK;
    }
    WG_TRY(wg_jsequence_new(run, v->sequence->flavour, 0, out));
    for (int64_t i = 0; i < times; i++) {
        WG_TRY(wg_jstep(run, 1 + v->sequence->n));
        for (int64_t j = 0; j < v->sequence->n; j++)
            WG_TRY(wg_jsequence_add(run, out->sequence, v->sequence->item[j]));
    }
    return WAGLE_OK;
}

static bool repeatable(const wg_jvalue *v)
{
    return v->kind == WG_J_STRING ||
           (v->kind == WG_J_SEQUENCE && v->sequence->flavour <= WG_J_TUPLE);
}

static wagle_status merge_dicts(wg_jrun *run, const wg_jdict *a, const wg_jdict *b, wg_jvalue *out)
{
    WG_TRY(wg_jdict_new(run, out));
    for (int64_t i = 0; i < a->n; i++)
        WG_TRY(wg_jdict_set(run, out->dict, &a->key[i], a->value[i]));
    for (int64_t i = 0; i < b->n; i++)
        WG_TRY(wg_jdict_set(run, out->dict, &b->key[i], b->value[i]));
    return WAGLE_OK;
}

wagle_status wg_jbinary(wg_jrun *run, int op, const wg_jvalue *a, const wg_jvalue *b,
                        wg_jvalue *out)
{
    int64_t i, j;
    double x, y;

    if (op == '%' && a->kind == WG_J_STRING)
        return wg_jpercent(run, a->string, b, out);
    if (wg_jwhole(a, &i) && wg_jwhole(b, &j))
        return whole_operation(run, op, i, j, out);
    if (wg_jnumber(a, &x) && wg_jnumber(b, &y))
        return real_operation(run, op, x, y, out);
    if (op == '+' && a->kind == WG_J_STRING && b->kind == WG_J_STRING)
        return join_strings(run, a->string, b->string, out);
    if (op == '+' && a->kind == WG_J_SEQUENCE && b->kind == WG_J_SEQUENCE && repeatable(a) &&
        a->sequence->flavour == b->sequence->flavour)
        return join_sequences(run, a->sequence, b->sequence, out);
    if (op == '*' && repeatable(a) && wg_jwhole(b, &j))
        return repeat(run, a, j, out);
    if (op == '*' && repeatable(b) && wg_jwhole(a, &i))
        return repeat(run, b, i, out);
    if (op == '|' && a->kind == WG_J_DICT && b->kind == WG_J_DICT)
        return merge_dicts(run, a->dict, b->dict, out);
    return bad_types(run, op, a, b);
}

wagle_status wg_jcontains(wg_jrun *run, const wg_jvalue *item, const wg_jvalue *in, bool *out)
{
    if (in->kind == WG_J_STRING) {
        const wg_jstring *a = item->string, *s = in->string;
        if (item->kind != WG_J_STRING)
            return wg_jfail(&run->at, "'in' looks for a %s in a string", wg_jtype(item));
        WG_TRY(wg_jstep(run, s->bytes / 256));
        *out =
            a->bytes == 0 || memmem(s->text, (size_t)s->bytes, a->text, (size_t)a->bytes) != NULL;
        return WAGLE_OK;
    }
    if (in->kind == WG_J_DICT) {
        WG_TRY(wg_jstep(run, 1 + in->dict->n / 16));
        if (!wg_jhashable(item))
            return wg_jfail(&run->at, "'in' looks for a %s in a dict", wg_jtype(item));
        *out = wg_jdict_get(in->dict, item) != NULL;
        return WAGLE_OK;
    }
    *out = false;
    if (in->kind == WG_J_UNDEFINED)
        return WAGLE_OK;
    if (in->kind != WG_J_SEQUENCE)
        return wg_jfail(&run->at, "'in' looks in a %s", wg_jtype(in));
    wg_jsequence *s = in->sequence;
    WG_TRY(wg_jstep(run, s->n));
    for (int64_t i = s->next; i < s->n && !*out; i++) {
        *out = wg_jequal(&s->item[i], item);
        if (s->flavour == WG_J_ITERATOR)
            s->next = i + 1;
    }
    return *out ? WAGLE_OK : wg_jfail_late(run, s);
}

/* --- slices ----------------------------------------------------------------------------------- */

typedef struct range {
    int64_t start, stop, step;
} range;

/* Computes the bounds of a slice of n items, clipped as in Python. */
static wagle_status read_slice(wg_jrun *run, const wg_jvalue bound[3], int64_t n, range *r)
{
    int64_t *const to[] = {&r->start, &r->stop, &r->step};

    for (int i = 2; i >= 0; i--) {
        const bool down = i < 2 && r->step < 0;
        int64_t x = i == 2 ? 1 : (i == 0) == down ? (down ? n - 1 : n) : (down ? -1 : 0);
        if (bound[i].kind == WG_J_UNDEFINED ||
            (bound[i].kind != WG_J_NONE && !wg_jwhole(&bound[i], &x)))
            return wg_jfail(&run->at, "a bound of a slice is a %s", wg_jtype(&bound[i]));
        if (bound[i].kind != WG_J_NONE && i < 2) {
            x = x < 0 ? (x < -n ? -1 : x + n) : x;
            x = x < (down ? -1 : 0) ? (down ? -1 : 0) : x;
            x = x > (down ? n - 1 : n) ? (down ? n - 1 : n) : x;
        }
        *to[i] = i == 2 && x < -INT64_MAX ? -INT64_MAX : x;
    }
    return r->step != 0 ? WAGLE_OK : wg_jfail(&run->at, "a slice with a step of 0");
}

static int64_t slice_length(const range *r)
{
    if (r->step == 0 || (r->step > 0 ? r->start >= r->stop : r->start <= r->stop))
        return 0;
    return r->step > 0 ? (r->stop - r->start - 1) / r->step + 1
                       : (r->start - r->stop - 1) / -r->step + 1;
}

static wagle_status slice_string(wg_jrun *run, const wg_jstring *s, const range *r, wg_jvalue *out)
{
    const int64_t n = slice_length(r);
    wg_text text = {0};
    wagle_status st = WAGLE_OK;

    if (r->step == 1) {
        const int64_t from = wg_joffset(s, r->start), to = wg_joffset(s, r->start + n);
        WG_TRY(wg_jtext_in_place(run, s->text + from, to - from, out));
    } else {
        WG_TRY(wg_jstep(run, n + n * (s->bytes / 64)));
        for (int64_t i = 0; st == WAGLE_OK && i < n; i++) {
            const int64_t at = wg_joffset(s, r->start + i * r->step);
            int length;
            (void)wg_jcode_at(s->text + at, s->bytes - at, &length);
            st = wg_jadd(run, &text, s->text + at, length);
        }
        WG_TRY(wg_jtext_take(run, st, &text, out));
    }
    ((wg_jstring *)(uintptr_t)out->string)->markup = s->markup;
    return WAGLE_OK;
}

wagle_status wg_jslice(wg_jrun *run, const wg_jvalue *of, const wg_jvalue bound[3], wg_jvalue *out)
{
    const bool listed = of->kind == WG_J_SEQUENCE && of->sequence->flavour <= WG_J_RANGE_OBJECT;
    range r = {0};
    int64_t n;

    if (of->kind == WG_J_UNDEFINED)
        return wg_juse_undefined(run, of);
    if (of->kind != WG_J_STRING && !listed)
        return wg_jfail(&run->at, "a slice of a %s", wg_jtype(of));
    WG_TRY(read_slice(run, bound, wg_jlength(of), &r));
    if (of->kind == WG_J_STRING)
        return slice_string(run, of->string, &r, out);
    n = slice_length(&r);
    WG_TRY(wg_jstep(run, n));
    WG_TRY(wg_jsequence_new(run, of->sequence->flavour, n, out));
    for (int64_t i = 0; i < n; i++)
        WG_TRY(wg_jsequence_add(run, out->sequence, of->sequence->item[r.start + i * r.step]));
    if (of->sequence->flavour == WG_J_RANGE_OBJECT) {
        const wg_jsequence *s = of->sequence; /* unsigned arithmetic, because steps may overflow */
        const uint64_t start = (uint64_t)s->start, step = (uint64_t)s->step;
        out->sequence->start = (int64_t)(start + (uint64_t)r.start * step);
        out->sequence->stop = (int64_t)(start + (uint64_t)r.stop * step);
        out->sequence->step = (int64_t)(step * (uint64_t)r.step);
    }
    return WAGLE_OK;
}

/* --- subscripts and attributes ---------------------------------------------------------------- */

/* of[key] only; ABSENT if Python raises TypeError or LookupError. */
static wagle_status subscript(wg_jrun *run, const wg_jvalue *of, const wg_jvalue *key,
                              wg_jvalue *out)
{
    const bool listed = of->kind == WG_J_SEQUENCE && of->sequence->flavour <= WG_J_RANGE_OBJECT;
    int64_t i;

    *out = (wg_jvalue){.kind = WG_J_ABSENT};
    if (of->kind == WG_J_DICT) {
        const wg_jvalue *found;
        WG_TRY(wg_jstep(run, of->dict->n / 16));
        found = wg_jdict_get(of->dict, key);
        if (found != NULL)
            *out = *found;
        return WAGLE_OK;
    }
    if ((of->kind != WG_J_STRING && !listed) || !wg_jwhole(key, &i))
        return WAGLE_OK;
    i += i < 0 ? wg_jlength(of) : 0;
    if (i < 0 || i >= wg_jlength(of))
        return WAGLE_OK;
    if (listed) {
        *out = of->sequence->item[i];
        return WAGLE_OK;
    }
    WG_TRY(wg_jstep(run, of->string->bytes / 256));
    return slice_string(run, of->string, &(range){i, i + 1, 1}, out);
}

/* Looks up an item and an attribute, in this order or (item_first false) the reverse. */
static wagle_status find(wg_jrun *run, const wg_jvalue *of, const wg_jvalue *key, bool item_first,
                         wg_jvalue *out)
{
    const wg_jstring *name = key->kind == WG_J_STRING ? key->string : NULL;

    if (of->kind == WG_J_UNDEFINED)
        return wg_juse_undefined(run, of);
    *out = (wg_jvalue){.kind = WG_J_ABSENT};
    if (item_first)
        WG_TRY(subscript(run, of, key, out));
    if (out->kind == WG_J_ABSENT && name != NULL)
        WG_TRY(wg_jown_attribute(run, of, name, out));
    if (out->kind == WG_J_ABSENT && !item_first)
        WG_TRY(subscript(run, of, key, out));
    if (out->kind != WG_J_ABSENT)
        return WAGLE_OK;
    if (name == NULL)
        WG_TRY(wg_jstring_of(run, key, &name));
    return wg_jundefined(run, name, wg_jtype(of), NULL, out);
}

wagle_status wg_jitem(wg_jrun *run, const wg_jvalue *of, const wg_jvalue *key, wg_jvalue *out)
{
    return find(run, of, key, true, out);
}

wagle_status wg_jattribute(wg_jrun *run, const wg_jvalue *of, const wg_jstring *name,
                           wg_jvalue *out)
{
    const wg_jvalue key = {WG_J_STRING, {.string = name}};

    return find(run, of, &key, false, out);
}
