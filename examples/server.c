/* server.c - two models that answer in the program's own threads, several questions at a time,
 * token by token. C11.
 *
 *     cc server.c -o server -pthread $(pkg-config --cflags --libs wagle)
 *     printf '0 Who is Ada?\n1 Who is Ada?\n' | ./server BEFORE AFTER
 *
 * A line of the input is the number of a model and a prompt. A line of the output is the number of
 * the question, counted from 1, and a token of its answer (which may hold a line's end); the last
 * token is empty. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wagle/wagle.h>

enum { MODELS = 2, THREADS = 4, LINE = 4096 };

typedef struct server {
    wagle_model *model[MODELS]; /* open models never change: all threads use them */
    pthread_mutex_t lock;       /* of the input */
    long asked;
} server;

/* The next question and its number; 0: there is none. */
static long next_question(server *s, char line[LINE])
{
    long number = 0;

    pthread_mutex_lock(&s->lock);
    if (fgets(line, LINE, stdin) != NULL)
        number = ++s->asked;
    pthread_mutex_unlock(&s->lock);
    line[strcspn(line, "\n")] = '\0';
    return number;
}

/* printf holds stdout's lock, so lines of several threads do not mix. */
static bool each_token(void *user, const wagle_token *t)
{
    return printf("%ld\t%.*s\n", *(const long *)user, (int)t->bytes, t->text) > 0;
}

static wagle_status answer(wagle_ctx *ctx, const server *s, long number, const char *line)
{
    const int which = line[0] - '0';
    const char *prompt = which >= 0 && which < MODELS && line[1] == ' ' ? line + 2 : NULL;
    wagle_generate_options g;
    wagle_generation made;
    wagle_status st;

    if (prompt == NULL)
        return fprintf(stderr, "%ld: not a number of a model and a prompt\n", number), WAGLE_OK;
    wagle_generate_defaults(&g);
    g.opened = s->model[which];
    g.prompts = &prompt;
    g.n = 1;
    g.max_tokens = 20;
    g.on_token = each_token;
    g.on_token_user = &number;
    st = wagle_generate(ctx, &g, &made);
    if (st == WAGLE_OK)
        wagle_string_free(made.text);
    printf("%ld\t\n", number);
    return st;
}

/* A thread has a context of its own, and its part of the processors. */
static void *serve(void *user)
{
    server *s = (server *)user;
    wagle_ctx *ctx = NULL;
    char line[LINE];
    long number;

    if (wagle_ctx_new(&ctx) != WAGLE_OK)
        return NULL;
    wagle_set_threads(ctx, 1);
    while ((number = next_question(s, line)) > 0)
        if (answer(ctx, s, number, line) != WAGLE_OK) /* the next call works again */
            fprintf(stderr, "%ld: %s\n", number, wagle_message(ctx));
    wagle_ctx_free(ctx);
    return NULL;
}

int main(int argc, char **argv)
{
    server s = {{NULL, NULL}, PTHREAD_MUTEX_INITIALIZER, 0};
    pthread_t thread[THREADS];
    wagle_ctx *ctx = NULL;
    wagle_status st = WAGLE_OK;
    int started = 0;

    if (argc != 1 + MODELS || wagle_ctx_new(&ctx) != WAGLE_OK)
        return 2;
    for (int i = 0; i < MODELS && st == WAGLE_OK; i++)
        st = wagle_model_open(ctx, argv[1 + i], &s.model[i]);
    if (st != WAGLE_OK)
        fprintf(stderr, "%s\n", wagle_message(ctx));
    while (st == WAGLE_OK && started < THREADS &&
           pthread_create(&thread[started], NULL, serve, &s) == 0)
        started++;
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < MODELS; i++)
        wagle_model_close(s.model[i]);
    wagle_ctx_free(ctx);
    return (int)st;
}
