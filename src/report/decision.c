/* decision.c - the first part of a page with a certificate, for the person who decides: verdict,
 * request, tests, limits of the tests, cost, hashes and commands. */
#include "report/certificate.h"
#include "report/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FIGURE = 32 };

static const json_t *part(const wg_report *r, const char *key)
{
    return json_object_get(r->certificate, key);
}

/* --- verdict ---------------------------------------------------------------------------------- */

static const char *const marks[][3] = {{"pass", "pass", "\xE2\x9C\x93 pass"},
                                       {"fail", "fail", "\xE2\x9C\x97 fail"},
                                       {"not tested", "open", "\xE2\x80\x93 not tested"}};

static int find_mark(const json_t *test)
{
    int i = 0;

    while (i < 2 && strcmp(marks[i][0], wg_certificate_text(test, "verdict")) != 0)
        i++;
    return i;
}

/* "12 of 14 tests passed, 1 failed, 1 could not be run." */
static wagle_status count_tests(wagle_ctx *ctx, wg_report *r)
{
    const json_t *tests = part(r, "tests");
    const long long passed = wg_certificate_count(tests, NULL, "pass"),
                    failed = wg_certificate_count(tests, NULL, "fail"),
                    open = wg_certificate_count(tests, NULL, "not tested");
    char some[48] = "", others[64] = "";

    if (failed > 0)
        snprintf(some, sizeof some, ", %lld failed", failed);
    if (open > 0)
        snprintf(others, sizeof others, ", %lld could not be run", open);
    return wg_page_paragraph(ctx, &r->page, "%lld of %lld tests passed%s%s.", passed,
                             passed + failed + open, some, others);
}

static wagle_status verdict(wagle_ctx *ctx, wg_report *r)
{
    const bool forgotten = strcmp(wg_certificate_text(r->certificate, "verdict"), "forgotten") == 0;
    const json_t *sentence;
    size_t i;

    WG_TRY(wg_text_printf(ctx, &r->page, "<div class=\"verdict %s\"><p class=\"mark\">%s</p>\n",
                          forgotten ? "pass" : "fail",
                          forgotten ? "\xE2\x9C\x93 Forgotten" : "\xE2\x9C\x97 Not forgotten"));
    json_array_foreach (part(r, "sentences"), i, sentence)
        WG_TRY(wg_page_long(ctx, &r->page, json_string_value(sentence)));
    WG_TRY(count_tests(ctx, r));
    return wg_text_addz(ctx, &r->page, "</div>\n");
}

/* --- the request ------------------------------------------------------------------------------ */

/* Writes one line of a list of facts, or nothing if there is no text. */
static wagle_status fact(wagle_ctx *ctx, wg_report *r, const char *what, const char *text)
{
    if (*text == '\0')
        return WAGLE_OK;
    WG_TRY(wg_text_printf(ctx, &r->page, "<dt>%s</dt><dd>", what));
    WG_TRY(wg_page_text(ctx, &r->page, text));
    return wg_text_addz(ctx, &r->page, "</dd>\n");
}

enum { NAMED = 20 };

/* "Ada Lovelace, Alan Turing and 3 more" */
static wagle_status subjects(wagle_ctx *ctx, wg_report *r)
{
    const json_t *list = json_object_get(part(r, "asked"), "subjects"), *one;
    const size_t n = json_array_size(list);
    wg_text text = {0};
    wagle_status st = WAGLE_OK;
    size_t i;

    json_array_foreach (list, i, one)
        if (st == WAGLE_OK && i < NAMED)
            st = wg_text_printf(ctx, &text, "%s%s", i > 0 ? ", " : "", json_string_value(one));
    if (st == WAGLE_OK && n > NAMED)
        st = wg_text_printf(ctx, &text, " and %zu more", n - NAMED);
    if (st == WAGLE_OK && text.text != NULL)
        st = fact(ctx, r, "About", text.text);
    wg_text_free(&text);
    return st;
}

