#include "report/certificate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- format of a certificate ------------------------------------------------------------------ */

enum { MAX_TEXT = 4000, MAX_LIST = 10000, MAX_PATH_TEXT = 160 };

typedef enum kind {
    TEXT,
    WORD, /* one of `words` */
    HASH, /* 64 hexadecimal digits */
    REAL,
    COUNT, /* an integer >= 0 */
    FLAG,
    OBJECT,
    TEXTS,  /* a list of texts */
    OBJECTS /* a list of objects */
} kind;

typedef struct member {
    const char *key;
    kind kind;
    bool needed;                  /* if false, it may be missing or null */
    const char *words;            /* of WORD, separated by | */
    const struct member *members; /* of OBJECT and OBJECTS; ends with a NULL key */
} member;

static const member asked[] = {
    {"data", TEXT, true, NULL, NULL},       {"sha256", HASH, true, NULL, NULL},
    {"rows", COUNT, true, NULL, NULL},      {"layout", TEXT, false, NULL, NULL},
    {"subjects", TEXTS, false, NULL, NULL}, {0}};
static const member file[] = {
    {"path", TEXT, true, NULL, NULL}, {"sha256", HASH, true, NULL, NULL}, {0}};
static const member models[] = {{"original", OBJECT, true, NULL, file},
                                {"forgotten", OBJECT, true, NULL, file},
                                {"gguf", OBJECT, false, NULL, file},
                                {0}};
static const member chance[] = {{"probability", REAL, true, NULL, NULL},
                                {"how", WORD, true, "controls|gold", NULL},
                                {"rows", COUNT, false, NULL, NULL},
                                {0}};
static const member test[] = {{"group", WORD, true, "forgotten|kept", NULL},
                              {"name", TEXT, true, NULL, NULL},
                              {"words", TEXT, true, NULL, NULL},
                              {"before", REAL, false, NULL, NULL},
                              {"after", REAL, false, NULL, NULL},
                              {"rule", WORD, false, "at most|at least", NULL},
                              {"threshold", REAL, false, NULL, NULL},
                              {"verdict", WORD, true, "pass|fail|not tested", NULL},
                              {"why", TEXT, false, NULL, NULL},
                              {"rows", COUNT, false, NULL, NULL},
                              {0}};
static const member cost[] = {
    {"seconds", COUNT, false, NULL, NULL},      {"updates", COUNT, false, NULL, NULL},
    {"learning_rate", REAL, false, NULL, NULL}, {"objective", TEXT, false, NULL, NULL},
    {"protect", TEXT, false, NULL, NULL},       {"changed_weights", COUNT, false, NULL, NULL},
    {"weights", COUNT, false, NULL, NULL},      {0}};
static const member earlier[] = {{"date", TEXT, true, NULL, NULL},
                                 {"rows", COUNT, false, NULL, NULL},
                                 {"probability", REAL, false, NULL, NULL},
                                 {"threshold", REAL, false, NULL, NULL},
                                 {"verdict", WORD, true, "pass|fail|not tested", NULL},
                                 {0}};
static const member answer[] = {{"question", TEXT, true, NULL, NULL},
                                {"before", TEXT, false, NULL, NULL},
                                {"after", TEXT, false, NULL, NULL},
                                {0}};
static const member certificate[] = {{"format", WORD, true, "wagle-certificate", NULL},
                                     {"version", COUNT, true, NULL, NULL},
                                     {"wagle", TEXT, true, NULL, NULL},
                                     {"date", TEXT, true, NULL, NULL},
                                     {"seed", COUNT, false, NULL, NULL},
                                     {"verdict", WORD, true, "forgotten|not forgotten", NULL},
                                     {"sentences", TEXTS, true, NULL, NULL},
                                     {"asked", OBJECT, true, NULL, asked},
                                     {"models", OBJECT, true, NULL, models},
                                     {"chance", OBJECT, false, NULL, chance},
                                     {"tests", OBJECTS, true, NULL, test},
                                     {"answers", OBJECTS, false, NULL, answer},
                                     {"not_tested", TEXTS, false, NULL, NULL},
                                     {"cost", OBJECT, false, NULL, cost},
                                     {"commands", TEXTS, false, NULL, NULL},
                                     {"earlier", OBJECTS, false, NULL, earlier},
                                     {"redacted", FLAG, false, NULL, NULL},
                                     {0}};

/* Members that redaction does not touch, because they cannot name a person. */
static const char *const codes[] = {"sha256",    "verdict", "rule",   "group", "how",
                                    "objective", "name",    "format", "date",  "wagle",
                                    "layout",    "protect", NULL};

/* --- checks ----------------------------------------------------------------------------------- */

