/* text.c - the commands tokenize and generate. */
#include "common.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static wagle_status decode_ids(wagle_ctx *ctx, const cli_options *o, const wagle_tokenizer *t)
{
    const size_t length = strlen(o->decode);
    int32_t *ids = calloc(length + 1, sizeof *ids);
    char *end = NULL, *text;
    size_t bytes;
    int64_t n = 0;
    wagle_status st;

    if (ids == NULL)
        return WAGLE_E_RESOURCE;
    for (const char *at = o->decode + strspn(o->decode, "[ ,"); *at != '\0' && *at != ']';
         at = end + strspn(end, " ,")) {
        const long id = strtol(at, &end, 10);
        if (end == at || id < INT32_MIN || id > INT32_MAX) {
            free(ids);
            return cli_complain("--decode: write the ids as 1,2,3");
        }
        ids[n++] = (int32_t)id;
    }
    st = wagle_decode(ctx, t, ids, n, o->no_special, &text, &bytes);
    if (st == WAGLE_OK) {
        if (o->json)
            st = cli_print_json(json_pack("{s:o}", "text", json_stringn(text, bytes)));
        else {
            fwrite(text, 1, bytes, stdout);
            fputc('\n', stdout);
        }
        wagle_string_free(text);
    }
    free(ids);
    return st;
}

static wagle_status encode_text(wagle_ctx *ctx, const cli_options *o, const wagle_tokenizer *t)
{
    char *content = NULL;
    const char *text = o->text;
    size_t bytes = text != NULL ? strlen(text) : 0;
    int32_t *ids;
    int64_t n;
    wagle_status st;

    if (o->file != NULL) {
        text = content = cli_read_file(o->file, &bytes);
        if (content == NULL) {
            fprintf(stderr, "wagle: %s: cannot be read\n", o->file);
            return WAGLE_E_INPUT;
        }
    }
    st = wagle_encode(ctx, t, text, bytes, !o->no_special, &ids, &n);
    if (st == WAGLE_OK) {
        fputs(o->json ? "{\"ids\":[" : "", stdout);
        for (int64_t i = 0; i < n; i++)
            printf("%s%d", i == 0 ? "" : o->json ? "," : " ", ids[i]);
        puts(o->json ? "]}" : "");
        wagle_ids_free(ids);
    }
    free(content);
    return st;
}

wagle_status cli_tokenize(wagle_ctx *ctx, cli_options *o)
{
    wagle_tokenizer *t;
    wagle_status st;

    if (o->model == NULL || (o->text != NULL) + (o->file != NULL) + (o->decode != NULL) != 1)
        return cli_complain("tokenize needs --model DIR, and one of --text, --file and --decode");
    st = wagle_tokenizer_open(ctx, o->model, &t);
    if (st != WAGLE_OK)
        return st;
    st = o->decode != NULL ? decode_ids(ctx, o, t) : encode_text(ctx, o, t);
    wagle_tokenizer_free(t);
    return st;
}

/* Prints a single text directly; several, or with --json, as one JSON object per line. */
static wagle_status print_texts(const wagle_generate_options *g, const wagle_generation *made,
                                bool as_json)
{
    for (int64_t i = 0; i < g->n; i++) {
        if (g->n == 1 && !as_json) {
            fwrite(made[i].text, 1, made[i].bytes, stdout);
            putchar('\n');
            continue;
        }
        if (cli_print_json(json_pack("{s:o, s:o, s:I}", "prompt",
                                     g->prompt_bytes != NULL
                                         ? json_stringn(g->prompts[i], (size_t)g->prompt_bytes[i])
                                         : cli_json_bytes(g->prompts[i]),
                                     "text", json_stringn(made[i].text, made[i].bytes), "tokens",
                                     (json_int_t)made[i].tokens)) != WAGLE_OK)
            return WAGLE_E_RESOURCE;
    }
    return WAGLE_OK;
}

static void generate_options(const cli_options *o, wagle_generate_options *g)
{
    wagle_generate_defaults(g);
    g->model = o->model;
    g->prompts = o->prompt;
    g->n = cli_count(o->prompt);
    g->chat = cli_chat(o);
    g->system = o->system;
    g->chat_kwargs = o->chat_kwargs;
    g->date = o->date;
    cli_given_seed(&g->seed, o->seed);
    cli_given_whole(&g->top_k, o->top_k);
    cli_given(&g->temperature, o->temperature);
    cli_given(&g->top_p, o->top_p);
    cli_given_whole(&g->max_tokens, o->max_tokens);
    g->weights = CLI_CHOSEN(o, weights);
    g->stop = cli_stop(o);
}

wagle_status cli_generate(wagle_ctx *ctx, cli_options *o)
{
    wagle_generate_options g;
    wagle_generation made[CLI_LIST] = {{NULL, 0, 0}};
    char *content = NULL;
    size_t bytes;
    int64_t length;
    wagle_status st;

    if ((o->prompt[0] != NULL) + (o->file != NULL) != 1)
        return cli_complain("generate needs --prompt TEXT (may repeat) or --file FILE");
    if (o->file != NULL) {
        o->prompt[0] = content = cli_read_file(o->file, &bytes);
        if (content == NULL) {
            fprintf(stderr, "wagle: %s: cannot be read\n", o->file);
            return WAGLE_E_INPUT;
        }
    }
    generate_options(o, &g);
    length = content != NULL ? (int64_t)bytes : 0;
    g.prompt_bytes = content != NULL ? &length : NULL;
    st = wagle_generate(ctx, &g, made);
    if (st == WAGLE_OK)
        st = print_texts(&g, made, o->json);
    for (int i = 0; i < CLI_LIST; i++)
        wagle_string_free(made[i].text);
    free(content);
    return st;
}