static wagle_status asked(wagle_ctx *ctx, wg_report *r)
{
    const json_t *a = part(r, "asked");
    char rows[FIGURE];

    snprintf(rows, sizeof rows, "%.0f", wg_certificate_real(a, "rows"));
    WG_TRY(wg_page_section(ctx, &r->page, "What was asked"));
    WG_TRY(wg_page_paragraph(
        ctx, &r->page, "The model was to forget the data below and to keep everything else."));
    WG_TRY(wg_text_addz(ctx, &r->page, "<dl>\n"));
    WG_TRY(fact(ctx, r, "Data", wg_certificate_text(a, "data")));
    WG_TRY(subjects(ctx, r));
    WG_TRY(fact(ctx, r, "Questions and answers", rows));
    WG_TRY(fact(ctx, r, "Asked as", wg_certificate_text(a, "layout")));
    WG_TRY(fact(ctx, r, "Date", wg_certificate_text(r->certificate, "date")));
    return wg_text_addz(ctx, &r->page, "</dl>\n");
}

/* --- the tests -------------------------------------------------------------------------------- */

/* Whether x, if above 0, has at least two significant digits when printed with n decimals. */
static bool has_digits(double x, int n)
{
    return isnan(x) || x <= 0 || x * pow(10, n) >= 9.5;
}

/* Number of decimals: three, or more if the value is small or would look equal to its threshold. */
static int decimals(double figure, double threshold)
{
    int n = 3;
    char a[64], b[64];

    while (n < 6 && !(has_digits(figure, n) && has_digits(threshold, n)))
        n++;
    for (; n < 9; n++) {
        snprintf(a, sizeof a, "%.*f", n, figure);
        snprintf(b, sizeof b, "%.*f", n, threshold);
        if (figure == threshold || isnan(threshold) || isnan(figure) || strcmp(a, b) != 0)
            break;
    }
    return n;
}

static wagle_status figure_cell(wagle_ctx *ctx, wg_report *r, const char *label, const char *before,
                                double value, int digits)
{
    WG_TRY(wg_text_printf(ctx, &r->page, "<td class=\"n\" data-label=\"%s\">", label));
    WG_TRY(isnan(value) ? wg_text_addz(ctx, &r->page, "\xE2\x80\x93")
                        : wg_text_printf(ctx, &r->page, "%s%.*f", before, digits, value));
    return wg_text_addz(ctx, &r->page, "</td>");
}

/* Whether the numbers agree with the verdict. */
static bool agrees(const json_t *test)
{
    const double after = wg_certificate_real(test, "after"),
                 threshold = wg_certificate_real(test, "threshold");
    const bool upper = strcmp(wg_certificate_text(test, "rule"), "at most") == 0;
    const int v = find_mark(test);

    return v == 2 || (upper ? after <= threshold : after >= threshold) == (v == 0);
}

static wagle_status result_cell(wagle_ctx *ctx, wg_report *r, const json_t *test)
{
    const int v = find_mark(test);
    const char *why = wg_certificate_text(test, "why");

    WG_TRY(wg_text_printf(ctx, &r->page, "<td data-label=\"Result\"><b class=\"%s\">%s</b>",
                          marks[v][1], marks[v][2]));
    if (*why != '\0') {
        WG_TRY(wg_text_addz(ctx, &r->page, "<br>"));
        WG_TRY(wg_page_text(ctx, &r->page, why));
    }
    if (!agrees(test))
        WG_TRY(wg_text_addz(ctx, &r->page, "<br>These figures do not fit this result."));
    return wg_text_addz(ctx, &r->page, "</td>");
}

