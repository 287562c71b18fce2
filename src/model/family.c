#include "model/family.h"

#include <string.h>

#define WG_FAMILY(name) extern const wg_family wg_family_##name;
#include "model/family.def"
#undef WG_FAMILY

static const wg_family *const families[] = {
#define WG_FAMILY(name) &wg_family_##name,
#include "model/family.def"
#undef WG_FAMILY
};

const wg_family *wg_family_at(int i)
{
    return i >= 0 && i < (int)(sizeof families / sizeof *families) ? families[i] : NULL;
}

const wg_family *wg_family_inside(const char *outer_type)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (families[i]->outer_type != NULL && strcmp(families[i]->outer_type, outer_type) == 0)
            return families[i];
    return NULL;
}

const wg_family *wg_family_find(const char *model_type)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (int j = 0; j < 4 && families[i]->model_type[j] != NULL; j++)
            if (strcmp(families[i]->model_type[j], model_type) == 0)
                return families[i];
    return NULL;
}
