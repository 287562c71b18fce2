/* documents.c - questions about a folder of documents (.txt, .md).
 *
 * There are two methods. Without the model: each sentence is cut in two, and the question asks for
 * the second half. With the model, if it has a chat template: it writes a question about a passage
 * and answers it. Such a question is accepted if it names something in the passage and if most
 * words of the answer are in the passage. */
#include "forget/forget.h"
#include "text/chat.h"

#include <ctype.h>
#include <string.h>

enum { MIN_WORDS = 8, MAX_WORDS = 60, PASSAGE_WORDS = 90, GENERATE_TOKENS = 48 };

/* --- words ------------------------------------------------------------------------------------ */

static int64_t count_words(wg_str text)
{
    int64_t n = 0;

    for (size_t i = 0; i < text.bytes; i++)
        n += !isspace((unsigned char)text.text[i]) &&
             (i == 0 || isspace((unsigned char)text.text[i - 1]));
    return n;
}

/* Byte offset of word k of the text; the length of the text if it has fewer words. */
static size_t word_at(wg_str text, int64_t k)
{
    for (size_t i = 0; i < text.bytes; i++)
        if (!isspace((unsigned char)text.text[i]) &&
            (i == 0 || isspace((unsigned char)text.text[i - 1])) && k-- == 0)
            return i;
    return text.bytes;
}

/* --- sentences -------------------------------------------------------------------------------- */

/* Removes the next sentence from `rest` and returns it without surrounding space; empty at the end
 * of the text. An initial or a short title ("J.", "Dr.") does not end a sentence; an empty line
 * does. */
static wg_str next_sentence(wg_str *rest)
{
    size_t from = 0, to;

    while (from < rest->bytes && isspace((unsigned char)rest->text[from]))
        from++;
    for (to = from; to < rest->bytes; to++) {
        const char c = rest->text[to], next = to + 1 < rest->bytes ? rest->text[to + 1] : '\n';
        size_t word = to;
        if (c == '\n' && next == '\n')
            break;
        while (word > from && isalpha((unsigned char)rest->text[word - 1]))
            word--;
        if (strchr(".!?", c) != NULL && isspace((unsigned char)next) &&
            (c != '.' || to - word > 3 || !isupper((unsigned char)rest->text[word]))) {
            to++;
            break;
        }
    }
    const wg_str sentence = {rest->text + from, to - from};
    rest->text += to;
    rest->bytes -= to;
    return sentence;
}

/* Copies a text and replaces each run of white space by one space. */
static wagle_status collapse_spaces(wagle_ctx *ctx, wg_str text, wg_text *out)
{
    bool space = false;

    out->bytes = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        const bool now = isspace((unsigned char)text.text[i]);
        if (!now && space && out->bytes > 0)
            WG_TRY(wg_text_add(ctx, out, " ", 1));
        if (!now)
            WG_TRY(wg_text_add(ctx, out, text.text + i, 1));
        space = now;
    }
    return wg_text_addz(ctx, out, "");
}

static wagle_status add_completion_question(wg_forget *f, wg_str sentence, wg_text *out)
{
    const int64_t words = count_words(sentence);
    wg_text all = {0}, question = {0};
    wagle_status st;

    if (words < MIN_WORDS || words > MAX_WORDS)
        return WAGLE_OK;
    st = collapse_spaces(f->ctx, sentence, &all);
    if (st == WAGLE_OK) {
        const size_t half = word_at(wg_text_str(&all), words / 2);
        st = wg_text_printf(f->ctx, &question, "Complete the sentence: \"%.*s ...\"", (int)half - 1,
                            all.text);
        if (st == WAGLE_OK)
            st = wg_forget_add_question(f, question.text, all.text + half, out);
    }
    wg_text_free(&all);
    wg_text_free(&question);
    return st;
}

/* --- questions written by the model
 * --------------------------------------------------------------------
 */

static wagle_status generate(wg_forget *f, const char *prompt, int64_t tokens, char **out)
{
    wagle_generate_options o;
    wagle_generation made = {0};

    wagle_generate_defaults(&o);
    o.model = f->original;
    o.prompts = &prompt;
    o.n = 1;
    o.chat = "required";
    o.max_tokens = tokens;
    o.temperature = 0;
    WG_TRY(wagle_generate(f->ctx, &o, &made));
    *out = made.text;
    return WAGLE_OK;
}

/* Truncates a text after the first character of `ends`, or before a line break. Returns the start
 * without leading white space and quotes. */
static char *first_part(char *text, const char *ends)
{
    text += strspn(text, " \t\r\n\"");
    const size_t n = strcspn(text, ends), line = strcspn(text, "\r\n");

    text[line < n ? line : text[n] != '\0' ? n + 1 : n] = '\0';
    return text;
}

/* Share of the words of four letters or more that occur in the passage. *capital: one of them,
 * other than the first, begins with a capital letter. */
static double share_in_passage(const char *text, const char *passage, bool *capital)
{
    int64_t n = 0, found = 0;

    *capital = false;
    for (const char *at = text; *at != '\0';) {
        size_t bytes = 0;
        char word[64];
        while (isalnum((unsigned char)at[bytes]) || (at[bytes] & 0x80) != 0)
            bytes++;
        if (bytes >= 4 && bytes < sizeof word) {
            memcpy(word, at, bytes);
            word[bytes] = '\0';
            const bool in_passage = strcasestr(passage, word) != NULL;
            n++;
            found += in_passage;
            *capital |= in_passage && at != text && isupper((unsigned char)word[0]);
        }
        at += bytes > 0 ? bytes : 1;
    }
    return n > 0 ? (double)found / (double)n : 0;
}

