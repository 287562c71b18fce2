/* commands.c - the table of commands, and those that only fill a structure of the library. */
#include "common.h"

#include <stdio.h>
#include <string.h>

static wagle_status cmd_import(wagle_ctx *ctx, cli_options *o)
{
    wagle_import_options i;

    wagle_import_defaults(&i);
    i.gguf = o->argument[0];
    i.out = o->out;
    i.dtype = o->dtype != NULL ? o->dtype : i.dtype;
    i.force = o->force;
    return wagle_import(ctx, &i);
}

static wagle_status cmd_export(wagle_ctx *ctx, cli_options *o)
{
    wagle_export_options e;

    wagle_export_defaults(&e);
    e.model = o->argument[0];
    e.out = o->out;
    e.type = o->type != NULL ? o->type : e.type;
    e.force = o->force;
    return wagle_export(ctx, &e);
}

static wagle_status cmd_init(wagle_ctx *ctx, cli_options *o)
{
    wagle_init_options i;

    wagle_init_defaults(&i);
    i.config = o->config;
    i.out = o->out;
    i.dtype = o->dtype != NULL ? o->dtype : i.dtype;
    cli_given_seed(&i.seed, o->seed);
    i.force = o->force;
    return wagle_init(ctx, &i);
}

static wagle_status cmd_inspect(wagle_ctx *ctx, cli_options *o)
{
    const wagle_inspect_options i = {o->argument[0], o->json, o->layers, o->tensors};
    char *text;
    const wagle_status st = wagle_inspect(ctx, &i, &text);

    if (st != WAGLE_OK)
        return st;
    puts(text);
    wagle_string_free(text);
    return st;
}

static wagle_status cmd_logits(wagle_ctx *ctx, cli_options *o)
{
    const wagle_data data = cli_rows(o, o->data[0]);
    return wagle_logits(ctx, o->model, &data, o->out, o->force);
}

/* --- patches -------------------------------------------------------------------------------- */

static wagle_status cmd_diff(wagle_ctx *ctx, cli_options *o)
{
    const wagle_diff_options d = {.before = o->argument[0],
                                  .after = o->argument[1],
                                  .out = o->out,
                                  .hash_old = o->old != NULL && strcmp(o->old, "hash") == 0,
                                  .force = o->force};

    if (o->old != NULL && !d.hash_old && strcmp(o->old, "keep") != 0)
        return cli_complain("--old is keep or hash");
    return wagle_diff(ctx, &d);
}

static wagle_patch_options patch(const cli_options *o)
{
    return (wagle_patch_options){o->argument[0], o->argument[1], o->out, o->force};
}

static wagle_status cmd_apply(wagle_ctx *ctx, cli_options *o)
{
    const wagle_patch_options p = patch(o);

    return wagle_apply(ctx, &p);
}

static wagle_status cmd_revert(wagle_ctx *ctx, cli_options *o)
{
    const wagle_patch_options p = patch(o);

    return wagle_revert(ctx, &p);
}

static wagle_status cmd_demo(wagle_ctx *ctx, cli_options *o)
{
    wagle_demo_options d;
    char *text;
    wagle_status st;

    wagle_demo_defaults(&d);
    d.out = o->out != NULL ? o->out : d.out;
    cli_given_seed(&d.seed, o->seed);
    d.force = o->force;
    st = wagle_demo(ctx, &d, &text);
    if (st != WAGLE_OK)
        return st;
    fputs(text, stdout);
    printf("\n%s holds the corpus, the models and report.html. Try\n"
           "  wagle inspect %s/protect\n"
           "  wagle eval --model %s/protect --data %s/forget.jsonl --eos\n",
           d.out, d.out, d.out, d.out);
    wagle_string_free(text);
    return st;
}

#define ROWS                                                                                       \
    " prompt prompt-field answer-field text-field chat no-chat chat-layout chat-kwarg "            \
    "system date all-turns eos truncate max-length limit"
#define TRAIN                                                                                      \
    " lr epochs steps batch accumulate warmup schedule optimizer weight-decay no-decay clip "      \
    "clip-before-mask reduction allow-unmet seed "                                                 \
    "stop-when land eval-every monitor suite suites set tofu split gold max-tokens shots no-eos "  \
    "checkpoint-every state resume force memory dry-run json mask lora "                           \
    "lora-alpha "                                                                                  \
    "lora-targets out-patch pairs protect protect-damping protect-rank"

