/* libnvrtc.c - a pretended compiler, built as libnvrtc.so.13: the kernels are in libcuda.so.1. */
#include "failing.h"

#include <string.h>

static const char code[] = "pretended code";
static char program;

int nvrtcVersion(int *major, int *minor)
{
    MAY_FAIL(7);
    *major = 13;
    *minor = 0;
    return 0;
}

int nvrtcGetNumSupportedArchs(int *n)
{
    MAY_FAIL(7);
    *n = 1;
    return 0;
}

int nvrtcGetSupportedArchs(int *list)
{
    MAY_FAIL(7);
    *list = 90;
    return 0;
}

int nvrtcCreateProgram(void **out, const char *source, const char *name, int headers,
                       const char *const *sources, const char *const *names)
{
    MAY_FAIL(7);
    (void)source, (void)name, (void)headers, (void)sources, (void)names;
    *out = &program;
    return 0;
}

int nvrtcDestroyProgram(void **out)
{
    MAY_FAIL(7);
    *out = NULL;
    return 0;
}

int nvrtcCompileProgram(void *of, int n, const char *const *options)
{
    MAY_FAIL(7);
    (void)of, (void)n, (void)options;
    return 0;
}

int nvrtcGetProgramLogSize(void *of, size_t *bytes)
{
    MAY_FAIL(7);
    (void)of;
    *bytes = 1;
    return 0;
}

int nvrtcGetProgramLog(void *of, char *log)
{
    MAY_FAIL(7);
    (void)of;
    *log = '\0';
    return 0;
}

int nvrtcGetCUBINSize(void *of, size_t *bytes)
{
    MAY_FAIL(7);
    (void)of;
    *bytes = sizeof code;
    return 0;
}

int nvrtcGetCUBIN(void *of, char *to)
{
    MAY_FAIL(7);
    (void)of;
    memcpy(to, code, sizeof code);
    return 0;
}

int nvrtcGetPTXSize(void *of, size_t *bytes)
{
    MAY_FAIL(7);
    (void)of;
    *bytes = sizeof code;
    return 0;
}

int nvrtcGetPTX(void *of, char *to)
{
    MAY_FAIL(7);
    (void)of;
    memcpy(to, code, sizeof code);
    return 0;
}
