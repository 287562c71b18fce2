/* stem.c - Porter's suffix stripping (1980) with the extensions of NLTK. Each step is a list of
 * rules. The first rule whose suffix matches decides, even if its condition does not hold. */
#include "metric/rouge.h"

#include <string.h>

typedef bool condition(const char *stem, size_t n);

typedef struct rule {
    const char *suffix, *replacement;
    condition *holds; /* NULL: always */
} rule;

static bool consonant(const char *w, size_t i)
{
    if (strchr("aeiou", w[i]) != NULL)
        return false;
    return w[i] != 'y' || i == 0 || !consonant(w, i - 1);
}

/* Number of vowel-consonant changes in w [n]. */
static int measure(const char *w, size_t n)
{
    bool was_consonant = true;
    int m = 0;

    for (size_t i = 0; i < n; i++) {
        const bool is = w[i] == 'y' ? i == 0 || !was_consonant : strchr("aeiou", w[i]) == NULL;
        m += i > 0 && is && !was_consonant;
        was_consonant = is;
    }
    return m;
}

static bool positive(const char *w, size_t n)
{
    return measure(w, n) > 0;
}

static bool above_one(const char *w, size_t n)
{
    return measure(w, n) > 1;
}

static bool ion(const char *w, size_t n)
{
    return measure(w, n) > 1 && (w[n - 1] == 's' || w[n - 1] == 't');
}

static bool after_consonant(const char *w, size_t n)
{
    return n > 1 && consonant(w, n - 1);
}

static bool logi(const char *w, size_t n) /* includes the l of "log" in the measure */
{
    return measure(w, n + 1) > 0;
}

static bool has_vowel(const char *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!consonant(w, i))
            return true;
    return false;
}

static bool ends_cvc(const char *w, size_t n)
{
    if (n == 2)
        return !consonant(w, 0) && consonant(w, 1);
    return n >= 3 && consonant(w, n - 3) && !consonant(w, n - 2) && consonant(w, n - 1) &&
           strchr("wxy", w[n - 1]) == NULL;
}

static bool ends(const char *w, const char *suffix)
{
    const size_t n = strlen(w), m = strlen(suffix);
    return n >= m && memcmp(w + n - m, suffix, m) == 0;
}

static void replace(char *w, const char *suffix, const char *by)
{
    strcpy(w + strlen(w) - strlen(suffix), by);
}

static void apply(char *w, const rule *rules)
{
    for (; rules->suffix != NULL; rules++)
        if (ends(w, rules->suffix)) {
            if (rules->holds == NULL || rules->holds(w, strlen(w) - strlen(rules->suffix)))
                replace(w, rules->suffix, rules->replacement);
            return;
        }
}

static void step1a(char *w)
{
    static const rule rules[] = {
        {"sses", "ss", NULL}, {"ies", "i", NULL}, {"ss", "ss", NULL}, {"s", "", NULL}, {0}};

    if (strlen(w) == 4 && ends(w, "ies"))
        replace(w, "ies", "ie");
    else
        apply(w, rules);
}

/* Repairs a stem after -ed or -ing was removed. */
static void repair(char *w)
{
    const size_t n = strlen(w);

    if (ends(w, "at") || ends(w, "bl") || ends(w, "iz"))
        strcat(w, "e");
    else if (n >= 2 && w[n - 1] == w[n - 2] && consonant(w, n - 1)) {
        if (strchr("lsz", w[n - 1]) == NULL)
            w[n - 1] = '\0';
    } else if (measure(w, n) == 1 && ends_cvc(w, n))
        strcat(w, "e");
}

static void step1b(char *w)
{
    static const char *const suffixes[] = {"ed", "ing"};

    if (ends(w, "ied")) {
        replace(w, "ied", strlen(w) == 4 ? "ie" : "i");
        return;
    }
    if (ends(w, "eed")) {
        if (positive(w, strlen(w) - 3))
            replace(w, "eed", "ee");
        return;
    }
    for (int i = 0; i < 2; i++)
        if (ends(w, suffixes[i]) && has_vowel(w, strlen(w) - strlen(suffixes[i]))) {
            replace(w, suffixes[i], "");
            repair(w);
            return;
        }
}

static const rule step1c[] = {{"y", "i", after_consonant}, {0}};
static const rule step2[] = {{"ational", "ate", positive},
                             {"tional", "tion", positive},
                             {"enci", "ence", positive},
                             {"anci", "ance", positive},
                             {"izer", "ize", positive},
                             {"bli", "ble", positive},
                             {"alli", "al", positive},
                             {"entli", "ent", positive},
                             {"eli", "e", positive},
                             {"ousli", "ous", positive},
                             {"ization", "ize", positive},
                             {"ation", "ate", positive},
                             {"ator", "ate", positive},
                             {"alism", "al", positive},
                             {"iveness", "ive", positive},
                             {"fulness", "ful", positive},
                             {"ousness", "ous", positive},
                             {"aliti", "al", positive},
                             {"iviti", "ive", positive},
                             {"biliti", "ble", positive},
                             {"fulli", "ful", positive},
                             {"logi", "log", logi},
                             {0}};
static const rule step3[] = {{"icate", "ic", positive}, {"ative", "", positive},
                             {"alize", "al", positive}, {"iciti", "ic", positive},
                             {"ical", "ic", positive},  {"ful", "", positive},
                             {"ness", "", positive},    {0}};
static const rule step4[] = {{"al", "", above_one},    {"ance", "", above_one},
                             {"ence", "", above_one},  {"er", "", above_one},
                             {"ic", "", above_one},    {"able", "", above_one},
                             {"ible", "", above_one},  {"ant", "", above_one},
                             {"ement", "", above_one}, {"ment", "", above_one},
                             {"ent", "", above_one},   {"ion", "", ion},
                             {"ou", "", above_one},    {"ism", "", above_one},
                             {"ate", "", above_one},   {"iti", "", above_one},
                             {"ous", "", above_one},   {"ive", "", above_one},
                             {"ize", "", above_one},   {0}};

static void step5(char *w)
{
    const size_t n = strlen(w);

    if (n > 0 && w[n - 1] == 'e' &&
        (measure(w, n - 1) > 1 || (measure(w, n - 1) == 1 && !ends_cvc(w, n - 1))))
        w[n - 1] = '\0';
    if (ends(w, "ll") && measure(w, strlen(w) - 1) > 1)
        w[strlen(w) - 1] = '\0';
}

static bool irregular(char *w)
{
    static const char *const forms[][2] = {
        {"sky", "sky"},        {"skies", "sky"},        {"dying", "die"},
        {"lying", "lie"},      {"tying", "tie"},        {"news", "news"},
        {"innings", "inning"}, {"inning", "inning"},    {"outings", "outing"},
        {"outing", "outing"},  {"cannings", "canning"}, {"canning", "canning"},
        {"howe", "howe"},      {"proceed", "proceed"},  {"exceed", "exceed"},
        {"succeed", "succeed"}};

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(w, forms[i][0]) == 0) {
            strcpy(w, forms[i][1]);
            return true;
        }
    return false;
}

void wg_porter_stem(char *w)
{
    if (irregular(w) || strlen(w) <= 2)
        return;
    step1a(w);
    step1b(w);
    apply(w, step1c);
    if (ends(w, "alli") && positive(w, strlen(w) - 4))
        replace(w, "alli", "al");
    apply(w, step2);
    apply(w, step3);
    apply(w, step4);
    step5(w);
}
