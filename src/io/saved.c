#include "io/saved.h"

#include <string.h>

static const char STATE[] = "state.json", INFO[] = "dataset_info.json";

bool wg_is_saved(char *const *names)
{
    int found = 0;

    for (; *names != NULL; names++)
        found += strcmp(*names, STATE) == 0 || strcmp(*names, INFO) == 0;
    return found == 2;
}

/* Refuses a state that selects rows or columns of the files. */
static wagle_status check_state(wagle_ctx *ctx, const char *folder, const json_t *state)
{
    static const char *const keys[] = {"_format_columns", "_indices_data_files", "_indices_files"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_array_size(json_object_get(state, keys[i])) > 0)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "%s/%s: '%s' is not read (Python: datasets.load_from_disk(FOLDER)"
                           ".to_parquet('rows.parquet'))",
                           folder, STATE, keys[i]);
    return WAGLE_OK;
}

static wagle_status list_files(wagle_ctx *ctx, const char *folder, const json_t *state,
                               json_t *files)
{
    const json_t *entry;
    size_t i;

    json_array_foreach (json_object_get(state, "_data_files"), i, entry) {
        json_t *file = json_object_get(entry, "filename");
        const char *name = json_string_value(file);
        if (name == NULL || strchr(name, '/') != NULL)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s/%s: file %zu of '_data_files' has no name",
                           folder, STATE, i + 1);
        if (json_array_append(files, file) != 0)
            return wg_json_memory(ctx);
    }
    return json_array_size(files) > 0
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT, "%s/%s: no '_data_files'", folder, STATE);
}

wagle_status wg_saved_files(wagle_ctx *ctx, const char *folder, json_t **files)
{
    json_t *state;
    wagle_status st;

    *files = NULL;
    WG_TRY(wg_json_read_object(ctx, folder, STATE, &state));
    st = check_state(ctx, folder, state);
    if (st == WAGLE_OK && (*files = json_array()) == NULL)
        st = wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = list_files(ctx, folder, state, *files);
    json_decref(state);
    if (st != WAGLE_OK) {
        json_decref(*files);
        *files = NULL;
    }
    return st;
}
