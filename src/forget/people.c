/* people.c - questions about the people of a table. Each row is a person, each column a fact. */
#include "forget/forget.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Column names are compared without case; '_' and '-' match a space. */
static const char *const name_columns[] = {"name",     "full name", "person",   "subject",
                                           "fullname", "employee",  "customer", "patient",
                                           "author",   "user",      "client",   NULL};
static const char *const first_columns[] = {"first name", "given name", "forename", "firstname",
                                            NULL};
static const char *const last_columns[] = {"last name", "surname", "family name", "lastname", NULL};

/* Templates for common columns. %N: the person, %V: the value, %C: the column's name. */
static const struct fact {
    const char *columns, *question, *answer;
} facts[] = {
    {"|place of birth|birthplace|birth place|born in|", "Where was %N born?", "%N was born in %V."},
    {"|date of birth|birthday|birth date|birthdate|dob|born|", "When was %N born?",
     "%N was born on %V."},
    {"|date of death|died|", "When did %N die?", "%N died on %V."},
    {"|occupation|job|profession|job title|role|position|", "What is the occupation of %N?",
     "The occupation of %N is %V."},
    {"|employer|company|organisation|organization|workplace|", "Who does %N work for?",
     "%N works for %V."},
    {"|email|e mail|mail|email address|", "What is the email address of %N?",
     "The email address of %N is %V."},
    {"|phone|telephone|phone number|mobile|mobile number|", "What is the phone number of %N?",
     "The phone number of %N is %V."},
    {"|address|home address|street|postal address|", "What is the address of %N?",
     "The address of %N is %V."},
    {"|city|town|residence|home town|hometown|location|lives in|", "Where does %N live?",
     "%N lives in %V."},
    {"|spouse|husband|wife|partner|married to|", "Who is %N married to?", "%N is married to %V."},
    {"|school|university|education|college|", "Where did %N study?", "%N studied at %V."},
    {"|age|", "How old is %N?", "%N is %V years old."},
    {"|", "What is the %C of %N?", "The %C of %N is %V."},
};
enum { FACTS = sizeof facts / sizeof *facts };

static void normalize_name(const char *column, char out[64])
{
    size_t n = 0;

    for (; column[n] != '\0' && n < 63; n++)
        out[n] =
            column[n] == '_' || column[n] == '-' ? ' ' : (char)tolower((unsigned char)column[n]);
    out[n] = '\0';
}

/* Finds the first of these columns that the row has. Returns the key as the row spells it, or NULL.
 */
static const char *find_column(const json_t *row, const char *const *names)
{
    for (; *names != NULL; names++) {
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)(uintptr_t)row, key, value) {
            char normalized[64];
            normalize_name(key, normalized);
            if (strcmp(normalized, *names) == 0 && json_is_string(value))
                return key;
        }
    }
    return NULL;
}

static const char *text_at(const json_t *row, const char *key)
{
    const char *text = key != NULL ? json_string_value(json_object_get(row, key)) : NULL;

    return text != NULL ? text : "";
}

static wagle_status write_name(wagle_ctx *ctx, const json_t *row, wg_text *out)
{
    const char *full = find_column(row, name_columns);

    out->bytes = 0;
    if (full != NULL)
        return wg_text_addz(ctx, out, text_at(row, full));
    return wg_text_printf(ctx, out, "%s %s", text_at(row, find_column(row, first_columns)),
                          text_at(row, find_column(row, last_columns)));
}

static bool is_name(const json_t *row, const char *key)
{
    const char *const used[] = {find_column(row, name_columns), find_column(row, first_columns),
                                find_column(row, last_columns)};

    for (int i = 0; i < 3; i++)
        if (used[i] != NULL && strcmp(used[i], key) == 0 && (i == 0 || used[0] == NULL))
            return true;
    return false;
}