static bool is_text(const json_t *v)
{
    return json_is_string(v) && json_string_length(v) <= MAX_TEXT &&
           strlen(json_string_value(v)) == json_string_length(v); /* no NUL within */
}

static bool is_word(const json_t *v, const char *words)
{
    const char *text = json_string_value(v);
    size_t n;

    for (; text != NULL && *words != '\0'; words += n + (words[n] == '|')) {
        n = strcspn(words, "|");
        if (strlen(text) == n && strncmp(text, words, n) == 0)
            return true;
    }
    return false;
}

static bool is_hash(const json_t *v)
{
    return is_text(v) && json_string_length(v) == 64 &&
           strspn(json_string_value(v), "0123456789abcdefABCDEF") == 64;
}

static bool is_finite(const json_t *v)
{
    return json_is_number(v) && isfinite(json_number_value(v));
}

static bool is_texts(const json_t *v)
{
    const json_t *text;
    size_t i;

    if (!json_is_array(v) || json_array_size(v) > MAX_LIST)
        return false;
    json_array_foreach (v, i, text)
        if (!is_text(text))
            return false;
    return true;
}

/* Whether a value is of the kind. Members of objects are checked by check(). */
static bool is_kind(const member *m, const json_t *v)
{
    switch (m->kind) {
    case TEXT:
        return is_text(v);
    case WORD:
        return is_word(v, m->words);
    case HASH:
        return is_hash(v);
    case REAL:
        return is_finite(v);
    case COUNT:
        return is_finite(v) && json_number_value(v) >= 0;
    case FLAG:
        return json_is_boolean(v);
    case OBJECT:
        return json_is_object(v);
    case TEXTS:
        return is_texts(v);
    default:
        return json_is_array(v) && json_array_size(v) <= MAX_LIST;
    }
}

static const char *const wanted[] = {[TEXT] = "a text of at most 4000 bytes",
                                     [WORD] = "one of ",
                                     [HASH] = "64 hexadecimal digits",
                                     [REAL] = "a number",
                                     [COUNT] = "a number that is not negative",
                                     [FLAG] = "true or false",
                                     [OBJECT] = "an object",
                                     [TEXTS] = "a list of texts",
                                     [OBJECTS] = "a list of objects"};

static wagle_status fail_member(wagle_ctx *ctx, const char *path, const char *path_in_file,
                                const member *m, const json_t *v)
{
    if (v == NULL)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: damaged certificate: '%s' is missing", path,
                       path_in_file);
    return wg_fail(ctx, WAGLE_E_INPUT, "%s: damaged certificate: '%s' is not %s%s", path,
                   path_in_file, wanted[m->kind], m->kind == WORD ? m->words : "");
}

typedef struct checking {
    wagle_ctx *ctx;
    const char *path;
} checking;

static wagle_status check(const checking *c, const member *m, const json_t *object,
                          const char *path_in_file);

static wagle_status check_list(const checking *c, const member *m, const json_t *list,
                               const char *path_in_file)
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one) {
        char at[MAX_PATH_TEXT];
        snprintf(at, sizeof at, "%.100s[%zu]", path_in_file, i);
        if (!json_is_object(one))
            return wg_fail(c->ctx, WAGLE_E_INPUT, "%s: damaged certificate: '%s' is no object",
                           c->path, at);
        WG_TRY(check(c, m->members, one, at));
    }
    return WAGLE_OK;
}

/* Checks the members of an object and, recursively, of the objects in it. Recursion ends where the
 * tables above end. */
static wagle_status check(const checking *c, const member *m, const json_t *object,
                          const char *path_in_file)
{
    for (; m->key != NULL; m++) {
        const json_t *v = json_object_get(object, m->key);
        char at[MAX_PATH_TEXT];
        snprintf(at, sizeof at, "%.100s%s%s", path_in_file, *path_in_file != '\0' ? "." : "",
                 m->key);
        if (!m->needed && (v == NULL || json_is_null(v)))
            continue;
        if (v == NULL || !is_kind(m, v))
            return fail_member(c->ctx, c->path, at, m, v);
        if (m->kind == OBJECT)
            WG_TRY(check(c, m->members, v, at));
        else if (m->kind == OBJECTS)
            WG_TRY(check_list(c, m, v, at));
    }
    return WAGLE_OK;
}

