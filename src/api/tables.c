/* tables.c - what there is, for help texts and front ends. */
#include "model/family.h"
#include "objective/objective.h"
#include "optim/optimizer.h"
#include "selector/selector.h"
#include "text/chat.h"
#include <string.h>

wagle_info wagle_objective_info(int i)
{
    const wg_objective *o = wg_objective_at(i);
    return o != NULL ? (wagle_info){o->name, o->summary, wg_objective_uses(o, o->retain),
                                    o->formula, o->source}
                     : (wagle_info){0};
}

bool wagle_objective_has(const char *objective, const char *key)
{
    return wg_objective_has(objective, key);
}

wagle_info wagle_selector_info(int i)
{
    const wg_selector *s = wg_selector_at(i);
    return s != NULL ? (wagle_info){s->name, s->summary, wg_selector_uses(s), s->formula, s->source}
                     : (wagle_info){0};
}

wagle_info wagle_optimizer_info(int i)
{
    const wg_optimizer_kind *r = wg_optimizer_kind_at(i);
    return r != NULL ? (wagle_info){.name = r->name, .summary = r->summary} : (wagle_info){0};
}

wagle_info wagle_chat_info(int i)
{
    for (const wg_chat_layout *l = wg_chat_layouts; i >= 0 && l->name != NULL; l++)
        if (i-- == 0)
            return (wagle_info){.name = l->name, .summary = l->summary};
    return (wagle_info){0};
}

wagle_info wagle_family_info(int i)
{
    const wg_family *f = wg_family_at(i);
    return f != NULL
               ? (wagle_info){.name = f->model_type[0], .summary = f->models, .source = f->source}
               : (wagle_info){0};
}

static bool known_before(const char *key, const wg_objective *stop, int option)
{
    for (int j = 0; wg_objective_at(j) != NULL; j++)
        for (int k = 0; k < WG_OBJECTIVE_OPTIONS; k++) {
            const wg_objective *o = wg_objective_at(j);
            if (o == stop && k == option)
                return false;
            if (o->options[k].key != NULL && o->options[k].key[0] == key[0] &&
                strcmp(o->options[k].key, key) == 0)
                return true;
        }
    return false;
}

wagle_param_info wagle_objective_param(int i)
{
    for (int j = 0; i >= 0 && wg_objective_at(j) != NULL; j++)
        for (int k = 0; k < WG_OBJECTIVE_OPTIONS; k++) {
            const wg_objective *o = wg_objective_at(j);
            if (o->options[k].key != NULL && !known_before(o->options[k].key, o, k) && i-- == 0)
                return o->options[k];
        }
    return (wagle_param_info){0};
}
