/* members.c - what is known of each option of a run, and what needs no more than that. */
#include "train/members.h"

#include "base/choose.h"
#include "mask/attribute.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

/* --- the tables --------------------------------------------------------------------------------
 */

#define DECIDES(goes) .role = WG_DECIDES, .with = WG_WITH_##goes,
#define EXPLAINS(goes, what) .role = WG_EXPLAINS, .with = WG_WITH_##goes, .fact = what,
#define IGNORED .role = WG_IGNORED,
#define ABOVE(x) .range = {x, INFINITY, true, false, "above " #x},
#define AT_LEAST(x) .range = {x, INFINITY, false, false, #x " or more"},
#define FROM_TO(x, y) .range = {x, y, false, false, "from " #x " to " #y},
#define ABOVE_TO(x, y) .range = {x, y, true, false, "above " #x " and at most " #y},
#define ABOVE_BELOW(x, y) .range = {x, y, true, true, "above " #x " and below " #y},
#define UNSET(x, in_help) .may_be_unset = true, .unset = x,
#define CHOICES(type) .words = wg_words_of_##type,
#define TABLE(info)
#define MANIFEST(when) .manifest = WG_IF_##when,
#define SWEEP(what) .swept = true, .wanted = what,
#define FLAG(option, value, group, place, commands, help)
#define HELP_OF(command, help)
#define WAGLE_OPTION(type, member, what, finetune, unlearn, attributes)                            \
    {.name = #member,                                                                              \
     .kind = WG_MEMBER_##what,                                                                     \
     .at = offsetof(wagle_train_options, member),                                                  \
     attributes},

const wg_member wg_train_members[] = {
#include <wagle/train_options.def>
    {0},
};

/* The files themselves are known by the rows that were read from them. */
#define ROW(member, type, does)                                                                    \
    {                                                                                              \
        .name = #member, .kind = WG_MEMBER_##type, .at = offsetof(wagle_data, member),             \
        .role = WG_##does                                                                          \
    }
const wg_member wg_data_members[] = {
    ROW(path, TEXT, IGNORED),         ROW(more, TEXTS, IGNORED),
    ROW(rows, PART, IGNORED),         ROW(prompt_field, TEXT, DECIDES),
    ROW(answer_field, TEXT, DECIDES), ROW(text_field, TEXT, DECIDES),
    ROW(facts_field, TEXT, DECIDES),  ROW(prompt, TEXT, DECIDES),
    ROW(chat, TEXT, DECIDES),         ROW(system, TEXT, DECIDES),
    ROW(chat_kwargs, TEXTS, DECIDES), ROW(date, TEXT, DECIDES),
    ROW(all_turns, FLAG, DECIDES),    ROW(max_length, WHOLE, DECIDES),
    ROW(limit, WHOLE, DECIDES),       ROW(truncate, FLAG, DECIDES),
    ROW(eos, FLAG, DECIDES),          ROW(where, TEXTS, DECIDES),
    ROW(fields, TEXTS, DECIDES),      {0},
};
#undef ROW

#define ROW(member, type, does)                                                                    \
    {                                                                                              \
        .name = #member, .kind = WG_MEMBER_##type, .at = offsetof(wagle_suite_options, member),    \
        .role = WG_##does                                                                          \
    }
const wg_member wg_suite_members[] = {
    ROW(size, PART, IGNORED),
    ROW(model, TEXT, IGNORED),
    ROW(opened, PART, IGNORED),
    ROW(suites, TEXT, DECIDES),
    ROW(sets, SETS, DECIDES),
    ROW(data, DATA, DECIDES),
    ROW(gold, FILE, DECIDES),
    ROW(reference, FOLDER, DECIDES),
    ROW(out, TEXT, IGNORED),
    ROW(recompute, TEXT, IGNORED),
    ROW(max_tokens, WHOLE, DECIDES),
    ROW(resamples, WHOLE, IGNORED),
    ROW(shots, WHOLE, DECIDES),
    ROW(prefix, WHOLE, DECIDES),
    ROW(length, WHOLE, DECIDES),
    ROW(verbatim, WHOLE, DECIDES),
    ROW(temperature, REAL, DECIDES),
    ROW(scorer, TEXT, DECIDES),
    ROW(encoder, FOLDER, DECIDES),
    ROW(relearn_steps, WHOLE, DECIDES),
    ROW(relearn_lr, REAL, DECIDES),
    ROW(no_eos, FLAG, DECIDES),
    ROW(seed, WHOLE, DECIDES),
    ROW(redact, FLAG, IGNORED),
    ROW(force, FLAG, IGNORED),
    ROW(min_k, TEXT, DECIDES),
    ROW(samples, WHOLE, DECIDES),
    ROW(leak_k, TEXT, DECIDES),
    ROW(top_p, REAL, DECIDES),
    ROW(stop, TEXTS, DECIDES),
    {0},
};
#undef ROW

