/* steps.h - a recipe while it runs: recipe_options.c, recipe_files.c, recipe_record.c, steps.c. */
#ifndef WG_CLI_STEPS_H
#define WG_CLI_STEPS_H

#include "recipes.h"

typedef struct cli_step {
    const char *name, *command;
    const char *out;         /* in OUT */
    const char *reads;       /* the option that takes the output of an earlier step; or NULL */
    const char *from, *file; /* that step and its output */
    const char *given; /* options that do not reach the step then: that output stands for them */
    const char *kept;  /* options that never reach it */
} cli_step;

/* In the order in which they run. */
enum { CLI_ORIGINAL, CLI_ATTRIBUTE, CLI_MASK, CLI_UNLEARN, CLI_FORGOTTEN, CLI_REPORT, CLI_STEPS };
extern const cli_step cli_steps[CLI_STEPS];

typedef struct cli_run {
    wagle_ctx *ctx;
    const cli_recipe *recipe;
    cli_options *o; /* of the command line */
    const char *data, *out;
    json_t *begun;      /* OUT/recipe.json: steps that were begun */
    json_t *hashes;     /* of files, by path */
    const char *others; /* names of files that are not, byte for byte, the published ones */
} cli_run;

/* --- steps.c ---------------------------------------------------------------------------------- */

/* OUT/name, kept. */
const char *cli_in_out(const cli_run *r, const char *name);

/* --- recipe_options.c ------------------------------------------------------------------------- */

/* Whether the recipe has the step. */
bool cli_step_is_run(const cli_run *r, const cli_step *s);
/* Whether an earlier step makes what the step reads. */
bool cli_step_is_fed(const cli_run *r, const cli_step *s);
bool cli_step_has(const cli_options *o, const cli_option *t);
/* The options of a step as far as they are known before the steps before it have run; unchecked. */
wagle_status cli_step_prepare(const cli_run *r, const cli_step *s, cli_options *o);

/* --- recipe_record.c -------------------------------------------------------------------------- */

/* The SHA-256 of a file or model folder, json_decref; NULL: it cannot be read. */
json_t *cli_step_hash(cli_run *r, const char *path);
/* All that the result of a step depends on; json_decref. */
json_t *cli_step_record(cli_run *r, const cli_options *o);
/* Reads OUT/recipe.json into r->begun. */
wagle_status cli_read_begun(cli_run *r);
/* The step, with this record, was begun or is done: into r->begun and OUT/recipe.json. */
wagle_status cli_write_begun(cli_run *r, const cli_step *s, const cli_options *o, json_t *record,
                             bool done);
/* Whether the step was begun with this record. */
bool cli_step_was_begun(const cli_run *r, const cli_step *s, const json_t *record);
/* Whether it also ended, and all that it writes with the options in o is there. */
bool cli_step_is_done(const cli_run *r, const cli_step *s, const cli_options *o,
                      const json_t *record);

/* --- recipe_files.c --------------------------------------------------------------------------- */

/* Everything that can be refused before the first step. *missing: files that are not there, which
 * are printed. */
wagle_status cli_steps_check(cli_run *r, int *missing);

#endif
