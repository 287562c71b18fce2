/* mask.c - the commands attribute and mask. */
#include "common.h"

#include <stdlib.h>

static wagle_status attribution(const cli_options *o, wagle_attribute_options *a)
{
    wagle_attribute_defaults(a);
    a->model = o->model;
    a->out = o->out;
    a->forget = cli_files(o, o->forget);
    a->retain = cli_files(o, o->retain);
    a->selector = o->selector != NULL ? o->selector : a->selector;
    cli_given_seed(&a->seed, o->seed);
    a->force = o->force;
    cli_given_whole(&a->draw, o->draw);
    a->loss = o->loss;
    a->tensorboard = o->tensorboard;
    cli_given(&a->damping, o->damping);
    a->protect = cli_files(o, o->protect);
    cli_given(&a->protect_damping, o->protect_damping);
    cli_given_whole(&a->protect_rank, o->protect_rank);
    return cli_read_gamma(o->gamma, &a->gamma);
}

wagle_status cli_attribute(wagle_ctx *ctx, cli_options *o)
{
    wagle_attribute_options a;

    return attribution(o, &a) == WAGLE_OK ? wagle_attribute(ctx, &a) : WAGLE_E_USAGE;
}

static wagle_status compare_masks(wagle_ctx *ctx, const cli_options *o)
{
    wagle_compare_options c;
    char *text = NULL;
    wagle_status st;

    wagle_compare_defaults(&c);
    c.masks = o->argument;
    c.n = cli_count(o->argument);
    c.svg = o->svg;
    c.json = o->json;
    c.force = o->force;
    st = wagle_compare_masks(ctx, &c, &text);
    return cli_print(st, text);
}

enum { DENSITIES = 16 };

/* Parses comma-separated numbers; none if text is NULL. */
static wagle_status parse_densities(const char *text, double list[DENSITIES], int64_t *n)
{
    char *end = NULL;

    for (*n = 0; text != NULL && *n < DENSITIES; text = end + 1) {
        list[(*n)++] = strtod(text, &end);
        if (end == text || (*end != ',' && *end != '\0'))
            return cli_complain("--densities: write them as 0.02,0.1,0.4");
        if (*end == '\0')
            return WAGLE_OK;
    }
    return text == NULL ? WAGLE_OK : cli_complain("--densities: give at most 16");
}

wagle_status cli_mask(wagle_ctx *ctx, cli_options *o)
{
    wagle_mask_options m;
    wagle_attribute_options data;
    double density[DENSITIES];

    if (o->compare)
        return compare_masks(ctx, o);

    wagle_mask_defaults(&m);
    m.scores = o->scores;
    if (attribution(o, &data) != WAGLE_OK)
        return WAGLE_E_USAGE;
    m.data = &data;
    m.out = o->out;
    m.include = o->include;
    m.exclude = o->exclude;
    m.format = CLI_CHOSEN(o, format);
    m.scope = CLI_CHOSEN(o, scope);
    m.op = CLI_CHOSEN(o, op);
    m.masks = o->argument;
    m.n_masks = cli_count(o->argument);
    m.force = o->force;
    m.densities = density;
    cli_given(&m.density, o->density);
    if (parse_densities(o->densities, density, &m.n_densities) != WAGLE_OK)
        return WAGLE_E_USAGE;
    return wagle_mask(ctx, &m);
}