/* --- what follows ------------------------------------------------------------------------------
 */

const wg_member *wg_train_member(const char *name)
{
    for (const wg_member *m = wg_train_members; m->name != NULL; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

/* The enumerations have the size of int. */
static int choice_at(const void *at)
{
    int value;

    memcpy(&value, at, sizeof value);
    return value;
}

wg_value wg_member_value(const wg_member *m, const void *from)
{
    const void *at = (const char *)from + m->at;
    wg_value v = {0};

    switch (m->kind) {
    case WG_MEMBER_TEXT:
    case WG_MEMBER_FILE:
    case WG_MEMBER_FOLDER:
    case WG_MEMBER_OUTPUT:
        memcpy(&v.text, at, sizeof v.text);
        break;
    case WG_MEMBER_CHOICE:
        v.text = m->words[choice_at(at)];
        break;
    case WG_MEMBER_TEXTS:
    case WG_MEMBER_PATTERNS:
    case WG_MEMBER_SETS:
        memcpy(&v.list, at, sizeof v.list);
        break;
    case WG_MEMBER_REAL:
    case WG_MEMBER_CLIP:
        memcpy(&v.real, at, sizeof v.real);
        break;
    case WG_MEMBER_WHOLE:
    case WG_MEMBER_SEED:
        memcpy(&v.whole, at, sizeof v.whole);
        break;
    case WG_MEMBER_FLAG:
        v.flag = *(const bool *)at;
        break;
    case WG_MEMBER_DATA:
        v.text = ((const wagle_data *)at)->path;
        break;
    default:
        break;
    }
    return v;
}

bool wg_member_is_set(const wg_member *m, const void *from)
{
    const wg_value v = wg_member_value(m, from);

    return (v.text != NULL && *v.text != '\0') || (v.list != NULL && *v.list != NULL) ||
           v.real > 0 || v.whole > 0 || v.flag;
}

bool wg_member_matters(const wg_member *m, const wagle_train_options *o, bool suite)
{
    switch (m->with) {
    case WG_WITH_SELECTOR:
        return o->selector != NULL;
    case WG_WITH_LORA:
        return o->lora > 0;
    case WG_WITH_PROTECT:
        return o->protect.path != NULL || wg_scores_by_factors(o);
    case WG_WITH_RULE:
        return o->stop_when != NULL;
    case WG_WITH_SUITE:
        return suite && o->watch != NULL;
    default:
        return true;
    }
}

static bool is_inside(const wg_member *m, double x)
{
    const wg_range *r = &m->range;

    if (m->may_be_unset && (m->unset < 0 ? x < 0 : x == m->unset))
        return true;
    return isfinite(x) && (r->above ? x > r->low : x >= r->low) &&
           (r->below ? x < r->high : x <= r->high);
}

wagle_status wg_members_check(wagle_ctx *ctx, const wagle_train_options *o)
{
    for (const wg_member *m = wg_train_members; m->name != NULL; m++) {
        if (m->kind == WG_MEMBER_CHOICE) {
            WG_TRY(wg_check_choice(ctx, m->name, choice_at((const char *)o + m->at), m->words));
            continue;
        }
        const wg_value v = wg_member_value(m, o);
        const bool whole = m->kind == WG_MEMBER_WHOLE;
        if (m->range.words != NULL && !is_inside(m, whole ? (double)v.whole : v.real))
            return whole ? wg_fail(ctx, WAGLE_E_USAGE, "@{%s} %lld: must be %s", m->name,
                                   (long long)v.whole, m->range.words)
                         : wg_fail(ctx, WAGLE_E_USAGE, "@{%s} %g: must be %s", m->name, v.real,
                                   m->range.words);
    }
    return WAGLE_OK;
}