/* Checks that a test with a verdict has its numbers and its rule. */
static wagle_status check_tests(const checking *c, const json_t *root)
{
    const json_t *one;
    size_t i;

    json_array_foreach (json_object_get(root, "tests"), i, one) {
        const bool made = strcmp(wg_certificate_text(one, "verdict"), "not tested") != 0;
        if (made && (isnan(wg_certificate_real(one, "after")) ||
                     isnan(wg_certificate_real(one, "threshold")) ||
                     *wg_certificate_text(one, "rule") == '\0'))
            return wg_fail(c->ctx, WAGLE_E_INPUT,
                           "%s: damaged certificate: 'tests[%zu]' has a verdict without 'after', "
                           "'rule' and 'threshold'",
                           c->path, i);
    }
    return WAGLE_OK;
}

wagle_status wg_certificate_read(wagle_ctx *ctx, const char *path, json_t **out)
{
    const checking c = {ctx, path};
    wagle_status st = wg_json_read(ctx, path, out);

    if (st == WAGLE_OK && !json_is_object(*out))
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: damaged certificate: not a JSON object", path);
    if (st == WAGLE_OK && is_finite(json_object_get(*out, "version")) &&
        json_number_value(json_object_get(*out, "version")) > 1)
        st = wg_fail(ctx, WAGLE_E_INPUT,
                     "%s: a certificate of version %.0f; this wagle reads version 1", path,
                     json_number_value(json_object_get(*out, "version")));
    if (st == WAGLE_OK)
        st = check(&c, certificate, *out, "");
    if (st == WAGLE_OK)
        st = check_tests(&c, *out);
    if (st != WAGLE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}

const char *wg_certificate_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

double wg_certificate_real(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

int64_t wg_certificate_count(const json_t *tests, const char *group, const char *verdict)
{
    const json_t *one;
    int64_t n = 0;
    size_t i;

    json_array_foreach (tests, i, one)
        n += strcmp(wg_certificate_text(one, "verdict"), verdict) == 0 &&
             (group == NULL || strcmp(wg_certificate_text(one, "group"), group) == 0);
    return n;
}

/* --- redaction -------------------------------------------------------------------------------- */

typedef struct redaction {
    wagle_ctx *ctx;
    const json_t *subjects; /* names before redaction */
    const wg_redact_key *key;
} redaction;

static bool is_code(const char *key)
{
    for (const char *const *code = codes; *code != NULL; code++)
        if (strcmp(*code, key) == 0)
            return true;
    return false;
}

/* The longest subject that the text at `at` begins with, or NULL; *number is its index. */
static const json_t *subject_at(const redaction *r, const char *at, int64_t *number)
{
    const json_t *one, *longest = NULL;
    size_t i;

    json_array_foreach (r->subjects, i, one) {
        const size_t n = json_string_length(one);
        if (n > 0 && strncmp(at, json_string_value(one), n) == 0 &&
            (longest == NULL || n > json_string_length(longest))) {
            longest = one;
            *number = (int64_t)i;
        }
    }
    return longest;
}

static wagle_status add_tag(const redaction *r, const json_t *subject, int64_t number, wg_text *out)
{
    char tag[WG_TAG] = "[redacted]";

    if (r->key != NULL)
        WG_TRY(wg_redact_tag(r->ctx, r->key, -1 - number, wg_json_str(subject), tag));
    return wg_text_addz(r->ctx, out, tag);
}

static wagle_status redact_text(const redaction *r, json_t *value)
{
    wg_text out = {0};
    wagle_status st = wg_text_addz(r->ctx, &out, "");

    for (const char *at = json_string_value(value); st == WAGLE_OK && *at != '\0';) {
        int64_t number = 0;
        const json_t *subject = subject_at(r, at, &number);
        st = subject != NULL ? add_tag(r, subject, number, &out) : wg_text_add(r->ctx, &out, at, 1);
        at += subject != NULL ? json_string_length(subject) : 1;
    }
    if (st == WAGLE_OK && json_string_set(value, out.text) != 0)
        st = wg_json_memory(r->ctx);
    wg_text_free(&out);
    return st;
}

static wagle_status redact(const redaction *r, json_t *value)
{
    const char *key;
    json_t *inner;
    size_t i;

    if (json_is_string(value))
        return redact_text(r, value);
    json_array_foreach (value, i, inner)
        WG_TRY(redact(r, inner));
    json_object_foreach (value, key, inner)
        if (!is_code(key))
            WG_TRY(redact(r, inner));
    return WAGLE_OK;
}

wagle_status wg_certificate_redact(wagle_ctx *ctx, json_t *root, const wg_redact_key *key)
{
    json_t *subjects = json_deep_copy(json_object_get(json_object_get(root, "asked"), "subjects"));
    const redaction r = {ctx, subjects, key};
    wagle_status st = json_is_true(json_object_get(root, "redacted")) ? WAGLE_OK : redact(&r, root);

    json_decref(subjects);
    return st;
}
