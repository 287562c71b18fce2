#include "io/notweights.h"

#include "base/text.h"
#include <string.h>

#define TORCH                                                                                      \
    "convert it in Python: safetensors.torch.save_file(torch.load('%s'), 'new.safetensors')"
#define NUMPY                                                                                      \
    "convert it in Python: safetensors.numpy.save_file({NAME: numpy.load('%s')}, "                 \
    "'new.safetensors')"

static const struct mark {
    size_t n;
    const char *bytes, *ending; /* ending: of the file name, or NULL */
    const char *what, *way;     /* way: how to convert it; %s is the path */
} marks[] = {
    {4, "PK\x03\x04", ".npz", "a NumPy archive", NUMPY},
    {4, "PK\x03\x04", NULL, "a PyTorch file", TORCH},
    {2, "\x80\x02", NULL, "a PyTorch file (a Python pickle)", TORCH},
    {2, "\x80\x03", NULL, "a Python pickle", TORCH},
    {2, "\x80\x04", NULL, "a Python pickle", TORCH},
    {2, "\x80\x05", NULL, "a Python pickle", TORCH},
    {6, "\x93NUMPY", NULL, "a NumPy array", NUMPY},
    {8, "\x89HDF\r\n\x1A\n", NULL, "an HDF5 file", "save its tensors with safetensors in Python"},
    {4, "GGUF", NULL, "a GGUF model", "'wagle import %s --out DIR' makes a model folder of it"},
    {23, "version https://git-lfs", NULL, "a Git LFS pointer, not the file itself",
     "'git lfs pull' fetches it"},
    {2, "\x1F\x8B", NULL, "compressed with gzip", "gunzip it first"},
    {1, "{", NULL, "JSON or rows of text", "a file of tensors is wanted here"},
    {1, "[", NULL, "JSON or rows of text", "a file of tensors is wanted here"},
};

wagle_status wg_not_weights(wagle_ctx *ctx, const char *path, const unsigned char *data,
                            size_t bytes)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const struct mark *m = &marks[i];
        const char *in_way = strstr(m->way, "%s");
        if (bytes < m->n || memcmp(data, m->bytes, m->n) != 0 ||
            (m->ending != NULL && !wg_ends_with(path, m->ending)))
            continue;
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not a safetensors file but %s: %.*s%s%s", path,
                       m->what, in_way != NULL ? (int)(in_way - m->way) : (int)strlen(m->way),
                       m->way, in_way != NULL ? path : "", in_way != NULL ? in_way + 2 : "");
    }
    return WAGLE_OK;
}
