/* export_chat.c - writes the chat templates of a model folder as GGUF keys. */
#include "gguf/export.h"

#include <stdio.h>
#include <string.h>

#define KEY "tokenizer.chat_template"

/* Writes a template. name: NULL for the default template. */
static wagle_status put(wg_exporter *e, const char *name, const char *text)
{
    char key[160];

    if (name == NULL || strcmp(name, "default") == 0)
        return wg_gguf_put_text(e->ctx, &e->head, KEY, text);
    if (strlen(name) > 64)
        return wg_fail(e->ctx, WAGLE_E_INPUT, "%s: a chat template's name has %zu characters",
                       e->o->model, strlen(name));
    snprintf(key, sizeof key, KEY ".%s", name);
    return wg_gguf_put_text(e->ctx, &e->head, key, text);
}

/* Writes a template from a file; *found: the file exists. */
static wagle_status put_file(wg_exporter *e, const char *folder, const char *file, const char *name,
                             bool *found)
{
    char *path = wg_path_join(e->ctx, folder, file);
    wg_text text = {0};
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && wg_exists(path)) {
        *found = true;
        st = wg_read_text(e->ctx, path, &text);
        if (st == WAGLE_OK)
            st = put(e, name, text.text != NULL ? text.text : "");
    }
    wg_text_free(&text);
    wg_free(path);
    return st;
}

/* Writes additional_chat_templates/NAME.jinja. */
static wagle_status put_named_files(wg_exporter *e, bool *found)
{
    char *folder = wg_path_join(e->ctx, e->o->model, "additional_chat_templates");
    char **names = NULL, stem[128];
    wagle_status st = folder != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && wg_is_folder(folder))
        st = wg_list_folder(e->ctx, folder, &names);
    for (char **name = names; st == WAGLE_OK && name != NULL && *name != NULL; name++) {
        const size_t n = strlen(*name);
        if (!wg_ends_with(*name, ".jinja") || n - 6 >= sizeof stem)
            continue;
        snprintf(stem, sizeof stem, "%.*s", (int)(n - 6), *name);
        st = put_file(e, folder, *name, stem, found);
    }
    wg_free_names(names);
    wg_free(folder);
    return st;
}

/* Writes the templates of tokenizer_config.json: one text, or a list of {"name", "template"}. */
static wagle_status put_configured(wg_exporter *e, const json_t *config)
{
    const json_t *value = json_object_get(config, "chat_template"), *entry;
    size_t i;

    if (json_is_string(value))
        return put(e, NULL, json_string_value(value));
    json_array_foreach (value, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "name"));
        const char *text = json_string_value(json_object_get(entry, "template"));
        if (name == NULL || text == NULL)
            return wg_fail(e->ctx, WAGLE_E_INPUT,
                           "%s/tokenizer_config.json: chat_template %zu has no name or no template",
                           e->o->model, i);
        WG_TRY(put(e, name, text));
    }
    return WAGLE_OK;
}

wagle_status wg_export_templates(wg_exporter *e)
{
    bool found = false;
    json_t *config = NULL;
    wagle_status st;

    WG_TRY(put_file(e, e->o->model, "chat_template.jinja", NULL, &found));
    WG_TRY(put_named_files(e, &found));
    if (found) /* files take precedence over tokenizer_config.json */
        return WAGLE_OK;
    st = wg_export_read(e, "tokenizer_config.json", &config);
    if (st == WAGLE_OK)
        st = put_configured(e, config);
    json_decref(config);
    return st;
}
