/* settings.h - options that change the numbers of an evaluation. They are refused where no set that
 * is given reads them, recorded in results, and compared between results. */
#ifndef WG_SUITE_SETTINGS_H
#define WG_SUITE_SETTINGS_H

#include "suite/suite.h"

/* A member of a structure of options. */
typedef struct wg_setting {
    const char *name;
    size_t at; /* its place in the structure */
    enum {
        WG_SETTING_WHOLE,
        WG_SETTING_REAL,
        WG_SETTING_TRUTH,
        WG_SETTING_TEXT,
        WG_SETTING_FILE,
        WG_SETTING_TEXTS
    } kind;
} wg_setting;

/* Adds those of the settings [n] that are not the usual ones to `into`, NAME: value. */
WAGLE_CHECK wagle_status wg_settings_add(wagle_ctx *ctx, const wg_setting *s, int n,
                                         const void *options, const void *usual, json_t *into);
/* The same of how rows are read. Their layout is recorded apart. */
WAGLE_CHECK wagle_status wg_settings_add_data(wagle_ctx *ctx, const wagle_data *d, json_t *into);
/* The same of all options of an evaluation. */
WAGLE_CHECK wagle_status wg_settings_add_suites(wagle_ctx *ctx, const wagle_suite_options *o,
                                                json_t *into);
/* Adds the model, and the adapter that is merged into it. model: may be NULL. */
WAGLE_CHECK wagle_status wg_settings_add_model(wagle_ctx *ctx, const char *model, json_t *into);
/* Copies the model, settings, sets and layouts of one result to another. */
WAGLE_CHECK wagle_status wg_settings_copy(wagle_ctx *ctx, const json_t *from, json_t *into);

/* Refuses an option that none of the sets given reads. A value of 0 asks for nothing. */
WAGLE_CHECK wagle_status wg_settings_check(wagle_ctx *ctx, const wg_evaluation *e);
/* Whether a set that is given reads the option. Needs e->chosen. */
bool wg_settings_reads(const wg_evaluation *e, const char *option);

/* Adds to `names` each setting that two results have differently, NAME: "A and B". Only those that
 * suites in both of them read. gold: those that change what is computed from a gold result. */
WAGLE_CHECK wagle_status wg_settings_compare(wagle_ctx *ctx, const json_t *a, const json_t *b,
                                             bool gold, json_t *names);
/* Warns with the text, then the names and the values, if there are names. */
WAGLE_CHECK wagle_status wg_settings_warn(wagle_ctx *ctx, const json_t *names, const char *format,
                                          ...) WG_PRINTF(3);

#endif
