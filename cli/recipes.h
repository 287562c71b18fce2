/* recipes.h - files that say how a published table is made: options of the commands that make it.
 *
 * A recipe is a JSON object, with comments: what it is ("about", "source", "model"), the files that
 * it reads and where they come from ("files"), options of all its commands ("options"), and for
 * each command that it runs an object of its options. docs/recipes.md has an example. */
#ifndef WG_CLI_RECIPES_H
#define WG_CLI_RECIPES_H

#include "common.h"

typedef struct cli_recipe {
    const char *name;
    json_t *json; /* options point into it, so it is never freed */
} cli_recipe;

/* The name of the i-th recipe that the program has; NULL past the last. */
const char *cli_recipe_name(int i);
/* Opens a recipe of the program, or a file. Prints what is wrong with it to stderr. */
wagle_status cli_recipe_open(const char *name, cli_recipe *out);

/* steps.c: runs it, as the options of `wagle recipe run` in o say. */
wagle_status cli_recipe_run(wagle_ctx *ctx, const cli_recipe *recipe, cli_options *o);
/* Whether a recipe may have the option as a key. Those that run a command, write outside the output
 * folder or say how a machine is used are for the command line. */
bool cli_recipe_may_set(const cli_option *t);
/* Refuses a key for which it is false. */
wagle_status cli_recipe_check_key(const char *where, const char *key, const cli_option *t);
/* The commands of a recipe, in their order; NULL past the last. */
const cli_command *cli_recipe_command(int i);

#endif
