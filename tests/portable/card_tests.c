/* card_tests.c - the tests that run on a card as one program: `card-tests NAME [ARGUMENTS]`, or no
 * name for a list. They read gold/ and write scratch/ in $WG_TEST_FOLDER; without it, in the folder
 * where they are started. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TESTS(EACH)                                                                                \
    EACH(cuda_ops)                                                                                 \
    EACH(models)                                                                                   \
    EACH(moments)                                                                                  \
    EACH(training)                                                                                 \
    EACH(objectives)                                                                               \
    EACH(select)                                                                                   \
    EACH(shared)                                                                                   \
    EACH(configs)                                                                                  \
    EACH(protect_scores)

#define DECLARE(name) int test_##name(int count, char **arguments);
TESTS(DECLARE)

static const struct {
    const char *name;
    int (*run)(int count, char **arguments);
} tests[] = {
#define ROW(name) {#name, test_##name},
    TESTS(ROW)};

int main(int count, char **arguments)
{
    const char *folder = getenv("WG_TEST_FOLDER");
    const size_t n = sizeof tests / sizeof *tests;

    if (count < 2) {
        for (size_t i = 0; i < n; i++)
            printf("%s\n", tests[i].name);
        return 0;
    }
    if (folder != NULL && chdir(folder) != 0) {
        fprintf(stderr, "card-tests: %s: no such folder (WG_TEST_FOLDER)\n", folder);
        return 2;
    }
    (void)mkdir("scratch", 0777); /* a test that writes there fails if it cannot be made */
    for (size_t i = 0; i < n; i++)
        if (strcmp(arguments[1], tests[i].name) == 0)
            return tests[i].run(count - 1, arguments + 1);
    fprintf(stderr, "card-tests: no test '%s'; card-tests without a name lists them\n",
            arguments[1]);
    return 2;
}
