/* each_model.h - main of a program whose tests are CHECK_MODEL(folder) of each gold model. */
#define GOLD_MODEL(function, name)                                                                 \
    static void function(void **state)                                                             \
    {                                                                                              \
        (void)state;                                                                               \
        CHECK_MODEL(WG_GOLD "/models/" name);                                                      \
    }
#include "models.def"
#undef GOLD_MODEL

int main(void)
{
    const struct CMUnitTest tests[] = {
#define GOLD_MODEL(function, name) cmocka_unit_test(function),
#include "models.def"
#undef GOLD_MODEL
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