static wagle_status test_row(wagle_ctx *ctx, wg_report *r, const json_t *test)
{
    const double after = wg_certificate_real(test, "after"),
                 threshold = wg_certificate_real(test, "threshold"),
                 rows = wg_certificate_real(test, "rows");
    const int digits = decimals(after, threshold);
    char rule[FIGURE];

    snprintf(rule, sizeof rule, "%s ", wg_certificate_text(test, "rule"));
    WG_TRY(wg_text_addz(ctx, &r->page, "<tr><th scope=\"row\">"));
    WG_TRY(wg_page_text(ctx, &r->page, wg_certificate_text(test, "words")));
    if (!isnan(rows))
        WG_TRY(wg_text_printf(ctx, &r->page, " <small>(%.0f questions)</small>", rows));
    WG_TRY(wg_text_addz(ctx, &r->page, "</th>"));
    WG_TRY(figure_cell(ctx, r, "Before", "", wg_certificate_real(test, "before"), 3));
    WG_TRY(figure_cell(ctx, r, "After", "", after, digits));
    WG_TRY(figure_cell(ctx, r, "Required", rule, threshold, digits));
    WG_TRY(result_cell(ctx, r, test));
    return wg_text_addz(ctx, &r->page, "</tr>\n");
}

static wagle_status test_group(wagle_ctx *ctx, wg_report *r, const char *group, const char *title,
                               const char *explained)
{
    static const char *const heads[] = {"Test", "Before", "After", "Required", "Result"};
    const json_t *test;
    bool any = false;
    size_t i;

    json_array_foreach (part(r, "tests"), i, test) {
        if (strcmp(wg_certificate_text(test, "group"), group) != 0)
            continue;
        if (!any) {
            WG_TRY(wg_text_printf(ctx, &r->page, "<h3>%s</h3>\n", title));
            WG_TRY(wg_page_paragraph(ctx, &r->page, "%s", explained));
            WG_TRY(wg_page_cards(ctx, &r->page, heads, 5));
        }
        any = true;
        WG_TRY(test_row(ctx, r, test));
    }
    return any ? wg_page_table_end(ctx, &r->page) : WAGLE_OK;
}

static bool has_test(const wg_report *r, const char *name)
{
    const json_t *test;
    size_t i;

    json_array_foreach (part(r, "tests"), i, test)
        if (strcmp(wg_certificate_text(test, "name"), name) == 0)
            return true;
    return false;
}

/* Explains how the thresholds were set. */
static wagle_status chance(wagle_ctx *ctx, wg_report *r)
{
    const json_t *c = part(r, "chance");
    const bool gold = strcmp(wg_certificate_text(c, "how"), "gold") == 0;
    const double p = wg_certificate_real(c, "probability"), rows = wg_certificate_real(c, "rows");
    char of[48] = "";

    if (c == NULL || json_is_null(c))
        return WAGLE_OK;
    if (!isnan(rows))
        snprintf(of, sizeof of, "%.0f ", rows);
    WG_TRY(gold ? wg_page_paragraph(ctx, &r->page,
                                    "How the limits were set: a model that never saw the data was "
                                    "asked the same %squestions. It can only guess. It gives the "
                                    "facts a probability of %.*f. A model that has "
                                    "forgotten the data should not do better than guessing.",
                                    of, decimals(p, NAN), p)
                : wg_page_paragraph(
                      ctx, &r->page,
                      "How the limits were set: the original model was asked "
                      "%squestions of the same form about invented people. It cannot "
                      "know them, so it can only guess. It gives the facts in the "
                      "answers a probability of %.*f. A model that has forgotten the data "
                      "should not do better than guessing.",
                      of, decimals(p, NAN), p));
    if (!has_test(r, "relearn"))
        return WAGLE_OK;
    return wg_page_paragraph(ctx, &r->page,
                             "The limit after relearning is higher, because relearning shows the "
                             "model part of the data again.");
}

static wagle_status text_cell(wagle_ctx *ctx, wg_report *r, const char *label, const char *text)
{
    WG_TRY(wg_text_printf(ctx, &r->page, "<td class=\"t\" data-label=\"%s\">", label));
    WG_TRY(wg_text_addz(ctx, &r->page, "<span class=\"said\" dir=\"auto\">"));
    WG_TRY(wg_page_text(ctx, &r->page, *text != '\0' ? text : "\xE2\x80\x93"));
    return wg_text_addz(ctx, &r->page, "</span></td>");
}

