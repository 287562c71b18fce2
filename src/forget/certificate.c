/* certificate.c - the verdict: certificate.json, the report and the summary on the terminal. */
#include "forget/forget.h"
#include "report/certificate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Limits of the tests, listed in the certificate. */
static const char *const not_tested[] = {
    "Facts about people of the same kind, unless they were given as rows to keep.",
    "Whether the data can be found by a method that reads the weights themselves.",
    "Copies of the model that were made before, and other models that were made of it.",
    "Logs, search indexes and data sets beside the model.",
    "Questions in other languages.",
};

static int64_t failed(const wg_forget *f, const char *group)
{
    return wg_certificate_count(f->tests, group, "fail");
}

static bool earlier_failed(const wg_forget *f)
{
    const json_t *request;
    size_t i;

    json_array_foreach (f->requests, i, request)
        if (strcmp(wg_certificate_text(request, "verdict"), "fail") == 0)
            return true;
    return false;
}

static const json_t *find_test(const wg_forget *f, const char *group, const char *name)
{
    const json_t *test;
    size_t i;

    json_array_foreach (f->tests, i, test)
        if (strcmp(wg_certificate_text(test, "group"), group) == 0 &&
            strcmp(wg_certificate_text(test, "name"), name) == 0)
            return test;
    return NULL;
}

/* --- verdict and summary
 * -----------------------------------------------------------------------------
 */

static const char *verdict(const wg_forget *f)
{
    return failed(f, "forgotten") > 0 || earlier_failed(f) ? "not forgotten" : "forgotten";
}

static wagle_status write_sentences(wg_forget *f, json_t *out)
{
    const json_t *probability = find_test(f, "forgotten", "probability"),
                 *other = find_test(f, "kept", "other");
    const int64_t n_failed = failed(f, "forgotten"),
                  n_passed = wg_certificate_count(f->tests, "forgotten", "pass");
    const double before = wg_certificate_real(other, "before"),
                 after = wg_certificate_real(other, "after");
    json_t *first, *second;

    if (n_failed > 0)
        first = json_sprintf("The model has not forgotten the data: %lld of %lld tests failed.",
                             (long long)n_failed, (long long)(n_passed + n_failed));
    else
        first = json_sprintf(
            "The model no longer knows the answers to the %lld questions: the facts in them have "
            "probability %.2f, where it was %.2f before; %s it is %.2f.",
            (long long)f->n_rows, wg_certificate_real(probability, "after"),
            wg_certificate_real(probability, "before"),
            f->o->gold_model != NULL ? "in a model that never saw them"
                                     : "about people that do not exist",
            f->chance.mean);
    second = json_sprintf("Of what else it wrote, %.0f %% is kept%s.", 100 * after / before,
                          after / before < 0.9 ? ", which is too little" : "");
    if (first == NULL || second == NULL || json_array_append(out, first) != 0 ||
        json_array_append(out, second) != 0) {
        json_decref(first);
        json_decref(second);
        return wg_json_memory(f->ctx);
    }
    json_decref(first);
    json_decref(second);
    return WAGLE_OK;
}

/* --- certificate.json ------------------------------------------------------------------------- */

static wagle_status add_model(wg_forget *f, json_t *models, const char *key, const char *name,
                              const char *hash)
{
    return wg_json_set(f->ctx, models, key,
                       json_pack("{s:o, s:s}", "path", wg_json_bytes(name), "sha256", hash));
}

/* A model that this run wrote; its hash is computed here. */
static wagle_status add_hashed_model(wg_forget *f, json_t *models, const char *key,
                                     const char *name, const char *path)
{
    char hash[WG_SHA256_TEXT];

    if (name == NULL || path == NULL)
        return WAGLE_E_RESOURCE;
    WG_TRY(wg_sha256_path(f->ctx, path, ".safetensors", hash));
    return add_model(f, models, key, name, hash);
}

static wagle_status add_models(wg_forget *f, json_t *models)
{
    WG_TRY(add_model(f, models, "original", f->o->model, f->original_hash));
    WG_TRY(add_hashed_model(f, models, "forgotten", wg_forget_out(f, "model"),
                            wg_forget_path(f, "model")));
    if (f->o->export_file == NULL)
        return WAGLE_OK;
    return add_hashed_model(f, models, "gguf", f->o->export_file, wg_forget_path(f, "model.gguf"));
}

