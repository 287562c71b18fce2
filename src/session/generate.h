/* generate.h - continuations of prompts, greedy or sampled, several at once. */
#ifndef WG_SESSION_GENERATE_H
#define WG_SESSION_GENERATE_H

#include "session/session.h"

typedef struct wg_sampling {
    double temperature, top_p;
    int64_t top_k, max_tokens;
    uint64_t seed;
    wagle_weights weights;
    const char *stage;    /* of the progress; NULL: "generate" */
    const int64_t *limit; /* [n] of each prompt, at most max_tokens; NULL: max_tokens */
    const wg_ids *passed; /* tokens that end no text, though the model's config says so; or NULL */
    const char *const *stop; /* a text that contains one of these has ended (stop.c); callers cut
                                it off. The reader must have its tokenizer. Or NULL */
    /* Or NULL. After each token of prompt p, which `text` ends with. *stop: it was the last. ended:
     * an end-of-text token came instead, `id`, and that is all. */
    wagle_status (*take)(void *user, wagle_ctx *ctx, int64_t p, const wg_ids *text, int32_t id,
                         bool ended, bool *stop);
    void *user;
} wg_sampling;

/* Appends up to max_tokens tokens to each prompt [n]; an end-of-text token ends one (and is left
 * out). out [n] has the new tokens; free each id with wg_free. */
WAGLE_CHECK wagle_status wg_generate(wagle_ctx *ctx, wg_session *s, const wg_ids *prompts,
                                     int64_t n, const wg_sampling *how, wg_ids *out);
/* Frees token lists [n] and their array; NULL is none. */
void wg_free_lists(wg_ids *list, int64_t n);
/* Text of generated ids. A model's vocabulary may be larger than its tokenizer's: what that does
 * not know is left out, as others do. */
WAGLE_CHECK wagle_status wg_generated_text(wagle_ctx *ctx, const wg_session *s, const wg_ids *made,
                                           wg_text *out);

/* --- stop.c: what ends a text, NULL-terminated, or NULL --------------------------------------- */

/* Refuses an empty text. */
WAGLE_CHECK wagle_status wg_stop_check(wagle_ctx *ctx, const char *const *stop);
/* Text of generated ids up to where it first contains one of them; *cut (or NULL): whether it does.
 */
WAGLE_CHECK wagle_status wg_stop_text(wagle_ctx *ctx, const wg_session *s, const char *const *stop,
                                      const wg_ids *made, wg_text *out, bool *cut);
/* Bytes at the end of a text with which one of them may begin. */
int64_t wg_stop_begun(const char *const *stop, const char *text, int64_t bytes);
/* Whether the text of generated ids contains one. */
WAGLE_CHECK wagle_status wg_stop_reached(wagle_ctx *ctx, const wg_session *s,
                                         const char *const *stop, const wg_ids *made,
                                         bool *reached);
/* Shortens a list of generated ids to those whose text lies before the cut as a whole. */
WAGLE_CHECK wagle_status wg_stop_keep(wagle_ctx *ctx, const wg_session *s, const char *const *stop,
                                      wg_ids *made);

#endif