/* Shows both models' answers to everyday questions. */
static wagle_status answers(wagle_ctx *ctx, wg_report *r)
{
    static const char *const heads[] = {"Question", "Answer before", "Answer after"};
    const json_t *one;
    size_t i;

    if (json_array_size(part(r, "answers")) == 0)
        return WAGLE_OK;
    WG_TRY(wg_text_addz(ctx, &r->page, "<h3>Other questions, before and after</h3>\n"));
    WG_TRY(wg_page_cards(ctx, &r->page, heads, 3));
    json_array_foreach (part(r, "answers"), i, one) {
        WG_TRY(wg_text_addz(ctx, &r->page, "<tr><th scope=\"row\"><span dir=\"auto\">"));
        WG_TRY(wg_page_text(ctx, &r->page, wg_certificate_text(one, "question")));
        WG_TRY(wg_text_addz(ctx, &r->page, "</span></th>"));
        WG_TRY(text_cell(ctx, r, "Before", wg_certificate_text(one, "before")));
        WG_TRY(text_cell(ctx, r, "After", wg_certificate_text(one, "after")));
        WG_TRY(wg_text_addz(ctx, &r->page, "</tr>\n"));
    }
    return wg_page_table_end(ctx, &r->page);
}

static wagle_status tests(wagle_ctx *ctx, wg_report *r)
{
    WG_TRY(wg_page_section(ctx, &r->page, "The tests"));
    WG_TRY(wg_page_paragraph(ctx, &r->page,
                             "A probability says how likely the model finds the facts of the true "
                             "answers, from 0 (impossible) to 1 (certain). Facts are the words "
                             "that are not in the question and that the model does not also say of "
                             "people that do not exist."));
    WG_TRY(test_group(ctx, r, "forgotten", "Is the data forgotten?",
                      "These figures should be low after forgetting."));
    WG_TRY(chance(ctx, r));
    WG_TRY(test_group(ctx, r, "kept", "Is the rest kept?",
                      "These figures should stay close to what they were before."));
    return answers(ctx, r);
}

static wagle_status list(wagle_ctx *ctx, wg_report *r, const char *key, const char *title)
{
    const json_t *one;
    size_t i;

    if (json_array_size(part(r, key)) == 0)
        return WAGLE_OK;
    WG_TRY(wg_page_section(ctx, &r->page, title));
    WG_TRY(wg_text_addz(ctx, &r->page, "<ul>\n"));
    json_array_foreach (part(r, key), i, one) {
        WG_TRY(wg_text_addz(ctx, &r->page, "<li>"));
        WG_TRY(wg_page_text(ctx, &r->page, json_string_value(one)));
        WG_TRY(wg_text_addz(ctx, &r->page, "</li>\n"));
    }
    return wg_text_addz(ctx, &r->page, "</ul>\n");
}

/* --- the cost --------------------------------------------------------------------------------- */

static void format_duration(double seconds, char out[FIGURE])
{
    if (seconds < 90)
        snprintf(out, FIGURE, "%.0f seconds", seconds);
    else if (seconds < 90 * 60)
        snprintf(out, FIGURE, "%.0f minutes", seconds / 60);
    else
        snprintf(out, FIGURE, "%.1f hours", seconds / 3600);
}

/* "134 million" */
static void format_count(double n, char out[FIGURE])
{
    if (n < 1e6)
        snprintf(out, FIGURE, "%.0f", n);
    else if (n < 1e9)
        snprintf(out, FIGURE, "%.3g million", n / 1e6);
    else
        snprintf(out, FIGURE, "%.3g billion", n / 1e9);
}

