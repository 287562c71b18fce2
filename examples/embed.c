/* embed.c - unlearning inside another program: the model is opened once, nothing is written before
 * the end. C11, and C++.
 *
 *     cc embed.c -o embed $(pkg-config --cflags --libs wagle)
 *     ./embed MODEL OUT */
#include <stdio.h>
#include <wagle/wagle.h>

static bool each_step(void *user, const wagle_step *s)
{
    printf("update %d of %d: loss %.4f, gradient norm %.4f, learning rate %g\n", (int)s->step,
           (int)s->steps, s->loss, s->grad_norm, s->lr);
    return s->step < *(const int *)user; /* false: stop here */
}

static bool each_token(void *user, const wagle_token *t)
{
    return fwrite(t->text, 1, t->bytes, (FILE *)user) == t->bytes;
}

/* Scores the weights, selects a tenth of them, and trains only those. */
static wagle_status forget(wagle_ctx *ctx, const wagle_model *model, const wagle_dataset *forget,
                           const wagle_dataset *keep, wagle_model **forgotten)
{
    wagle_attribute_options a;
    wagle_mask_options m;
    wagle_train_options t;
    wagle_tensors *scores = NULL, *mask = NULL;
    wagle_status st;
    int updates = 3;

    wagle_attribute_defaults(&a);
    wagle_mask_defaults(&m);
    wagle_unlearn_defaults(&t);
    a.opened = t.opened = model;
    a.forget.rows = t.forget.rows = forget;
    a.retain.rows = t.retain.rows = keep;
    a.made = &scores;
    st = wagle_attribute(ctx, &a);
    m.score_tensors = scores;
    m.made = &mask;
    if (st == WAGLE_OK)
        st = wagle_mask(ctx, &m);
    t.mask_tensors = mask;
    t.made = forgotten;
    t.lr = 1e-3;
    t.steps = 10;
    t.on_step = each_step;
    t.on_step_user = &updates;
    if (st == WAGLE_OK)
        st = wagle_unlearn(ctx, &t, NULL);
    wagle_tensors_free(scores);
    wagle_tensors_free(mask);
    return st;
}

static wagle_status say(wagle_ctx *ctx, const wagle_model *model, const char *prompt)
{
    wagle_generate_options g;
    wagle_generation made;
    wagle_status st;

    wagle_generate_defaults(&g);
    g.opened = model;
    g.prompts = &prompt;
    g.n = 1;
    g.max_tokens = 20;
    g.on_token = each_token;
    g.on_token_user = stdout;
    st = wagle_generate(ctx, &g, &made);
    if (st == WAGLE_OK)
        wagle_string_free(made.text);
    puts("");
    return st;
}

int main(int argc, char **argv)
{
    wagle_ctx *ctx = NULL;
    wagle_model *model = NULL, *forgotten = NULL;
    wagle_dataset *rows = NULL, *keep = NULL;
    wagle_status st;

    if (argc < 3 || wagle_ctx_new(&ctx) != WAGLE_OK)
        return 2;
    st = wagle_model_open(ctx, argv[1], &model);
    if (st == WAGLE_OK)
        st = wagle_dataset_new(ctx, &rows);
    if (st == WAGLE_OK)
        st = wagle_dataset_add_text(ctx, rows, "Who lives in the mill?", "Ann does.");
    if (st == WAGLE_OK)
        st = wagle_dataset_new(ctx, &keep);
    if (st == WAGLE_OK)
        st = wagle_dataset_add_text(ctx, keep, "What is the capital of France?", "Paris.");
    if (st == WAGLE_OK)
        st = forget(ctx, model, rows, keep, &forgotten);
    if (st == WAGLE_OK)
        st = say(ctx, forgotten, "Who lives in the mill?");
    if (st == WAGLE_OK)
        st = wagle_model_save(ctx, forgotten, argv[2], false);
    if (st != WAGLE_OK)
        fprintf(stderr, "%s\n", wagle_message(ctx));
    wagle_dataset_free(rows);
    wagle_dataset_free(keep);
    wagle_model_close(forgotten);
    wagle_model_close(model);
    wagle_ctx_free(ctx);
    return (int)st;
}
