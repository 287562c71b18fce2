/* turns.c - finds the answers in a conversation rendered by a chat template.
 *
 * The conversation is rendered twice: unchanged, and with a mark in place of each answer. The text
 * between the marks comes from the template and must be the same in both; the remaining text is the
 * answers. The prompt of an answer (the conversation before it, with the generation prompt) must be
 * a prefix of the whole. Otherwise, with a template that rewrites earlier turns, the model would be
 * trained on prompts that it never gets. */
#include "data/conversation.h"
#include "data/layout.h"

#include <stdio.h>
#include <string.h>

typedef struct finder {
    wagle_ctx *ctx;
    const wg_chat *chat;
    const wg_record *record;
    const json_t *messages;
    bool all; /* all answers, not only the last */
    wg_text whole, marked;
} finder;

wagle_status wg_turns_render(wagle_ctx *ctx, const wg_chat *chat, const wg_record *r,
                             const json_t *messages, bool generation_prompt, wg_text *out)
{
    char where[400];
    wagle_status st = wg_text_addz(ctx, out, "");

    if (st == WAGLE_OK)
        st = wg_chat_render(ctx, chat, messages, generation_prompt, out);
    snprintf(where, sizeof where, "%.300s:%lld", r->path, (long long)r->line);
    return st == WAGLE_E_INPUT ? wg_note(ctx, st, where) : st;
}

static wagle_status refuse(const finder *f, size_t i, const char *what)
{
    return wg_record_fail(f->ctx, f->record, "%s: message %zu: %s", wg_chat_name(f->chat), i, what);
}

/* Whether message i is an answer to train on: it has text. */
static bool is_answer(const finder *f, size_t i)
{
    return (f->all || i + 1 == json_array_size(f->messages)) && wg_is_assistant(f->messages, i) &&
           !json_is_null(json_object_get(json_array_get(f->messages, i), "content")) &&
           json_object_get(json_array_get(f->messages, i), "content") != NULL;
}

static void name_mark(size_t i, char out[40])
{
    snprintf(out, 40, "Zq7answer%zuQz", i);
}

/* A copy of the message with a mark as its text. */
static json_t *marked_message(const json_t *message, size_t i)
{
    const bool parts = json_is_array(json_object_get(message, "content"));
    json_t *copy = json_copy((json_t *)(uintptr_t)message);
    char mark[40];

    name_mark(i, mark);
    if (json_object_set_new(copy, "content",
                            parts ? json_pack("[{s:s, s:s}]", "type", "text", "text", mark)
                                  : json_string(mark)) != 0) {
        json_decref(copy);
        return NULL;
    }
    return copy;
}

static wagle_status render_marked(finder *f)
{
    json_t *copy = json_array(), *message;
    wagle_status st = copy != NULL ? WAGLE_OK : wg_json_memory(f->ctx);
    size_t i;

    json_array_foreach (f->messages, i, message)
        if (st == WAGLE_OK &&
            json_array_append_new(copy, is_answer(f, i) ? marked_message(message, i)
                                                        : json_incref(message)) != 0)
            st = wg_json_memory(f->ctx);
    if (st == WAGLE_OK)
        st = wg_turns_render(f->ctx, f->chat, f->record, copy, false, &f->marked);
    json_decref(copy);
    return st;
}

/* The template's text after an answer: from `at` of the marked text to the mark of the next answer,
 * or to the end. */
static wg_str text_after(const finder *f, size_t i, int64_t at)
{
    const char *from = f->marked.text + at, *end = f->marked.text + f->marked.bytes, *stop = NULL;
    char mark[40];

    for (i++; i < json_array_size(f->messages) && !is_answer(f, i); i++)
        ;
    name_mark(i, mark);
    if (i < json_array_size(f->messages))
        stop = memmem(from, (size_t)(end - from), mark, strlen(mark));
    return (wg_str){from, (size_t)((stop != NULL ? stop : end) - from)};
}

static bool has_at(const wg_text *t, int64_t at, wg_str part)
{
    return at >= 0 && at + (int64_t)part.bytes <= t->bytes &&
           memcmp(t->text + at, part.text, part.bytes) == 0;
}

/* The text without leading or trailing white space, or both, as templates trim it. */
static wg_str trimmed(const wg_text *t, bool left, bool right)
{
    wg_str s = wg_text_str(t);

    for (; left && s.bytes > 0 && strchr(" \t\r\n", *s.text) != NULL && *s.text != '\0'; s.bytes--)
        s.text++;
    while (right && s.bytes > 0 && s.text[s.bytes - 1] != '\0' &&
           strchr(" \t\r\n", s.text[s.bytes - 1]) != NULL)
        s.bytes--;
    return s;
}