/* "13 million of 134 million (9.7 %)", or nothing */
static void format_changed(const json_t *c, char out[96])
{
    const double part = wg_certificate_real(c, "changed_weights"),
                 all = wg_certificate_real(c, "weights");
    char some[FIGURE], whole[FIGURE];

    out[0] = '\0';
    if (isnan(part) || !(all > 0))
        return;
    format_count(part, some);
    format_count(all, whole);
    snprintf(out, 96, "%s of %s (%.3g %%)", some, whole, 100 * part / all);
}

static void number(const json_t *c, const char *key, char out[FIGURE])
{
    const double x = wg_certificate_real(c, key);

    out[0] = '\0';
    if (!isnan(x))
        snprintf(out, FIGURE, "%.6g", x);
}

static wagle_status cost(wagle_ctx *ctx, wg_report *r)
{
    const json_t *c = part(r, "cost");
    const double seconds = wg_certificate_real(c, "seconds");
    char time[FIGURE] = "", updates[FIGURE], rate[FIGURE], weights[96];

    if (c == NULL || json_is_null(c))
        return WAGLE_OK;
    if (!isnan(seconds))
        format_duration(seconds, time);
    number(c, "updates", updates);
    number(c, "learning_rate", rate);
    format_changed(c, weights);
    WG_TRY(wg_page_section(ctx, &r->page, "What it cost"));
    WG_TRY(wg_text_addz(ctx, &r->page, "<dl>\n"));
    WG_TRY(fact(ctx, r, "Time", time));
    WG_TRY(fact(ctx, r, "Weights changed", weights));
    WG_TRY(fact(ctx, r, "Training steps", updates));
    WG_TRY(fact(ctx, r, "Method", wg_certificate_text(c, "objective")));
    WG_TRY(fact(ctx, r, "Learning rate", rate));
    WG_TRY(fact(ctx, r, "Protected", wg_certificate_text(c, "protect")));
    return wg_text_addz(ctx, &r->page, "</dl>\n");
}

/* --- the record ------------------------------------------------------------------------------- */

static wagle_status bound(wagle_ctx *ctx, wg_report *r, const char *what, const char *path,
                          const char *hash)
{
    if (*hash == '\0')
        return WAGLE_OK;
    WG_TRY(wg_text_printf(ctx, &r->page,
                          "<tr><th scope=\"row\">%s</th><td data-label=\"File or folder\">", what));
    WG_TRY(wg_page_text(ctx, &r->page, path));
    return wg_text_printf(
        ctx, &r->page,
        "</td><td data-label=\"SHA-256\"><details class=\"hash\"><summary title=\"%s\"><code>%.12s"
        "\xE2\x80\xA6</code></summary><code>%s</code></details></td></tr>\n",
        hash, hash, hash);
}

static wagle_status record(wagle_ctx *ctx, wg_report *r)
{
    static const char *const heads[] = {"What", "File or folder", "SHA-256"};
    static const char *const name[][2] = {{"original", "Original model"},
                                          {"forgotten", "Model after forgetting"},
                                          {"gguf", "Exported GGUF file"}};
    const json_t *a = part(r, "asked");

    WG_TRY(wg_page_section(ctx, &r->page, "Which models and data this is about"));
    WG_TRY(wg_page_paragraph(ctx, &r->page,
                             "A SHA-256 is a fingerprint. Another file, or one changed byte, has "
                             "another fingerprint. Click one to see all of it."));
    WG_TRY(wg_page_cards(ctx, &r->page, heads, 3));
    WG_TRY(bound(ctx, r, "Data to forget", wg_certificate_text(a, "data"),
                 wg_certificate_text(a, "sha256")));
    for (int i = 0; i < 3; i++) {
        const json_t *m = json_object_get(part(r, "models"), name[i][0]);
        WG_TRY(bound(ctx, r, name[i][1], wg_certificate_text(m, "path"),
                     wg_certificate_text(m, "sha256")));
    }
    return wg_page_table_end(ctx, &r->page);
}

