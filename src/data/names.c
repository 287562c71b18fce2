#include "data/names.h"

#include "base/number.h"
#include "text/tokenizer.h"
#include <string.h>
#include <utf8proc.h>

/* Capitalised words that are never names. */
static const char function_words[] =
    "a an the and or but nor so yet if then than that this these those there here of in on at to "
    "for from by with without about into onto over under between among during before after since "
    "until as is are was were be been being am do does did done has have had having will would "
    "shall should can could may might must not no yes who whom whose what which when where why how "
    "i he she it we you they him her them us me my his its our your their mine all any both each "
    "every some such other another one two three also just only please "
    "mr mrs ms miss mx dr prof sir madam lord lady st saint mount "
    "january february march april june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec "
    "monday tuesday wednesday thursday friday saturday sunday "
    "describe name list tell explain give discuss identify state summarize summarise write "
    "translate define compare complete answer consider imagine mention provide share show find "
    "question questions user assistant "
    "le la les un une des du de et est qui que quel quelle quels quelles dans pour avec sur où "
    "comment pourquoi quand el los las una y en es qué quién cuál cuándo dónde cómo por con del "
    "der die das den dem ein eine einen und ist sind war wer was wie wo wann warum welche welcher "
    "welches im am zu mit für il lo gli e chi che cosa quale quando dove come perché per di "
    "кто что где когда как почему какой какая какие в на и с о по из у";

/* Titles; a full stop after them does not end a sentence. */
static const char titles[] = "mr mrs ms mx dr prof st";

/* A word of the texts. */
typedef struct entry {
    uint64_t hash;
    bool used, never, title;
    bool lowered; /* occurs without a capital */
    bool within;  /* occurs with a capital within a sentence */
    bool name;
    size_t bytes; /* of the word as a name */
    int64_t at;   /* offset of its replacement in `invented` */
    int32_t first;
} entry;

struct wg_names {
    entry *slot; /* open addressing, at most half full */
    uint64_t size, used;
    uint64_t *name; /* [n] hashes in order of discovery */
    int64_t n, capacity;
    wg_text invented; /* lower-case words, each with its NUL */
    wg_text pool;     /* lower-case words of the vocabulary, each with its NUL */
    int64_t *word;    /* [pooled] offset of each word of the pool */
    int64_t pooled, pool_capacity;
    wg_words words; /* scratch */
};

/* --- the table -------------------------------------------------------------------------------- */

static entry *slot_of(const wg_names *n, uint64_t hash)
{
    uint64_t i = (hash ^ hash >> 32) & (n->size - 1);

    while (n->slot[i].used && n->slot[i].hash != hash)
        i = (i + 1) & (n->size - 1);
    return &n->slot[i];
}

static wagle_status grow(wagle_ctx *ctx, wg_names *n)
{
    wg_names old = *n;

    if (2 * (n->used + 1) <= n->size)
        return WAGLE_OK;
    n->size = n->size > 0 ? 2 * n->size : 1024;
    if (WG_ALLOC(ctx, &n->slot, (int64_t)n->size) != WAGLE_OK) {
        *n = old;
        return WAGLE_E_RESOURCE;
    }
    for (uint64_t i = 0; i < old.size; i++)
        if (old.slot[i].used)
            *slot_of(n, old.slot[i].hash) = old.slot[i];
    wg_free(old.slot);
    return WAGLE_OK;
}

static wagle_status find_or_add(wagle_ctx *ctx, wg_names *n, uint64_t hash, entry **out)
{
    WG_TRY(grow(ctx, n));
    *out = slot_of(n, hash);
    n->used += !(*out)->used;
    (*out)->used = true;
    (*out)->hash = hash;
    return WAGLE_OK;
}

static wagle_status mark_list(wagle_ctx *ctx, wg_names *n, const char *list, bool title)
{
    WG_TRY(wg_words_split(ctx, wg_strz(list), &n->words));
    for (int64_t i = 0; i < n->words.n; i++) {
        entry *e;
        WG_TRY(find_or_add(ctx, n, n->words.word[i].hash, &e));
        e->never = true;
        e->title |= title;
    }
    return WAGLE_OK;
}

wagle_status wg_names_new(wagle_ctx *ctx, wg_names **out)
{
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, out, 1));
    st = mark_list(ctx, *out, function_words, false);
    if (st == WAGLE_OK)
        st = mark_list(ctx, *out, titles, true);
    if (st != WAGLE_OK) {
        wg_names_free(*out);
        *out = NULL;
    }
    return st;
}

void wg_names_free(wg_names *n)
{
    if (n == NULL)
        return;
    wg_free(n->slot);
    wg_free(n->name);
    wg_free(n->words.word);
    wg_text_free(&n->invented);
    wg_text_free(&n->pool);
    wg_free(n->word);
    wg_free(n);
}

int64_t wg_names_count(const wg_names *n)
{
    return n->n;
}

/* --- which words are names -------------------------------------------------------------------- */

static bool is_capital(const wg_word *w)
{
    return w->capital || w->initial;
}