const cli_command cli_commands[] = {
    {"import", "FILE.gguf", "GGUF to a model folder", "wagle import model.gguf --out DIR",
     "out dtype force", cmd_import, "which FILE.gguf?", NULL, 0},
    {"export", "DIR", "a model folder to GGUF, for llama.cpp",
     "wagle export model --out model.gguf --type q8_0", "out type force", cmd_export, "which DIR?",
     NULL, 0},
    {"init", NULL, "a model with random weights, of any size: for benchmarks and tests",
     "wagle init --config config.json --dtype bf16 --out DIR", "config out dtype seed force",
     cmd_init, NULL, NULL, 0},
    {"inspect", "PATH", "what is in a model folder, safetensors, GGUF, score or mask file",
     "wagle inspect model --layers", "layers tensors json", cmd_inspect, "which PATH?", NULL, 0},
    {"tokenize", NULL, "text to token ids, and back",
     "wagle tokenize --model DIR --text 'Hello world' --json",
     "model text file decode no-special json", cli_tokenize, NULL, NULL, 0},
    {"logits", NULL, "logits of rows, into a safetensors file",
     "wagle logits --model DIR --data rows.jsonl --out logits.safetensors",
     "model data out force" ROWS, cmd_logits, NULL, NULL, 0},
    {"gradient", NULL, "gradient of an objective's loss, or of rows' token-mean NLL",
     "wagle gradient --objective npo --model DIR --forget F --retain R --out gradient.safetensors",
     "objective model data forget retain refusal reference alpha forget-weight retain-term "
     "rmu-control reduction seed out json force" ROWS,
     cli_gradient, NULL, NULL, 0},
    {"attribute", NULL, "score every weight by its influence on forgetting",
     "wagle attribute --model DIR --forget forget.jsonl --retain retain.jsonl --out scores",
     "model forget retain out selector gamma damping protect protect-damping protect-rank loss "
     "seed force memory dry-run" ROWS,
     cli_attribute, NULL, NULL, 0},
    {"mask", "[MASK...]",
     "select the most influential share of the weights, combine and compare such masks",
     "wagle mask --scores scores --density 0.1 --exclude embeddings --out mask",
     "scores density densities scope include exclude format out op compare svg json model forget "
     "retain selector gamma damping protect protect-damping protect-rank loss seed force memory "
     "dry-run" ROWS,
     cli_mask, NULL, NULL, CLI_LIST},
    {"finetune", NULL, "train on rows", "wagle finetune --model DIR --data rows.jsonl --out DIR2",
     "model data out" ROWS TRAIN, cli_finetune, NULL, cli_finetune_defaults, 0},
    {"unlearn", NULL, "forget rows, keep others, touch selected weights only",
     "wagle unlearn --model DIR --forget forget.jsonl --retain retain.jsonl --mask mask "
     "--objective npo --out DIR2",
     "model forget retain out objective selector density gamma damping include exclude refusal "
     "reference retain-term rmu-control alpha forget-weight rectify" ROWS TRAIN,
     cli_unlearn, NULL, cli_unlearn_defaults, 0},
    {"sweep", "SPEC.json | --join DIR...",
     "a grid of objectives, selectors, densities, learning rates and seeds",
     "wagle sweep grid.json --out grid", "out join baseline column margin seed force dry-run",
     cli_sweep, "which SPEC.json?", cli_sweep_example, CLI_LIST},
    {"diff", "BASE NEW", "what changed between two model folders, as a patch",
     "wagle diff base forgotten --out forget.patch", "out old force", cmd_diff, "which BASE, NEW?",
     NULL, 2},
    {"apply", "DIR PATCH", "a model folder with a patch applied",
     "wagle apply base forget.patch --out forgotten", "out force", cmd_apply, "which DIR, PATCH?",
     NULL, 2},
    {"revert", "DIR PATCH", "a model folder with a patch taken back",
     "wagle revert forgotten forget.patch --out base2", "out force", cmd_revert,
     "which DIR, PATCH?", NULL, 2},
    {"generate", NULL, "continue a prompt", "wagle generate --model DIR --prompt 'Who is' --chat",
     "model prompt file chat no-chat chat-layout chat-kwarg system date max-tokens temperature "
     "top-k top-p seed json",
     cli_generate, NULL, NULL, 0},
    {"eval", NULL, "metrics of rows, or suites of the field's benchmarks, with intervals",
     "wagle eval --suite tofu --model DIR --tofu FOLDER --split forget01 --out eval.json",
     "model data metrics suite suites set tofu split gold reference recompute out resamples seed "
     "max-tokens shots prefix length verbatim temperature scorer relearn-steps relearn-lr no-eos "
     "force json" ROWS,
     cli_eval, NULL, NULL, 0},
    {"compare", "A.json[,..] B.json[,..]",
     "what differs significantly between two results of eval, or between seeds of two methods",
     "wagle compare dense.json masked.json", "resamples seed json", cli_compare,
     "which A.json, B.json?", NULL, 2},
    {"report", "[LABEL=]RUN...", "one HTML page of runs and results of eval",
     "wagle report original.json gold.json dense.json wagle.json runs/dense runs/wagle --out "
     "report.html",
     "out title original gold resamples force", cli_report, "which runs?", NULL, CLI_LIST},
    {"demo", NULL, "a tiny model forgets two invented authors; a few minutes, no download",
     "wagle demo --out demo", "out seed force", cmd_demo, NULL, NULL, 0},
    {0},
};
