/* suites.h - suites of the evaluation, their comparison and the report. Include wagle.h. */
#ifndef WAGLE_SUITES_H
#define WAGLE_SUITES_H

#include <wagle/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- suites -------------------------------------------------------------------------------- */

/* What `max_tokens` -1 is. */
enum {
    WAGLE_SUITE_TOKENS = 200,
    WAGLE_MUSE_KNOWLEDGE_TOKENS = 32, /* as in MUSE's code (swj0419/muse_bench, eval.py) */
    WAGLE_MUSE_VERBATIM_TOKENS = 128
};

typedef struct wagle_suite_options {
    size_t size;               /* set by the defaults */
    const char *model;         /* a model folder; unless `recompute` */
    const wagle_model *opened; /* in place of `model`; or NULL */
    const char *suites;        /* comma-separated names */
    const char *const *sets;   /* NAME=FILE, NULL-terminated: data sets by the suite's names */
    wagle_data data;           /* how rows are laid out; its path is not used */
    const char *gold;          /* result of the same suites for the model that never saw the forget
                                  set, or NULL */
    const char *reference; /* folder of another model: membership compares with it, robustness takes
                              changes back to it; or NULL */
    const char *out;       /* X.json gets the result, X.rows.jsonl the rows; NULL: neither */
    const char *recompute; /* a result or its rows: metrics are made anew, without a model */
    int64_t max_tokens;    /* of generated texts; -1: WAGLE_SUITE_TOKENS, or muse's own */
    int64_t resamples;     /* of rows, for 95 % intervals */
    int64_t shots;         /* mcq: solved examples before each question */
    int64_t prefix, length; /* copyright: tokens that are given, and that are to come */
    int64_t verbatim;       /* copyright: tokens in a row that count as reproduced */
    double temperature;     /* of sampled texts */
    const char *scorer;     /* a command. toxicity, tofu: reads one text per line, writes 0 to 1;
                               wagle-paper: two texts with a tab between, writes -1 to 1 */
    const char *encoder;    /* wagle-paper: folder of a sentence encoder (BERT, as MiniLM), whose
                               cosine is the similarity of texts; or NULL. Not with `scorer` */
    int64_t relearn_steps;  /* robustness */
    double relearn_lr;
    bool no_eos; /* tofu: answers do not end with the end-of-text token */
    uint64_t seed;
    bool redact; /* texts of the rows kept become keyed hashes (docs/security.md) */
    bool force;
    const char *min_k; /* membership, muse: percentages of Min-k and Min-k++, as in "20,40" */
    int64_t samples; /* tofu, muse, extraction: answers sampled for each row, for leak@k; 0: none */
    const char *leak_k; /* numbers of samples of which the worst counts, as in "1,4,16"; NULL:
                           powers of two up to `samples` */
    double top_p;       /* of sampled texts: the likeliest tokens that have it together; 1: all */
    const char *const *stop; /* as in wagle_generate_options, for all generated texts; NULL: the
                                suite's own ends (muse: of answers after solved examples) */
} wagle_suite_options;

WAGLE_SIZED(wagle_suite_defaults, wagle_suite_options)
/* Asks the model the suites' questions, and measures the answers. Writes X.json and X.rows.jsonl of
 * `out`, if it is named; suite robustness needs room beside them for a model. With `recompute` no
 * model is needed. In a dry run (wagle_set_dry_run) nothing is computed or written, *json is NULL,
 * and wagle_plan tells rows, tokens, memory and time. *json:
 * {"schema":"wagle-result-1","suites":{NAME:{"metrics":{NAME:{"value","low","high","n"}},..}},..};
 * free with wagle_string_free. WAGLE_E_INPUT where a set does not fit its suite; WAGLE_E_USAGE
 * where an option is set that none of the sets reads. */
WAGLE_API WAGLE_CHECK wagle_status wagle_suite_run(wagle_ctx *ctx, const wagle_suite_options *o,
                                                   char **json);

typedef struct wagle_difference_options {
    size_t size;       /* set by the defaults */
    const char *a, *b; /* results with their rows; A,B,..: of several seeds */
    int64_t resamples;
    uint64_t seed;
} wagle_difference_options;

WAGLE_SIZED(wagle_difference_defaults, wagle_difference_options)
/* What differs between two results, by paired resampling of rows. *json:
 * {"schema":"wagle-compare-1","a","b","differences":[{"suite","metric","a","b","difference","low",
 * "high","p","n"}]}; free with wagle_string_free. Warns if they were made with different options.
 * Writes nothing. WAGLE_E_INPUT where the rows are missing, or no suite is in both. */
WAGLE_API WAGLE_CHECK wagle_status wagle_difference(wagle_ctx *ctx,
                                                    const wagle_difference_options *o, char **json);

typedef struct wagle_report_options {
    size_t size;                 /* set by the defaults */
    const char *const *runs;     /* folders of runs and results of suites, PATH or LABEL=PATH,
                                    NULL-terminated; entries with the same label are one model. At most
                                    one is a certificate of wagle forget: certificate.json, or the
                                    folder that holds it; the page then begins with it */
    const char *out;             /* an HTML file */
    const char *title;           /* NULL: a title that fits what the page shows */
    const char *original, *gold; /* labels; NULL: what the runs and names say */
    int64_t resamples;           /* of rows, for differences between models */
    bool redact; /* texts of rows become keyed hashes (docs/security.md); numbers stay */
    bool force;
} wagle_report_options;

WAGLE_SIZED(wagle_report_defaults, wagle_report_options)
/* Writes `out`, one self-contained page: verdict, metrics with intervals, plots, examples, sources.
 */
WAGLE_API WAGLE_CHECK wagle_status wagle_report(wagle_ctx *ctx, const wagle_report_options *o);

#ifdef __cplusplus
}
#endif
#endif