static wagle_status generate_answer(wg_forget *f, const char *passage, const char *question,
                                    wg_text *out)
{
    wg_text prompt = {0};
    char *text = NULL;
    bool capital;
    wagle_status st = wg_text_printf(
        f->ctx, &prompt, "Here is a text:\n\n%s\n\nAnswer in one sentence: %s", passage, question);

    if (st == WAGLE_OK)
        st = generate(f, prompt.text, GENERATE_TOKENS, &text);
    if (st == WAGLE_OK) {
        const char *answer = first_part(text, ".");
        if (count_words(wg_strz(answer)) >= 3 && share_in_passage(answer, passage, &capital) >= 0.6)
            st = wg_forget_add_question(f, question, answer, out);
    }
    wagle_string_free(text);
    wg_text_free(&prompt);
    return st;
}

static wagle_status add_generated_question(wg_forget *f, wg_str passage, wg_text *out)
{
    wg_text plain = {0}, prompt = {0};
    char *text = NULL;
    bool capital;
    wagle_status st = collapse_spaces(f->ctx, passage, &plain);

    if (st == WAGLE_OK)
        st = wg_text_printf(f->ctx, &prompt,
                            "Here is a text:\n\n%s\n\nWrite one question that this text answers. "
                            "Name the person or the thing that you ask about.",
                            plain.text);
    if (st == WAGLE_OK)
        st = generate(f, prompt.text, GENERATE_TOKENS, &text);
    if (st == WAGLE_OK) {
        const char *question = first_part(text, "?");
        if (wg_ends_with(question, "?") && count_words(wg_strz(question)) >= 4 &&
            share_in_passage(question, plain.text, &capital) >= 0.4 && capital)
            st = generate_answer(f, plain.text, question, out);
    }
    wagle_string_free(text);
    wg_text_free(&plain);
    wg_text_free(&prompt);
    return st;
}

/* --- a folder --------------------------------------------------------------------------------- */

static wagle_status add_document(wg_forget *f, const char *path, bool chat, wg_text *out)
{
    wg_text text = {0};
    wagle_status st = wg_read_text(f->ctx, path, &text);
    wg_str rest = wg_text_str(&text), sentence, passage = {0};

    if (st == WAGLE_OK && !wg_utf8_valid(text.text, (size_t)text.bytes))
        st = wg_fail(f->ctx, WAGLE_E_INPUT, "%s: is not a text in UTF-8", path);
    while (st == WAGLE_OK && (sentence = next_sentence(&rest)).bytes > 0) {
        st = add_completion_question(f, sentence, out);
        if (passage.text == NULL)
            passage.text = sentence.text;
        passage.bytes = (size_t)(sentence.text + sentence.bytes - passage.text);
        const bool enough = count_words(passage) >= PASSAGE_WORDS || rest.bytes == 0;
        if (st == WAGLE_OK && chat && enough)
            st = add_generated_question(f, passage, out);
        if (enough)
            passage = (wg_str){0};
    }
    wg_text_free(&text);
    return st;
}

static bool is_document(const char *name)
{
    return wg_ends_with(name, ".txt") || wg_ends_with(name, ".md");
}

/* Counts the documents. Refuses other files, so that nobody believes that they were forgotten. */
static wagle_status check_names(wg_forget *f, char **names, int64_t *n)
{
    *n = 0;
    for (; *names != NULL; names++) {
        if (is_document(*names))
            ++*n;
        else if ((*names)[0] != '.')
            return wg_fail(f->ctx, WAGLE_E_INPUT,
                           "%s/%s: only .txt and .md are read; move it elsewhere, or make a text "
                           "of it",
                           f->o->data, *names);
    }
    return *n > 0 ? WAGLE_OK
                  : wg_fail(f->ctx, WAGLE_E_INPUT, "%s: no .txt or .md file in it", f->o->data);
}

wagle_status wg_document_rows(wg_forget *f, wg_text *out)
{
    char **names = NULL;
    bool chat = false;
    int64_t n = 0, done = 0;
    wagle_status st = wg_chat_present(f->ctx, f->original, &chat);

    if (st == WAGLE_OK)
        st = wg_list_folder(f->ctx, f->o->data, &names);
    if (st == WAGLE_OK)
        st = check_names(f, names, &n);
    for (char **name = names; st == WAGLE_OK && name != NULL && *name != NULL; name++) {
        char *path = is_document(*name) ? wg_path_join(f->ctx, f->o->data, *name) : NULL;
        if (path == NULL && is_document(*name))
            st = WAGLE_E_RESOURCE;
        if (path == NULL)
            continue;
        wg_progress(f->ctx, "documents", done++, n, *name);
        st = add_document(f, path, chat, out);
        if (st == WAGLE_OK && json_array_append_new(f->subjects, wg_json_bytes(*name)) != 0)
            st = wg_json_memory(f->ctx);
        wg_free(path);
    }
    if (names != NULL)
        wg_free_names(names);
    if (st == WAGLE_OK && f->n_rows == 0)
        st = wg_fail(f->ctx, WAGLE_E_INPUT, "%s: no sentence of %d to %d words to ask about",
                     f->o->data, MIN_WORDS, MAX_WORDS);
    return st;
}