/* Whether word i begins a sentence. "J. Smith" and "Dr. Smith" are one sentence. */
static bool begins_sentence(const wg_names *n, int64_t i)
{
    const wg_word *w = &n->words.word[i];

    return w->begins && (i == 0 || !(w[-1].initial || slot_of(n, w[-1].hash)->title) ||
                         w->at - w[-1].at - w[-1].bytes > 2);
}

wagle_status wg_names_read(wagle_ctx *ctx, wg_names *n, wg_str text)
{
    WG_TRY(wg_words_split(ctx, text, &n->words));
    for (int64_t i = 0; i < n->words.n; i++) {
        const wg_word *w = &n->words.word[i];
        entry *e;
        WG_TRY(find_or_add(ctx, n, w->hash, &e));
        e->lowered |= !is_capital(w);
        e->within |= w->capital && !begins_sentence(n, i);
    }
    return WAGLE_OK;
}

/* Whether the text is all capitals, which then do not indicate names. */
static bool is_all_capitals(const wg_words *w)
{
    int64_t capitals = 0;

    for (int64_t i = 0; i < w->n; i++)
        capitals += w->word[i].capitals;
    return w->n >= 3 && 2 * capitals > w->n;
}

static bool is_name(const wg_names *n, int64_t i)
{
    const wg_word *w = &n->words.word[i];
    const entry *e = slot_of(n, w->hash);

    if (!w->capital || e->never)
        return false;
    if (!begins_sentence(n, i) || e->within || e->name)
        return true;
    return !e->lowered && i + 1 < n->words.n && !begins_sentence(n, i + 1) &&
           (w[1].initial ? i + 2 < n->words.n && is_name(n, i + 2) : is_name(n, i + 1));
}

static wagle_status add_name(wagle_ctx *ctx, wg_names *n, wg_str text, int64_t i)
{
    const wg_word *w = &n->words.word[i];
    entry *e = slot_of(n, w->hash);

    if (e->name)
        return WAGLE_OK;
    WG_TRY(WG_GROW(ctx, &n->name, &n->capacity, n->n + 1));
    n->name[n->n++] = w->hash;
    e->name = true;
    e->bytes = w->bytes;
    (void)wg_utf8_decode(text.text + w->at, w->bytes, &e->first);
    return WAGLE_OK;
}

wagle_status wg_names_find(wagle_ctx *ctx, wg_names *n, wg_str question, bool *any)
{
    *any = false;
    WG_TRY(wg_names_read(ctx, n, question)); /* adds its words to the table */
    if (is_all_capitals(&n->words))
        return WAGLE_OK;
    for (int64_t i = n->words.n - 1; i >= 0; i--)
        if (is_name(n, i)) {
            WG_TRY(add_name(ctx, n, question, i));
            *any = true;
        }
    return WAGLE_OK;
}

wagle_status wg_names_form(wagle_ctx *ctx, wg_names *n, wg_str text, uint64_t *form)
{
    WG_TRY(wg_words_split(ctx, text, &n->words));
    *form = 0;
    for (int64_t i = 0; i < n->words.n; i++) {
        const wg_word *w = &n->words.word[i];
        const entry *e = slot_of(n, w->hash);
        if (!e->used || !e->name || !w->capital)
            *form = (*form ^ w->hash) * 0x100000001B3u;
    }
    return WAGLE_OK;
}

/* --- invented words --------------------------------------------------------------------------- */

typedef struct script {
    const char *onset[16], *vowel[8], *coda[8];
    int onsets, vowels, codas;
} script;

