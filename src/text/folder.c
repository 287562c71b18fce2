/* folder.c - finds and reads the tokenizer files of a model folder. */
#include "text/folder.h"

#include "base/file.h"
#include "text/special.h"
#include <string.h>

typedef struct folder {
    wagle_ctx *ctx;
    const char *path;
    wg_token_files files;
    const wg_token_class *class;
    char *vocabulary; /* path of the file with the vocabulary */
} folder;

static bool has_byte_level(const char *text, size_t bytes)
{
    static const char word[] = "\"ByteLevel\"";
    const char *at = text, *end = text + bytes;

    while ((size_t)(end - at) >= sizeof word - 1 &&
           (at = memchr(at, '"', (size_t)(end - at) - sizeof word + 2)) != NULL) {
        if (memcmp(at, word, sizeof word - 1) == 0)
            return true;
        at++;
    }
    return false;
}

static wagle_status read_whole(folder *f)
{
    wg_map map;
    wagle_status st;

    WG_TRY(wg_map_open(f->ctx, f->vocabulary, &map));
    st = wg_json_parse(f->ctx, f->vocabulary, (const char *)map.data, map.bytes,
                       &f->files.tokenizer);
    f->files.byte_level = has_byte_level((const char *)map.data, map.bytes);
    f->files.whole = true;
    wg_map_close(&map);
    WG_TRY(st);
    return wg_token_class_choose(f->ctx, f->path, &f->files, &f->class);
}

static wagle_status read_pieces(folder *f)
{
    const json_t *legacy = json_object_get(f->files.config, "legacy");
    wg_sp_form form = {.legacy = legacy == NULL || json_is_true(legacy)};
    wg_map map;
    wagle_status st;

    WG_TRY(wg_token_class_choose(f->ctx, f->path, &f->files, &f->class));
    form.in_class = f->class->name != NULL;
    WG_TRY(wg_map_open(f->ctx, f->vocabulary, &map));
    st = wg_sentencepiece_json(f->ctx, f->vocabulary, map.data, map.bytes, &form,
                               &f->files.tokenizer);
    wg_map_close(&map);
    return st;
}

static wagle_status read_vocab_merges(folder *f)
{
    char *merges = wg_path_join(f->ctx, f->path, "merges.txt");
    const wagle_status st =
        merges == NULL ? WAGLE_E_RESOURCE
                       : wg_vocab_merges_json(f->ctx, f->vocabulary, merges, &f->files.tokenizer);

    wg_free(merges);
    WG_TRY(st);
    WG_TRY(wg_token_class_choose(f->ctx, f->path, &f->files, &f->class));
    if (f->class->pieces)
        return wg_fail(f->ctx, WAGLE_E_INPUT,
                       "%s: %s makes no tokens of vocab.json and merges.txt: it needs "
                       "tokenizer.json or tokenizer.model",
                       f->path, f->class->name);
    if (f->class->name == NULL)
        f->class = wg_token_class_bytes(); /* the class that these files belong to */
    return WAGLE_OK;
}

static wagle_status read_vocab_words(folder *f)
{
    WG_TRY(wg_vocab_words_json(f->ctx, f->vocabulary, &f->files.tokenizer));
    WG_TRY(wg_token_class_choose(f->ctx, f->path, &f->files, &f->class));
    return f->class->bert ? WAGLE_OK
                          : wg_fail(f->ctx, WAGLE_E_INPUT,
                                    "%s: vocab.txt belongs to BertTokenizer; the files name %s",
                                    f->path, f->class->name != NULL ? f->class->name : "no class");
}

/* Reads the first vocabulary file that exists. */
static wagle_status read_vocabulary(folder *f)
{
    static const struct {
        const char *name;
        wagle_status (*read)(folder *);
    } kinds[] = {{"tokenizer.json", read_whole},
                 {"tokenizer.model", read_pieces},
                 {"vocab.json", read_vocab_merges},
                 {"vocab.txt", read_vocab_words}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        f->vocabulary = wg_path_join(f->ctx, f->path, kinds[i].name);
        if (f->vocabulary == NULL)
            return WAGLE_E_RESOURCE;
        f->files.path = f->vocabulary;
        if (wg_exists(f->vocabulary))
            return kinds[i].read(f);
        wg_free(f->vocabulary);
        f->vocabulary = NULL;
    }
    return wg_fail(f->ctx, WAGLE_E_INPUT,
                   "%s: no tokenizer.json, tokenizer.model, vocab.txt, or vocab.json with "
                   "merges.txt; "
                   "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) writes one",
                   f->path);
}

