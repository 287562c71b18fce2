#include "io/foreign.h"

#include "base/text.h"

#include <string.h>

#define PANDAS(reader) "Python: pandas." reader "(FILE).to_parquet('rows.parquet')"
#define PICKLE "load it in Python and write its rows with json.dumps, one a line"

static const struct magic {
    size_t at; /* offset of the mark */
    size_t n;
    const char *mark, *what, *way;
} magics[] = {
    {0, 4, "PAR1", "a Parquet file that is compressed as a whole", "unpack it first"},
    {0, 4, "PARE", "an encrypted Parquet file", "write it without encryption"},
    {0, 6, "ARROW1", "an Arrow or Feather file that is compressed as a whole", "unpack it first"},
    {0, 4, "FEA1", "a Feather file of version 1", PANDAS("read_feather")},
    {0, 4, "\xFF\xFF\xFF\xFF", "an Arrow stream that is compressed as a whole", "unpack it first"},
    {0, 3, "ORC", "an ORC file", PANDAS("read_orc")},
    {0, 4, "Obj\x01", "an Avro file", "write its rows as JSON Lines"},
    {0, 2, "\x1F\x8B", "compressed twice", "gunzip it first"},
    {0, 4, "\x28\xB5\x2F\xFD", "compressed twice", "zstd -d it first"},
    {0, 6, "\xFD\x37zXZ\0", "compressed with xz", "unxz it first"},
    {0, 3, "BZh", "compressed with bzip2", "bunzip2 it first"},
    {0, 4, "\x04\x22\x4D\x18", "compressed with lz4", "lz4 -d it first"},
    {0, 4, "PK\x03\x04", "a zip archive (as .xlsx, .npz and PyTorch's .pt are)",
     "unzip it, or save the sheet as CSV"},
    {0, 4, "\xD0\xCF\x11\xE0", "an old Excel or Word file", "save the sheet as CSV"},
    {257, 5, "ustar", "a tar archive", "unpack it first"},
    {0, 2, "\x80\x02", "a Python pickle", PICKLE},
    {0, 2, "\x80\x03", "a Python pickle", PICKLE},
    {0, 2, "\x80\x04", "a Python pickle", PICKLE},
    {0, 2, "\x80\x05", "a Python pickle", PICKLE},
    {0, 6, "\x93NUMPY", "a NumPy array", PICKLE},
    {0, 8, "\x89HDF\r\n\x1A\n", "an HDF5 file", PANDAS("read_hdf")},
    {0, 15, "SQLite format 3", "an SQLite database", "sqlite3 -json prints rows of a query"},
    {0, 4, "GGUF", "a GGUF model", "rows of text are wanted here"},
    {0, 5, "%PDF-", "a PDF", "rows of text are wanted here"},
    {0, 14, "<!DOCTYPE html", "an HTML page", "a download may have saved an error page"},
    {0, 5, "<html", "an HTML page", "a download may have saved an error page"},
    {0, 5, "<?xml", "an XML file", "write its rows as JSON Lines"},
    {0, 23, "version https://git-lfs", "a Git LFS pointer, not the file itself",
     "git lfs pull fetches it"},
    {0, 4, "\xFF\xFE\0\0", "text in UTF-32", "iconv -f UTF-32 -t UTF-8 converts it"},
    {0, 4, "\0\0\xFE\xFF", "text in UTF-32", "iconv -f UTF-32 -t UTF-8 converts it"},
    {0, 2, "\xFF\xFE", "text in UTF-16", "iconv -f UTF-16 -t UTF-8 converts it"},
    {0, 2, "\xFE\xFF", "text in UTF-16", "iconv -f UTF-16 -t UTF-8 converts it"},
};

/* Whether a text is ASCII in a wider encoding without a byte order mark: one character every
 * `width` bytes, from `from` on, and NUL in between. */
static bool is_wide(const char *text, size_t bytes, size_t width, size_t from)
{
    const size_t max = bytes < 16 ? bytes : 16;

    for (size_t i = 0; i < max; i++)
        if ((text[i] != '\0') != (i % width == from))
            return false;
    return max >= 2 * width;
}

wagle_status wg_rows_foreign(wagle_ctx *ctx, const char *what, const char *text, size_t bytes)
{
    static const struct {
        size_t width, from;
        const char *name;
    } wide[] = {{2, 0, "UTF-16LE"}, {2, 1, "UTF-16BE"}, {4, 0, "UTF-32LE"}, {4, 3, "UTF-32BE"}};

    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        const struct magic *m = &magics[i];
        if (bytes >= m->at + m->n && memcmp(text + m->at, m->mark, m->n) == 0)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "%s: this is %s; expected JSON Lines, a JSON array, CSV, Parquet or "
                           "Arrow (%s)",
                           what, m->what, m->way);
    }
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (is_wide(text, bytes, wide[i].width, wide[i].from))
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "%s: this is text in %s; expected UTF-8 (iconv -f %s -t UTF-8)", what,
                           wide[i].name, wide[i].name);
    return WAGLE_OK;
}

static bool has(char *const *names, const char *name)
{
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool has_arrow(char *const *names)
{
    for (; *names != NULL; names++)
        if (wg_ends_with(*names, ".arrow"))
            return true;
    return false;
}

wagle_status wg_rows_foreign_folder(wagle_ctx *ctx, const char *path, char *const *names)
{
    if (has(names, "dataset_dict.json"))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: splits that datasets wrote by save_to_disk; name the folder of one of "
                       "them, as in %s/train",
                       path, path);
    return has(names, "dataset_info.json") && has_arrow(names)
               ? wg_fail(ctx, WAGLE_E_INPUT,
                         "%s: a folder of the cache of datasets, which may have several splits; "
                         "name the .arrow file that is meant",
                         path)
               : WAGLE_OK;
}
