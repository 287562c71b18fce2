/* report.h - an HTML page about runs and evaluations. All text from models and files is untrusted.
 * Only page.c writes text to the page, and it escapes it. */
#ifndef WG_REPORT_REPORT_H
#define WG_REPORT_REPORT_H

#include "base/json.h"
#include "base/text.h"

enum { WG_REPORT_MODELS = 12 };

typedef enum wg_part { WG_PART_OTHER, WG_PART_ORIGINAL, WG_PART_GOLD, WG_PART_UNLEARNED } wg_part;

/* All inputs about one model. */
typedef struct wg_report_model {
    char label[64];
    wg_part part;
    json_t *manifest, *log; /* of the run that wrote the model, or NULL */
    json_t *requests;       /* requests.json, of a model with several requests, or NULL */
    json_t *suites;         /* object: {"metrics"} by suite */
    json_t *rows;           /* array */
    json_t *sources;        /* array of paths */
} wg_report_model;

typedef struct wg_report {
    const wagle_report_options *o;
    wg_report_model model[WG_REPORT_MODELS];
    int n;
    json_t *certificate;          /* NULL if there is none */
    const char *certificate_path; /* the file's path, owned by the report */
    wg_text page;
} wg_report;

/* gather.c. wg_report_add reads PATH or LABEL=PATH into r->model or r->certificate.
 * wg_report_assign decides the role of each model. wg_report_redact replaces texts by tags
 * (--redact). */
WAGLE_CHECK wagle_status wg_report_add(wagle_ctx *ctx, wg_report *r, const char *entry);
WAGLE_CHECK wagle_status wg_report_assign(wagle_ctx *ctx, wg_report *r);
WAGLE_CHECK wagle_status wg_report_redact(wagle_ctx *ctx, wg_report *r);
void wg_report_free(wg_report *r);

/* --- page.c: HTML elements with escaped text -------------------------------------------------- */

WAGLE_CHECK wagle_status wg_page_begin(wagle_ctx *ctx, wg_text *p, const char *title);
WAGLE_CHECK wagle_status wg_page_end(wagle_ctx *ctx, wg_text *p);
WAGLE_CHECK wagle_status wg_page_section(wagle_ctx *ctx, wg_text *p, const char *title);
WAGLE_CHECK wagle_status wg_page_text(wagle_ctx *ctx, wg_text *p, const char *text);
WAGLE_CHECK wagle_status wg_page_piece(wagle_ctx *ctx, wg_text *p, const char *text, size_t bytes);
/* <p> with a short formatted text. */
WAGLE_CHECK wagle_status wg_page_paragraph(wagle_ctx *ctx, wg_text *p, const char *format, ...)
    WG_PRINTF(3);
/* <p> with a text of any length. */
WAGLE_CHECK wagle_status wg_page_long(wagle_ctx *ctx, wg_text *p, const char *text);
/* A figure: the SVG, which is not escaped, and a caption that describes it. */
WAGLE_CHECK wagle_status wg_page_figure(wagle_ctx *ctx, wg_text *p, const wg_text *svg,
                                        const char *caption);
/* Opens a table in a box that scrolls sideways; wg_page_table_end closes both. */
WAGLE_CHECK wagle_status wg_page_table(wagle_ctx *ctx, wg_text *p, const char *const *heads, int n);
/* The same, for a table whose rows become cards on narrow screens; its cells need data-label. */
WAGLE_CHECK wagle_status wg_page_cards(wagle_ctx *ctx, wg_text *p, const char *const *heads, int n);
WAGLE_CHECK wagle_status wg_page_table_end(wagle_ctx *ctx, wg_text *p);
WAGLE_CHECK wagle_status wg_page_cell(wagle_ctx *ctx, wg_text *p, bool head, const char *format,
                                      ...) WG_PRINTF(4);
/* `text`, with the words marked that differ from `other`. */
WAGLE_CHECK wagle_status wg_page_difference(wagle_ctx *ctx, wg_text *p, const char *other,
                                            const char *text);

/* --- sections --------------------------------------------------------------------------------- */

/* The i-th of the metrics that are shown first: SUITE.METRIC and its description; false past the
 * last. */
bool wg_report_headline_metric(int i, char key[96], const char **words);
/* A metric of a model, {"value","low","high","n"}, or NULL. */
const json_t *wg_report_metric(const wg_report_model *m, const char *suite, const char *metric);
double wg_report_value(const wg_report_model *m, const char *suite, const char *metric);

/* decision.c: the first part of a page with a certificate. */
WAGLE_CHECK wagle_status wg_report_decision(wagle_ctx *ctx, wg_report *r);
/* verdict.c: the first sentences of a page without a certificate. */
WAGLE_CHECK wagle_status wg_report_verdict(wagle_ctx *ctx, wg_report *r);
WAGLE_CHECK wagle_status wg_report_settings(wagle_ctx *ctx, wg_report *r);
WAGLE_CHECK wagle_status wg_report_headline(wagle_ctx *ctx, wg_report *r);
WAGLE_CHECK wagle_status wg_report_differences(wagle_ctx *ctx, wg_report *r);
WAGLE_CHECK wagle_status wg_report_pareto(wagle_ctx *ctx, wg_report *r);
/* requests.c: of models that unlearn with several requests wrote. */
WAGLE_CHECK wagle_status wg_report_requests(wagle_ctx *ctx, wg_report *r);
WAGLE_CHECK wagle_status wg_report_curves(wagle_ctx *ctx, wg_report *r);
WAGLE_CHECK wagle_status wg_report_masks(wagle_ctx *ctx, wg_report *r);
WAGLE_CHECK wagle_status wg_report_attacks(wagle_ctx *ctx, wg_report *r);
WAGLE_CHECK wagle_status wg_report_examples(wagle_ctx *ctx, wg_report *r);
WAGLE_CHECK wagle_status wg_report_metrics(wagle_ctx *ctx, wg_report *r);
WAGLE_CHECK wagle_status wg_report_sources(wagle_ctx *ctx, wg_report *r);
WAGLE_CHECK wagle_status wg_report_limits(wagle_ctx *ctx, wg_report *r);

#endif
