/* memory.h - allocation with checked sizes; all allocations of the library use it. */
#ifndef WG_BASE_MEMORY_H
#define WG_BASE_MEMORY_H

#include "base/context.h"

/* Zeroed memory of count x size bytes, or NULL with the error recorded. Free with wg_free. */
void *wg_alloc(wagle_ctx *ctx, int64_t count, size_t size);
void *wg_resize(wagle_ctx *ctx, void *old, int64_t count, size_t size);
void wg_free(void *memory);
/* A copy of text [bytes] with a NUL added. */
char *wg_copy_text(wagle_ctx *ctx, const char *text, size_t bytes);

/* WG_TRY(WG_ALLOC(ctx, &array, n)) - *pointer becomes n zeroed elements. */
#define WG_ALLOC(ctx, pointer, count)                                                              \
    ((*(pointer) = wg_alloc((ctx), (count), sizeof **(pointer))) != NULL ? WAGLE_OK                \
                                                                         : WAGLE_E_RESOURCE)

/* Grows *pointer from *capacity elements to at least `need`. New elements are not initialised. */
#define WG_GROW(ctx, pointer, capacity, need)                                                      \
    wg_grow((ctx), (void *)(pointer), (capacity), (need), sizeof **(pointer))
WAGLE_CHECK wagle_status wg_grow(wagle_ctx *ctx, void *pointer, int64_t *capacity, int64_t need,
                                 size_t size);

/* Tests only: the n-th allocation from now fails (1 = the next), 0 = never. Returns how many calls
 * the previously requested failure was still away; 0 if it happened. */
int64_t wg_memory_fail_at(int64_t n);
/* Tests only: number of allocations not yet freed. */
int64_t wg_memory_live(void);

/* Memory that is freed all at once, such as strings of parsers. */
typedef struct wg_arena {
    struct wg_arena_block *blocks;
} wg_arena;

void *wg_arena_alloc(wagle_ctx *ctx, wg_arena *arena, size_t bytes); /* zeroed, 16-aligned */
char *wg_arena_text(wagle_ctx *ctx, wg_arena *arena, const char *text, size_t bytes);
void wg_arena_free(wg_arena *arena);

#endif
