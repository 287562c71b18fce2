/* tables.h - what there is: objectives, selectors, metrics, suites. Include wagle.h. */
#ifndef WAGLE_TABLES_H
#define WAGLE_TABLES_H

#include <wagle/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- what there is ----------------------------------------------------------------------- */

/* What a thing of a table reads of the options; an option that it does not read is without effect.
 */
enum {
    WAGLE_USES_FORGET = 1 << 0,      /* objective: has a forget term; selector: forget rows */
    WAGLE_USES_RETAIN = 1 << 1,      /* objective: has a retain term; selector: retain rows */
    WAGLE_USES_REFUSAL = 1 << 2,     /* `refusal` */
    WAGLE_USES_REFERENCE = 1 << 3,   /* `reference` */
    WAGLE_USES_CONTROL = 1 << 4,     /* `rmu_control` */
    WAGLE_USES_GAMMA = 1 << 5,       /* `gamma` */
    WAGLE_USES_DAMPING = 1 << 6,     /* `damping` */
    WAGLE_USES_TEXTS = 1 << 7,       /* suite: `max_tokens`, `stop` */
    WAGLE_USES_TEMPERATURE = 1 << 8, /* suite: `temperature` */
    WAGLE_USES_SHOTS = 1 << 9,
    WAGLE_USES_WINDOWS = 1 << 10, /* `prefix`, `length`, `verbatim` */
    WAGLE_USES_SCORER = 1 << 11,
    WAGLE_USES_RELEARN = 1 << 12, /* `relearn_steps`, `relearn_lr` */
    WAGLE_USES_GOLD = 1 << 13,
    WAGLE_USES_EOS = 1 << 14,     /* `no_eos` */
    WAGLE_USES_PROTECT = 1 << 15, /* selector: `protect`, whatever gamma is */
    WAGLE_USES_FACTS = 1 << 16,   /* suite: `facts_field` of the data */
    WAGLE_USES_ENCODER = 1 << 17,
    WAGLE_USES_MIN_K = 1 << 18 /* suite: `min_k` */
};

typedef struct wagle_info {
    const char *name, *summary;
    unsigned uses;       /* WAGLE_USES_*; 0 where the table does not say */
    const char *formula; /* objective: of a row's forget term; selector: of the score; else NULL */
    const char *source;  /* the paper; NULL where the table does not say */
} wagle_info;

typedef struct wagle_param_info {
    const char *key, *help;
    double value, min, max;
} wagle_param_info;

/* i-th objective, selector, optimizer, metric, chat layout, family (model_type of config.json, and
 * its models); name is NULL past the last. */
WAGLE_API wagle_info wagle_objective_info(int i);
WAGLE_API wagle_info wagle_selector_info(int i);
WAGLE_API wagle_info wagle_optimizer_info(int i);
WAGLE_API wagle_info wagle_metric_info(int i);
WAGLE_API wagle_info wagle_suite_info(int i);
/* i-th data set of a suite; "*": any other name. */
WAGLE_API wagle_info wagle_suite_set_info(int suite, int i);
WAGLE_API wagle_info wagle_chat_info(int i);
WAGLE_API wagle_info wagle_family_info(int i);
/* i-th option over all objectives; key is NULL past the last. */
WAGLE_API wagle_param_info wagle_objective_param(int i);
/* Whether the objective of that name has the option. */
WAGLE_API bool wagle_objective_has(const char *objective, const char *key);
/* Peak resident memory of this process, bytes. */
WAGLE_API int64_t wagle_peak_memory(void);

#ifdef __cplusplus
}
#endif
#endif