/* Refuses keys of tokenizer_config.json that take tokens from elsewhere. */
static wagle_status check_config(const folder *f)
{
    const json_t *files = json_object_get(f->files.config, "fast_tokenizer_files"), *one;
    const json_t *vocab = json_object_get(json_object_get(f->files.tokenizer, "model"), "vocab");
    size_t i;

    json_array_foreach (files, i, one) {
        const char *name = json_string_value(one);
        if (name == NULL || strcmp(name, "tokenizer.json") != 0)
            return wg_fail(f->ctx, WAGLE_E_INPUT,
                           "%s: tokenizer_config.json: fast_tokenizer_files '%.64s' is not "
                           "supported",
                           f->path, name != NULL ? name : "(no text)");
    }
    if (json_is_true(json_object_get(f->files.config, "fix_mistral_regex")) &&
        json_object_size(vocab) > 100000)
        return wg_fail(f->ctx, WAGLE_E_INPUT,
                       "%s: tokenizer_config.json: fix_mistral_regex is not supported", f->path);
    return WAGLE_OK;
}

static wagle_status read_configs(folder *f)
{
    WG_TRY(wg_json_read_object(f->ctx, f->path, "tokenizer_config.json", &f->files.config));
    WG_TRY(wg_json_read_object(f->ctx, f->path, "config.json", &f->files.model));
    WG_TRY(wg_json_read_object(f->ctx, f->path, "special_tokens_map.json", &f->files.specials));
    return wg_json_read_object(f->ctx, f->path, "added_tokens.json", &f->files.added);
}

static void free_files(folder *f)
{
    json_decref(f->files.tokenizer);
    json_decref(f->files.config);
    json_decref(f->files.model);
    json_decref(f->files.specials);
    json_decref(f->files.added);
}

/* Finds what the choice of a class needs from tokenizer.json, without parsing the large file. */
static wagle_status scan_tokenizer(folder *f)
{
    wg_map map;

    f->vocabulary = wg_path_join(f->ctx, f->path, "tokenizer.json");
    if (f->vocabulary == NULL)
        return WAGLE_E_RESOURCE;
    f->files.path = f->path;
    f->files.whole = wg_exists(f->vocabulary);
    if (!f->files.whole)
        return WAGLE_OK;
    WG_TRY(wg_map_open(f->ctx, f->vocabulary, &map));
    f->files.byte_level = has_byte_level((const char *)map.data, map.bytes);
    wg_map_close(&map);
    return WAGLE_OK;
}

static wagle_status put_names(wagle_ctx *ctx, const wg_special *s, json_t *to)
{
    for (int i = 0; i < s->n_named; i++)
        if (s->named[i].token.text != NULL)
            WG_TRY(wg_json_set(ctx, to, s->named[i].name, json_string(s->named[i].token.text)));
    return WAGLE_OK;
}

wagle_status wg_token_names(wagle_ctx *ctx, const char *path, json_t *to)
{
    folder f = {.ctx = ctx, .path = path};
    wg_special s = {0};
    wagle_status st = read_configs(&f);

    if (st == WAGLE_OK)
        st = scan_tokenizer(&f);
    if (st == WAGLE_OK)
        st = wg_token_class_choose(ctx, path, &f.files, &f.class);
    if (st == WAGLE_OK) {
        st = wg_special_read(ctx, &f.files, f.class, &s);
        if (st == WAGLE_OK)
            st = put_names(ctx, &s, to);
        wg_special_free(&s);
    }
    free_files(&f);
    wg_free(f.vocabulary);
    return st;
}

static wagle_status read_all(folder *f, json_t **out)
{
    WG_TRY(read_configs(f));
    WG_TRY(read_vocabulary(f));
    WG_TRY(check_config(f));
    return wg_token_files_merge(f->ctx, &f->files, f->class, out);
}

wagle_status wg_tokenizer_json(wagle_ctx *ctx, const char *path, char **vocabulary, json_t **out)
{
    folder f = {.ctx = ctx, .path = path};
    wagle_status st;

    *out = NULL;
    st = read_all(&f, out);
    free_files(&f);
    *vocabulary = f.vocabulary;
    return st;
}