/* Looks for the answer of message i at offset `from` of the whole, followed by `after`. */
static wagle_status match(const finder *f, size_t i, int64_t from, wg_str after, wg_turn *out,
                          bool *found)
{
    wg_text content = {0};
    wagle_status st = wg_message_text(f->ctx, json_array_get(f->messages, i), &content);

    *found = false;
    for (int k = 0; st == WAGLE_OK && !*found && k < 4; k++) {
        const wg_str answer = trimmed(&content, k & 1, k & 2);
        const int64_t to = from + (int64_t)answer.bytes;
        *found = has_at(&f->whole, from, answer) && has_at(&f->whole, to, after);
        *out = (wg_turn){from, to};
    }
    wg_text_free(&content);
    return st;
}

/* Checks that the prompt of message i is a prefix of the whole; *bytes is its length. */
static wagle_status check_prompt(const finder *f, size_t i, int64_t *bytes)
{
    json_t *before = json_array();
    wg_text prompt = {0};
    wagle_status st = before != NULL ? WAGLE_OK : wg_json_memory(f->ctx);

    for (size_t k = 0; st == WAGLE_OK && k < i; k++)
        if (json_array_append(before, json_array_get(f->messages, k)) != 0)
            st = wg_json_memory(f->ctx);
    if (st == WAGLE_OK)
        st = wg_turns_render(f->ctx, f->chat, f->record, before, true, &prompt);
    if (st == WAGLE_OK && !has_at(&f->whole, 0, wg_text_str(&prompt)))
        st = refuse(f, i,
                    "the template changes the text before this answer when the answer is added, so "
                    "the model would be trained on a prompt that it never sees; use rows of prompt "
                    "and answer, where only the prompt goes through the template");
    *bytes = prompt.bytes;
    wg_text_free(&prompt);
    json_decref(before);
    return st;
}

/* For the last message i: takes all text that the template rendered for it, such as reasoning. */
static wagle_status take_remaining(const finder *f, size_t i, int64_t prompt, wg_str after,
                                   wg_turn *out)
{
    const int64_t to = f->whole.bytes - (int64_t)after.bytes;

    *out = (wg_turn){prompt, to};
    return to > prompt && has_at(&f->whole, to, after)
               ? WAGLE_OK
               : refuse(f, i, "the template does not write this answer unchanged");
}

/* Finds the answer of message i. *w and *m: positions in the whole and in the marked text. */
static wagle_status find(const finder *f, size_t i, int64_t *w, int64_t *m, wg_turn *out)
{
    const bool last = i + 1 == json_array_size(f->messages);
    const char *at = f->marked.text + *m, *hit;
    char mark[40];
    int64_t prompt;
    bool found = false;

    name_mark(i, mark);
    hit = memmem(at, (size_t)(f->marked.bytes - *m), mark, strlen(mark));
    if (hit == NULL)
        return refuse(f, i, "the template leaves this answer out");
    const wg_str between = {at, (size_t)(hit - at)};
    *m += (int64_t)(between.bytes + strlen(mark));
    const wg_str after = text_after(f, i, *m);
    WG_TRY(check_prompt(f, i, &prompt));
    if (has_at(&f->whole, *w, between))
        WG_TRY(match(f, i, *w + (int64_t)between.bytes, after, out, &found));
    if (!found && !last)
        return refuse(f, i,
                      "the template rewrites this answer because others follow it; without "
                      "@{all_turns} only the last answer is trained on");
    if (!found)
        WG_TRY(take_remaining(f, i, prompt, after, out));
    if (out->from < prompt)
        return refuse(f, i, "the template's generation prompt holds text of the answer");
    *w = out->to;
    return WAGLE_OK;
}

static wagle_status find_all(const finder *f, wg_asked *out)
{
    const size_t n = json_array_size(f->messages);
    int64_t w = 0, m = 0;
    wg_turn turn = {0};

    for (size_t i = 0; i < n; i++) {
        if (!is_answer(f, i))
            continue;
        WG_TRY(find(f, i, &w, &m, &turn));
        if (i + 1 == n)
            break;
        WG_TRY(WG_GROW(f->ctx, &out->earlier, &out->capacity, out->n_earlier + 1));
        out->earlier[out->n_earlier++] = turn;
    }
    WG_TRY(wg_text_add(f->ctx, &out->prompt, f->whole.text, (size_t)turn.from));
    return wg_text_add(f->ctx, &out->own, f->whole.text + turn.from, (size_t)(turn.to - turn.from));
}

wagle_status wg_turns_lay_out(wagle_ctx *ctx, const wg_chat *chat, const wg_record *r, bool all,
                              wg_asked *out)
{
    finder f = {.ctx = ctx, .chat = chat, .record = r, .messages = out->messages, .all = all};
    wagle_status st = WAGLE_OK;

    if (!is_answer(&f, json_array_size(out->messages) - 1))
        return wg_record_fail(ctx, r, "the last message has no text to train on");
    st = wg_turns_render(ctx, chat, r, out->messages, false, &f.whole);
    if (st == WAGLE_OK)
        st = render_marked(&f);
    if (st == WAGLE_OK)
        st = find_all(&f, out);
    wg_text_free(&f.whole);
    wg_text_free(&f.marked);
    return st;
}