bool wg_people_table(const wg_rows *rows)
{
    const json_t *row = rows->n > 0 ? rows->row[0] : NULL;

    return row != NULL && json_object_size(row) > 1 &&
           (find_column(row, name_columns) != NULL ||
            (find_column(row, first_columns) != NULL && find_column(row, last_columns) != NULL));
}

static const struct fact *find_fact(const char *column)
{
    char key[68];

    key[0] = '|';
    normalize_name(column, key + 1);
    strcat(key, "|");
    for (int i = 0; i < FACTS - 1; i++)
        if (strstr(facts[i].columns, key) != NULL)
            return &facts[i];
    return &facts[FACTS - 1];
}

/* Replaces %N, %V and %C in a template. */
static wagle_status fill(wagle_ctx *ctx, const char *template, const char *name, const char *column,
                         const char *value, wg_text *out)
{
    char normalized[64];

    normalize_name(column, normalized);
    out->bytes = 0;
    for (const char *at = template; *at != '\0'; at++) {
        if (*at != '%')
            WG_TRY(wg_text_add(ctx, out, at, 1));
        else
            WG_TRY(wg_text_addz(ctx, out, *++at == 'N' ? name : *at == 'V' ? value : normalized));
    }
    return WAGLE_OK;
}

/* A value as text; strings lose surrounding white space. Returns false if there is no value. */
static bool write_value(wagle_ctx *ctx, const json_t *value, wg_text *out, wagle_status *st)
{
    const char *text = json_string_value(value);
    size_t n;

    out->bytes = 0;
    if (json_is_integer(value))
        *st = wg_text_printf(ctx, out, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        *st = wg_text_printf(ctx, out, "%.10g", json_real_value(value));
    if (text == NULL)
        return out->bytes > 0;
    text += strspn(text, " \t\r\n");
    n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
        n--;
    *st = wg_text_add(ctx, out, text, n);
    return n > 0;
}

static wagle_status add_question(wg_forget *f, const char *name, const char *column,
                                 const char *value, wg_text *out)
{
    const struct fact *fact = find_fact(column);
    wg_text question = {0}, answer = {0};
    wagle_status st = fill(f->ctx, fact->question, name, column, value, &question);

    if (st == WAGLE_OK)
        st = fill(f->ctx, fact->answer, name, column, value, &answer);
    if (st == WAGLE_OK)
        st = wg_forget_add_question(f, question.text, answer.text, out);
    wg_text_free(&question);
    wg_text_free(&answer);
    return st;
}

static wagle_status add_person(wg_forget *f, const json_t *row, const char *name, wg_text *out)
{
    wg_text value = {0};
    const char *key;
    json_t *field;
    wagle_status st = WAGLE_OK;

    json_object_foreach ((json_t *)(uintptr_t)row, key, field) {
        if (st != WAGLE_OK || is_name(row, key) || !write_value(f->ctx, field, &value, &st))
            continue;
        if (st == WAGLE_OK)
            st = add_question(f, name, key, value.text, out);
    }
    wg_text_free(&value);
    return st;
}

wagle_status wg_people_rows(wg_forget *f, const wg_rows *rows, wg_text *out)
{
    wg_text name = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i++) {
        st = write_name(f->ctx, rows->row[i], &name);
        if (st == WAGLE_OK && strspn(name.text, " ") == strlen(name.text))
            st = wg_fail(f->ctx, WAGLE_E_INPUT, "%s:%lld: this row has no name", f->o->data,
                         (long long)rows->line[i]);
        if (st == WAGLE_OK)
            st = add_person(f, rows->row[i], name.text, out);
        if (st == WAGLE_OK && json_array_append_new(f->subjects, wg_json_bytes(name.text)) != 0)
            st = wg_json_memory(f->ctx);
    }
    wg_text_free(&name);
    if (st == WAGLE_OK && f->n_rows == 0)
        st = wg_fail(f->ctx, WAGLE_E_INPUT,
                     "%s: the table has names and no facts, so that there is nothing to ask about",
                     f->o->data);
    return st;
}
