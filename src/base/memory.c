#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static atomic_llong countdown;
static atomic_llong live;

int64_t wg_memory_fail_at(int64_t n)
{
    return atomic_exchange(&countdown, n);
}

int64_t wg_memory_live(void)
{
    return atomic_load(&live);
}

static bool fails_by_test(void)
{
    return atomic_load(&countdown) > 0 && atomic_fetch_sub(&countdown, 1) == 1;
}

static void *out_of_memory(wagle_ctx *ctx, int64_t count, size_t size)
{
    const double bytes = (double)count * (double)size;

    wg_explain(ctx, "not enough memory: %.1f MB more were needed", bytes / 1e6);
    return NULL;
}

enum { HUGE_PAGE = 1 << 21 };

/* Advises large pages for large blocks: fewer page faults and TLB misses. */
static void advise_large(void *memory, size_t bytes)
{
    const uintptr_t first = ((uintptr_t)memory + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
    const uintptr_t last = ((uintptr_t)memory + bytes) & ~(uintptr_t)(HUGE_PAGE - 1);

    if (bytes >= 4 * (size_t)HUGE_PAGE && first < last)
        (void)madvise((void *)first, last - first, MADV_HUGEPAGE);
}

void *wg_resize(wagle_ctx *ctx, void *old, int64_t count, size_t size)
{
    size_t bytes = 0;
    void *memory = NULL;

    if (count < 0 || __builtin_mul_overflow((size_t)(count > 0 ? count : 1), size, &bytes))
        return out_of_memory(ctx, count, size);
    if (!fails_by_test())
        memory = old != NULL ? realloc(old, bytes) : calloc(1, bytes);
    if (memory == NULL)
        return out_of_memory(ctx, count, size);
    if (old == NULL)
        atomic_fetch_add(&live, 1);
    advise_large(memory, bytes);
    return memory;
}

void *wg_alloc(wagle_ctx *ctx, int64_t count, size_t size)
{
    return wg_resize(ctx, NULL, count, size);
}

void wg_free(void *memory)
{
    if (memory != NULL)
        atomic_fetch_sub(&live, 1);
    free(memory);
}

wagle_status wg_grow(wagle_ctx *ctx, void *pointer, int64_t *capacity, int64_t need, size_t size)
{
    const int64_t doubled = *capacity < INT64_MAX / 2 ? 2 * *capacity : INT64_MAX;
    const int64_t wanted = need > doubled ? need : doubled;
    void *old, *grown;

    if (need <= *capacity)
        return WAGLE_OK;
    memcpy(&old, pointer, sizeof old);
    grown = wg_resize(ctx, old, wanted < 16 ? 16 : wanted, size);
    if (grown == NULL)
        return WAGLE_E_RESOURCE;
    memcpy(pointer, &grown, sizeof grown);
    *capacity = wanted < 16 ? 16 : wanted;
    return WAGLE_OK;
}

char *wg_copy_text(wagle_ctx *ctx, const char *text, size_t bytes)
{
    char *copy = wg_alloc(ctx, (int64_t)bytes + 1, 1);

    if (copy != NULL && bytes > 0)
        memcpy(copy, text, bytes);
    return copy;
}

struct wg_arena_block {
    struct wg_arena_block *next;
    size_t used, size;
};

enum { BLOCK_BYTES = 1 << 16, HEADER = (sizeof(struct wg_arena_block) + 15) / 16 * 16 };

void *wg_arena_alloc(wagle_ctx *ctx, wg_arena *arena, size_t bytes)
{
    struct wg_arena_block *block = arena->blocks;
    char *memory;

    if (bytes > SIZE_MAX / 4)
        return out_of_memory(ctx, (int64_t)(bytes / 2), 2);
    bytes = (bytes + 15) / 16 * 16;
    if (block == NULL || block->size - block->used < bytes) {
        const size_t size = bytes > BLOCK_BYTES / 4 ? bytes : BLOCK_BYTES;
        block = wg_alloc(ctx, (int64_t)(HEADER + size), 1);
        if (block == NULL)
            return NULL;
        block->size = size;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    memory = (char *)block + HEADER + block->used;
    block->used += bytes;
    return memory;
}

char *wg_arena_text(wagle_ctx *ctx, wg_arena *arena, const char *text, size_t bytes)
{
    char *copy = wg_arena_alloc(ctx, arena, bytes + 1);

    if (copy != NULL && bytes > 0)
        memcpy(copy, text, bytes);
    return copy;
}

void wg_arena_free(wg_arena *arena)
{
    while (arena->blocks != NULL) {
        struct wg_arena_block *next = arena->blocks->next;
        wg_free(arena->blocks);
        arena->blocks = next;
    }
}
