/* perturbed.c - the wrong answers of a row of TOFU. */
#include "suite/suite.h"

#include <string.h>

/* Whether a text is a list as pandas writes it to CSV: "['a', 'b']". */
static bool is_printed_list(const json_t *value)
{
    const wg_str s = wg_json_str(value);

    return s.bytes > 2 && s.text[0] == '[' && s.text[s.bytes - 1] == ']' &&
           (s.text[1] == '\'' || s.text[1] == '"');
}

wagle_status wg_answers_add_perturbed(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a, int64_t i,
                                      const wg_asked *asked, int64_t *perturbed)
{
    const wg_record record = wg_answers_record(a, i);
    wg_str *wrong;
    int64_t n;
    wagle_status st;

    if (json_object_get(record.fields, "perturbed_answer") == NULL)
        return wg_answers_fail(ctx, a, i,
                               "no list 'perturbed_answer'; the _perturbed files of TOFU have it");
    if (is_printed_list(json_object_get(record.fields, "perturbed_answer")))
        return wg_answers_fail(ctx, a, i,
                               "'perturbed_answer' is one text that looks like a printed list; a "
                               "list of texts is wanted, which CSV cannot hold (write JSON Lines)");
    WG_TRY(wg_record_texts(ctx, &record, "perturbed_answer", &wrong, &n));
    st = i == 0 || n == *perturbed
             ? WAGLE_OK
             : wg_answers_fail(ctx, a, i,
                               "perturbed_answer has %lld texts, the rows before have %lld",
                               (long long)n, (long long)*perturbed);
    *perturbed = n;
    for (int64_t k = 0; st == WAGLE_OK && k < n; k++)
        st = wg_answers_add_to(ctx, e, a, i, asked, wrong[k]);
    wg_free(wrong);
    return st;
}