static wagle_status add_request(wg_forget *f, json_t *root)
{
    WG_TRY(wg_json_set(f->ctx, root, "asked",
                       json_pack("{s:o, s:s, s:I, s:s, s:s, s:s, s:O}", "data",
                                 wg_json_bytes(f->o->data), "sha256", f->data_hash, "rows",
                                 (json_int_t)f->n_rows, "layout", f->layout->words, "layout_name",
                                 f->layout->name, "understood", f->understood, "subjects",
                                 f->subjects)));
    return wg_json_set(f->ctx, root, "chance",
                       json_pack("{s:f, s:f, s:s, s:I}", "probability", f->chance.mean, "high",
                                 f->chance.high, "how",
                                 f->o->gold_model != NULL ? "gold" : "controls", "rows",
                                 (json_int_t)f->chance.n));
}

/* Reads the cost from the run's manifest, which exists even if an earlier process trained the
 * model. */
static wagle_status add_cost(wg_forget *f, json_t *root)
{
    const char *folder = wg_forget_path(f, "model");
    json_t *m = NULL, *cost = NULL;
    wagle_status st = folder != NULL ? wg_json_read_object(f->ctx, folder, "manifest.json", &m)
                                     : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK)
        cost = json_pack("{s:f, s:O?, s:O?, s:O?, s:s, s:O?, s:O?}", "seconds",
                         wg_seconds() - f->started, "updates", json_object_get(m, "steps"),
                         "learning_rate", json_object_get(m, "lr"), "objective",
                         json_object_get(m, "objective"), "protect",
                         f->o->retain != NULL ? "the rows to keep" : "texts that the model wrote",
                         "changed_weights", json_object_get(m, "selected"), "weights",
                         json_object_get(m, "weights"));
    if (st == WAGLE_OK)
        st = wg_json_set(f->ctx, root, "cost", cost);
    json_decref(m);
    return st;
}

static wagle_status add_lists(wg_forget *f, json_t *root)
{
    json_t *limits = json_array(), *sentences = json_array();

    WG_TRY(wg_json_set(f->ctx, root, "not_tested", limits));
    for (size_t i = 0; i < sizeof not_tested / sizeof *not_tested; i++)
        if (json_array_append_new(limits, json_string(not_tested[i])) != 0)
            return wg_json_memory(f->ctx);
    WG_TRY(wg_json_set(f->ctx, root, "sentences", sentences));
    WG_TRY(write_sentences(f, sentences));
    WG_TRY(wg_json_set(f->ctx, root, "tests", json_incref(f->tests)));
    WG_TRY(wg_json_set(f->ctx, root, "answers", json_incref(f->answers)));
    WG_TRY(wg_json_set(f->ctx, root, "commands", json_incref(f->commands)));
    return wg_json_set(f->ctx, root, "earlier", json_incref(f->requests));
}

static wagle_status build_certificate(wg_forget *f, json_t **out)
{
    const time_t now = time(NULL);
    char date[32] = "";
    struct tm utc;

    if (gmtime_r(&now, &utc) != NULL)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    *out = json_pack("{s:s, s:i, s:s, s:s, s:I, s:s, s:b, s:{}}", "format", "wagle-certificate",
                     "version", 1, "wagle", WAGLE_VERSION, "date", date, "seed",
                     (json_int_t)f->o->seed, "verdict", verdict(f), "redacted", 0, "models");
    if (*out == NULL)
        return wg_json_memory(f->ctx);
    WG_TRY(add_models(f, json_object_get(*out, "models")));
    WG_TRY(add_request(f, *out));
    WG_TRY(add_cost(f, *out));
    return add_lists(f, *out);
}

/* --- summary on the terminal
 * ---------------------------------------------------------------------------
 */

static wagle_status add_value(wagle_ctx *ctx, const json_t *test, const char *key, wg_text *out)
{
    const double x = wg_certificate_real(test, key);

    return isnan(x) ? wg_text_addz(ctx, out, "       -") : wg_text_printf(ctx, out, "  %6.3f", x);
}