static wagle_status earlier_row(wagle_ctx *ctx, wg_report *r, const json_t *one)
{
    const double after = wg_certificate_real(one, "probability"),
                 threshold = wg_certificate_real(one, "threshold"),
                 rows = wg_certificate_real(one, "rows");
    const int digits = decimals(after, threshold), v = find_mark(one);

    WG_TRY(wg_text_addz(ctx, &r->page, "<tr>"));
    WG_TRY(wg_page_cell(ctx, &r->page, true, "%s", wg_certificate_text(one, "date")));
    WG_TRY(figure_cell(ctx, r, "Questions", "", rows, 0));
    WG_TRY(figure_cell(ctx, r, "Answer probability", "", after, digits));
    WG_TRY(figure_cell(ctx, r, "Required", "at most ", threshold, digits));
    return wg_text_printf(ctx, &r->page,
                          "<td data-label=\"Result\"><b class=\"%s\">%s</b></td></tr>\n",
                          marks[v][1], marks[v][2]);
}

static wagle_status earlier(wagle_ctx *ctx, wg_report *r)
{
    static const char *const heads[] = {"Request of", "Questions", "Answer probability", "Required",
                                        "Result"};
    const json_t *one;
    size_t i;

    if (json_array_size(part(r, "earlier")) == 0)
        return WAGLE_OK;
    WG_TRY(wg_page_section(ctx, &r->page, "Earlier requests, tested again"));
    WG_TRY(wg_page_cards(ctx, &r->page, heads, 5));
    json_array_foreach (part(r, "earlier"), i, one)
        WG_TRY(earlier_row(ctx, r, one));
    return wg_page_table_end(ctx, &r->page);
}

/* Writes a command with one option per line, so that narrow pages do not break it within an option
 * and it can still be copied. */
static wagle_status command(wagle_ctx *ctx, wg_report *r, const char *text)
{
    bool quoted = false;

    while (*text != '\0') {
        size_t n = 1;
        quoted ^= *text == '\'';
        while (text[n] != '\0' && text[n] != '\'' && text[n] != ' ')
            n++;
        if (!quoted && strncmp(text, " --", 3) == 0)
            WG_TRY(wg_text_addz(ctx, &r->page, " \\\n   "));
        WG_TRY(wg_page_piece(ctx, &r->page, text, n));
        text += n;
    }
    return wg_text_addz(ctx, &r->page, "\n");
}

static wagle_status commands(wagle_ctx *ctx, wg_report *r)
{
    const json_t *one;
    size_t i;

    if (json_array_size(part(r, "commands")) > 0) {
        WG_TRY(wg_page_section(ctx, &r->page, "How to repeat this"));
        WG_TRY(wg_text_addz(ctx, &r->page, "<pre>"));
        json_array_foreach (part(r, "commands"), i, one)
            WG_TRY(command(ctx, r, json_string_value(one)));
        WG_TRY(wg_text_addz(ctx, &r->page, "</pre>\n"));
    }
    return wg_page_paragraph(ctx, &r->page, "Made by wagle %s, seed %.0f.",
                             wg_certificate_text(r->certificate, "wagle"),
                             fmax(wg_certificate_real(r->certificate, "seed"), 0));
}

wagle_status wg_report_decision(wagle_ctx *ctx, wg_report *r)
{
    WG_TRY(verdict(ctx, r));
    WG_TRY(asked(ctx, r));
    WG_TRY(tests(ctx, r));
    WG_TRY(earlier(ctx, r));
    WG_TRY(list(ctx, r, "not_tested", "What was not tested"));
    WG_TRY(cost(ctx, r));
    WG_TRY(record(ctx, r));
    WG_TRY(commands(ctx, r));
    if (r->n == 0)
        return WAGLE_OK;
    return wg_text_addz(ctx, &r->page,
                        "<hr class=\"part\">\n<p class=\"part\">The rest of this page is for those "
                        "who check the figures.</p>\n");
}
