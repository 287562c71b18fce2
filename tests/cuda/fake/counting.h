/* counting.h - calls by name: WG_FAKE_COUNTS=FILE adds a line for each kernel, copy and product to
 * the file when the program ends. */
#ifndef WG_TESTS_CUDA_FAKE_COUNTING_H
#define WG_TESTS_CUDA_FAKE_COUNTING_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAKE_NAMES = 256 };

static struct {
    char name[64];
    long calls;
} fake_count[FAKE_NAMES];

static inline void fake_counted(const char *name)
{
    static pthread_mutex_t in_use = PTHREAD_MUTEX_INITIALIZER;
    int i = 0;

    if (getenv("WG_FAKE_COUNTS") == NULL)
        return;
    pthread_mutex_lock(&in_use);
    while (i + 1 < FAKE_NAMES && fake_count[i].calls > 0 && strcmp(fake_count[i].name, name) != 0)
        i++;
    snprintf(fake_count[i].name, sizeof fake_count[i].name, "%s", name);
    fake_count[i].calls++;
    pthread_mutex_unlock(&in_use);
}

__attribute__((destructor)) static void fake_tell_counts(void)
{
    const char *path = getenv("WG_FAKE_COUNTS");
    FILE *f = path != NULL ? fopen(path, "a") : NULL;

    for (int i = 0; f != NULL && i < FAKE_NAMES && fake_count[i].calls > 0; i++)
        fprintf(f, "%s %ld\n", fake_count[i].name, fake_count[i].calls);
    if (f != NULL)
        fclose(f);
}

#endif