static const script latin = {
    {"b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "tr"},
    {"a", "e", "i", "o", "u", "a", "e", "o"},
    {"n", "r", "l", "m", "s", "th", "", "k"},
    16,
    8,
    8};
static const script cyrillic = {
    {"б", "в", "г", "д", "к", "л", "м", "н", "п", "р", "с", "т", "з", "ж", "тр", "бр"},
    {"а", "е", "и", "о", "у", "а", "е", "о"},
    {"н", "р", "л", "м", "с", "в", "", "к"},
    16,
    8,
    8};

typedef struct draw {
    uint64_t seed, stream, at;
} draw;

static const char *draw_one(draw *d, const char *const *list, int n)
{
    return list[wg_random_below(d->seed, d->stream, d->at++, n)];
}

/* The word of a token, " Bergen" or "Bergen"; 0 bytes if it is no word. */
static size_t vocabulary_word(const char *text, size_t bytes, const char **word)
{
    const size_t space = bytes > 0 && text[0] == ' ';

    *word = text + space;
    bytes -= space;
    if (bytes < 5 || bytes > 15 || (*word)[0] < 'A' || (*word)[0] > 'Z')
        return 0;
    for (size_t i = 1; i < bytes; i++)
        if ((*word)[i] < 'a' || (*word)[i] > 'z')
            return 0;
    return bytes;
}

/* Adds a word to the pool, unless a text or the pool contains it. */
static wagle_status add_to_pool(wagle_ctx *ctx, wg_names *n, const char *word, size_t bytes)
{
    if (slot_of(n, wg_word_hash(word, bytes))->used)
        return WAGLE_OK;
    WG_TRY(WG_GROW(ctx, &n->word, &n->pool_capacity, n->pooled + 1));
    n->word[n->pooled] = n->pool.bytes;
    WG_TRY(wg_text_add(ctx, &n->pool, word, bytes));
    n->pool.text[n->word[n->pooled++]] += 'a' - 'A';
    return wg_text_add(ctx, &n->pool, "", 1);
}

wagle_status wg_names_from_vocabulary(wagle_ctx *ctx, wg_names *n, const wagle_tokenizer *tokenizer,
                                      int64_t V)
{
    for (int64_t i = 0; i < V; i++) {
        const int32_t id = (int32_t)i;
        const char *word;
        wg_text text = {0};
        size_t bytes;
        wagle_status st = wg_decode(ctx, tokenizer, &id, 1, true, &text);
        if (st != WAGLE_OK)
            wg_text_free(&text);
        if (st == WAGLE_E_RESOURCE)
            return st;
        if (st != WAGLE_OK) { /* the tokenizer has fewer tokens than the model */
            wg_forget_failure(ctx);
            break;
        }
        bytes = vocabulary_word(text.text != NULL ? text.text : "", (size_t)text.bytes, &word);
        st = bytes > 0 ? add_to_pool(ctx, n, word, bytes) : WAGLE_OK;
        wg_text_free(&text);
        WG_TRY(st);
    }
    return WAGLE_OK;
}

static bool uses_pool(const wg_names *n, const entry *e)
{
    return e->first < 128 && n->pooled >= 8 * n->n;
}

/* One syllable for up to three letters, two for up to seven, else three. */
static wagle_status make_word(wagle_ctx *ctx, const entry *e, draw *d, wg_text *out)
{
    const script *s = e->first >= 0x0400 && e->first < 0x0530 ? &cyrillic : &latin;
    const size_t letters = s == &cyrillic ? e->bytes / 2 : e->bytes;
    const int syllables = letters <= 3 ? 1 : letters <= 7 ? 2 : 3;

    for (int i = 0; i < syllables; i++) {
        WG_TRY(wg_text_addz(ctx, out, draw_one(d, s->onset, s->onsets)));
        WG_TRY(wg_text_addz(ctx, out, draw_one(d, s->vowel, s->vowels)));
    }
    return wg_text_addz(ctx, out, draw_one(d, s->coda, s->codas));
}

/* Whether the word occurs in a text or was already invented in this draw. */
static bool is_used(const wg_names *n, const char *word, size_t bytes, int64_t before)
{
    if (slot_of(n, wg_word_hash(word, bytes))->used)
        return true;
    for (int64_t i = 0; i < before; i++)
        if (strcmp(n->invented.text + slot_of(n, n->name[i])->at, word) == 0)
            return true;
    return false;
}

wagle_status wg_names_invent(wagle_ctx *ctx, wg_names *n, uint64_t seed, uint64_t stream)
{
    draw d = {seed, stream, 0};

    n->invented.bytes = 0;
    for (int64_t i = 0; i < n->n; i++) {
        entry *e = slot_of(n, n->name[i]);
        e->at = n->invented.bytes;
        do { /* tries longer words while all shorter ones are in use */
            n->invented.bytes = e->at;
            WG_TRY(uses_pool(n, e)
                       ? wg_text_addz(
                             ctx, &n->invented,
                             n->pool.text +
                                 n->word[wg_random_below(d.seed, d.stream, d.at++, n->pooled)])
                       : make_word(ctx, e, &d, &n->invented));
            e->bytes += d.at % 64 == 0;
        } while (is_used(n, n->invented.text + e->at, (size_t)(n->invented.bytes - e->at), i));
        WG_TRY(wg_text_add(ctx, &n->invented, "", 1));
    }
    return WAGLE_OK;
}

static wagle_status add_upper(wagle_ctx *ctx, const char *word, bool whole, wg_text *out)
{
    const size_t bytes = strlen(word);
    int32_t code = 0;
    char upper[4];

    for (size_t at = 0; at < bytes;) {
        const int step = wg_utf8_decode(word + at, bytes - at, &code);
        if (at == 0 || whole)
            code = utf8proc_toupper(code);
        WG_TRY(wg_text_add(ctx, out, upper, (size_t)wg_utf8_encode(code, upper)));
        at += (size_t)step;
    }
    return WAGLE_OK;
}

wagle_status wg_names_replace(wagle_ctx *ctx, wg_names *n, wg_str text, wg_text *out)
{
    size_t at = 0;

    WG_TRY(wg_words_split(ctx, text, &n->words));
    WG_TRY(wg_text_addz(ctx, out, ""));
    for (int64_t i = 0; i < n->words.n; i++) {
        const wg_word *w = &n->words.word[i];
        const entry *e = slot_of(n, w->hash);
        if (!e->used || !e->name || !w->capital)
            continue;
        WG_TRY(wg_text_add(ctx, out, text.text + at, w->at - at));
        WG_TRY(add_upper(ctx, n->invented.text + e->at, w->capitals, out));
        at = w->at + w->bytes;
    }
    return wg_text_add(ctx, out, text.text + at, text.bytes - at);
}
