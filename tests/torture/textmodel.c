#include "textmodel.h"

#include "base/text.h"

/* Writes a tokenizer whose tokens are single bytes, in GPT-2's notation. */
static void write_byte_tokenizer(const char *path)
{
    FILE *file = fopen(path, "w");
    int hidden = 256;

    fputs("{\"added_tokens\":[],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":"
          "false},\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"merges\":[],"
          "\"vocab\":{",
          file);
    for (int b = 0; b < 256; b++) {
        const bool seen = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        char text[5] = "";
        text[wg_utf8_encode(seen ? b : hidden++, text)] = '\0';
        fprintf(file, "%s\"%s%s\":%d", b > 0 ? "," : "", b == '"' || b == '\\' ? "\\" : "", text,
                b);
    }
    fputs("}}}", file);
    fclose(file);
}

void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    fputs(text, file);
    fclose(file);
}

void make_text_model(void)
{
    wagle_ctx *ctx = new_context();

    wg_remove_tree(TEXT_MODEL);
    assert_ok(ctx, wg_make_folder(ctx, TEXT_MODEL));
    assert_ok(ctx, wg_copy_file(ctx, MODEL "/config.json", TEXT_MODEL "/config.json"));
    assert_ok(ctx, wg_copy_file(ctx, MODEL "/model.safetensors", TEXT_MODEL "/model.safetensors"));
    write_byte_tokenizer(TEXT_MODEL "/tokenizer.json");
    write_text(QUESTIONS,
               "{\"question\":\"Who\",\"answer\":\"me\",\"perturbed_answer\":[\"us\"]}\n"
               "{\"question\":\"Why\",\"answer\":\"so\",\"perturbed_answer\":[\"no\"]}\n");
    write_text(PARAPHRASED,
               "{\"question\":\"Who\",\"answer\":\"me\",\"paraphrased_question\":\"Which\","
               "\"paraphrased_answer\":\"I\",\"perturbed_answer\":[\"us\",\"me\"]}\n");
    write_text(CHOICES, "{\"question\":\"q\",\"choices\":[\"a\",\"b\"],\"answer\":1}\n");
    write_text(ENDINGS, "{\"activity_label\":\"l\",\"ctx_a\":\"a\",\"ctx_b\":\"b\",\"endings\":"
                        "[\"[x] a\",\"b\"],\"label\":\"0\"}\n");
    write_text(SOLVED, "{\"activity_label\":\"s\",\"ctx_a\":\"c\",\"ctx_b\":\"\",\"endings\":"
                       "[\"a\",\"b\"],\"label\":\"1\"}\n");
    wagle_ctx_free(ctx);
}

/* Trains a model that knows the rows in KNOWN. */
void know_once(void)
{
    wagle_ctx *ctx = new_context();
    wagle_train_options o;

    write_text(KNOWN, "{\"question\":\"Is Ann in?\",\"answer\":\"Ann is.\"}\n"
                      "{\"question\":\"why?\",\"answer\":\"so\"}\n");
    wagle_finetune_defaults(&o);
    o.model = TEXT_MODEL;
    o.out = KNOWING;
    o.force = true;
    o.retain.path = KNOWN;
    o.steps = 40;
    o.lr = 1e-2;
    assert_ok(ctx, wagle_finetune(ctx, &o, NULL));
    wagle_ctx_free(ctx);
}
