/* weights.c - time of a generated token with matrices as stored and in 8 bits, in turn.
 * `bench_weights MODEL [PROMPTS [PAIRS]]`. A pair's times are medians over the steps of its texts,
 * so that a step during which something else ran does not count. */
#include <wagle/wagle.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TOKENS = 128, PROMPTS = 16, PAIRS = 64 };

typedef struct clock_of_steps {
    int64_t prompts, tokens;
    double begun, first, last, step[TOKENS];
    int64_t n;
} clock_of_steps;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The last prompt's token ends a step. */
static bool take(void *user, const wagle_token *token)
{
    clock_of_steps *c = user;

    if (token->prompt != c->prompts - 1)
        return true;
    const double at = now();
    if (token->index == 0)
        c->first = at - c->begun;
    else
        c->step[c->n++] = at - c->last;
    c->last = at;
    return true;
}

static int upwards(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *x, int64_t n)
{
    qsort(x, (size_t)n, sizeof *x, upwards);
    return n > 0 ? x[n / 2] : 0;
}

/* Median milliseconds of a step; *first: seconds until the first token. */
static double generate(wagle_ctx *ctx, const wagle_model *model, int64_t prompts,
                       wagle_weights weights, double *first)
{
    const char *text[PROMPTS];
    wagle_generation made[PROMPTS] = {{NULL, 0, 0}};
    clock_of_steps c = {.prompts = prompts, .begun = now()};
    wagle_generate_options o;

    for (int i = 0; i < PROMPTS; i++)
        text[i] = "Once upon a time"; /* goes on for as long as it is let */
    wagle_generate_defaults(&o);
    o.opened = model;
    o.prompts = text;
    o.n = prompts;
    o.chat = "none";
    o.max_tokens = TOKENS;
    o.weights = weights;
    o.on_token = take;
    o.on_token_user = &c;
    if (wagle_generate(ctx, &o, made) != WAGLE_OK)
        fprintf(stderr, "%s\n", wagle_message(ctx)), exit(1);
    for (int i = 0; i < PROMPTS; i++)
        wagle_string_free(made[i].text);
    *first = c.first;
    return 1e3 * median(c.step, c.n);
}

int main(int argc, char **argv)
{
    const int64_t prompts = argc > 2 ? atoi(argv[2]) : 1, pairs = argc > 3 ? atoi(argv[3]) : 5;
    double ratio[PAIRS], first[2];
    wagle_model *model;
    wagle_ctx *ctx;

    if (argc < 2 || prompts < 1 || prompts > PROMPTS || pairs < 1 || pairs > PAIRS)
        return fprintf(stderr, "bench_weights MODEL [PROMPTS [PAIRS]]\n"), 2;
    if (wagle_ctx_new(&ctx) != WAGLE_OK)
        return 4;
    if (wagle_model_open(ctx, argv[1], &model) != WAGLE_OK)
        return fprintf(stderr, "%s\n", wagle_message(ctx)), 3;
    printf("%8s %8s %8s   first token, s\n", "stored", "q8", "times"); /* ms a step */
    for (int64_t i = 0; i < pairs; i++) {
        const double stored = generate(ctx, model, prompts, WAGLE_WEIGHTS_STORED, &first[0]);
        const double q8 = generate(ctx, model, prompts, WAGLE_WEIGHTS_Q8, &first[1]);
        ratio[i] = stored / q8;
        printf("%8.2f %8.2f %8.2f   %.2f %.2f\n", stored, q8, ratio[i], first[0], first[1]);
        fflush(stdout);
    }
    const double middle = median(ratio, pairs);
    printf("times faster: %.2f (%.2f-%.2f)\n", middle, ratio[0], ratio[pairs - 1]);
    wagle_model_close(model);
    wagle_ctx_free(ctx);
    return 0;
}