static wagle_status add_test(wagle_ctx *ctx, const json_t *test, wg_text *out)
{
    const char *rule = wg_certificate_text(test, "rule");

    WG_TRY(wg_text_printf(ctx, out, "  %-54.54s", wg_certificate_text(test, "words")));
    WG_TRY(add_value(ctx, test, "before", out));
    WG_TRY(add_value(ctx, test, "after", out));
    WG_TRY(wg_text_addz(ctx, out, strcmp(rule, "at most") == 0 ? "  <=" : "  >="));
    WG_TRY(add_value(ctx, test, "threshold", out));
    return wg_text_printf(ctx, out, "  %s\n", wg_certificate_text(test, "verdict"));
}

static wagle_status write_summary(wg_forget *f, const json_t *certificate, wg_text *out)
{
    const json_t *one;
    size_t i;

    json_array_foreach (json_object_get(certificate, "sentences"), i, one)
        WG_TRY(wg_text_printf(f->ctx, out, "%s\n", json_string_value(one)));
    WG_TRY(wg_text_printf(f->ctx, out, "\n  %-54s  %6s  %6s    %8s\n", "test", "before", "after",
                          "bound"));
    json_array_foreach (f->tests, i, one)
        WG_TRY(add_test(f->ctx, one, out));
    json_array_foreach (f->requests, i, one)
        WG_TRY(wg_text_printf(f->ctx, out, "  Forgotten on %.10s: asked again: %s\n",
                              wg_certificate_text(one, "date"),
                              wg_certificate_text(one, "verdict")));
    WG_TRY(wg_text_printf(f->ctx, out,
                          "\n%s/model is the model; %s/report.html has the evidence.\n", f->o->out,
                          f->o->out));
    if (f->o->no_undo)
        return WAGLE_OK;
    return wg_text_printf(f->ctx, out,
                          "%s/undo.patch takes the change back, so it holds what was forgotten: "
                          "delete it when you are sure.\n",
                          f->o->out);
}

/* --- the report ------------------------------------------------------------------------------- */

static wagle_status write_report(wg_forget *f)
{
    const char *const runs[] = {
        wg_forget_path(f, "certificate.json"),
        wg_forget_entry(f, "original", wg_forget_path(f, "evidence/original.json")),
        wg_forget_entry(f, "forgotten", wg_forget_path(f, "evidence/forgotten.json")),
        wg_forget_entry(f, "forgotten", wg_forget_path(f, "model")), NULL};
    wagle_report_options o;

    for (int i = 0; i < 4; i++)
        if (runs[i] == NULL)
            return WAGLE_E_RESOURCE;
    wagle_report_defaults(&o);
    o.runs = runs;
    o.out = wg_forget_path(f, "report.html");
    o.original = "original";
    o.redact = f->o->redact;
    o.force = true;
    return o.out != NULL ? wagle_report(f->ctx, &o) : WAGLE_E_RESOURCE;
}

wagle_status wg_forget_certify(wg_forget *f, wagle_forget_result *result)
{
    const char *path = wg_forget_path(f, "certificate.json");
    json_t *certificate = NULL;
    wg_text text = {0};
    wagle_status st = path != NULL ? build_certificate(f, &certificate) : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && f->o->redact)
        st = wg_certificate_redact(f->ctx, certificate, NULL);
    if (st == WAGLE_OK && f->o->redact)
        st = wg_json_set(f->ctx, certificate, "redacted", json_true());
    if (st == WAGLE_OK)
        st = wg_json_write(f->ctx, path, certificate, true);
    if (st == WAGLE_OK)
        st = write_report(f);
    if (st == WAGLE_OK && f->o->redact)
        st = wg_forget_redact(f);
    if (st == WAGLE_OK)
        st = write_summary(f, certificate, &text);
    if (st == WAGLE_OK) {
        result->forgotten = strcmp(verdict(f), "forgotten") == 0 && failed(f, "kept") == 0;
        result->text = wg_text_take(f->ctx, &text);
        st = result->text != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    }
    wg_text_free(&text);
    json_decref(certificate);
    return st;
}
