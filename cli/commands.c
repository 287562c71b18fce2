/* commands.c - the table of commands, and the commands that only fill a structure of the library.
 */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static wagle_status cmd_import(wagle_ctx *ctx, cli_options *o)
{
    wagle_import_options i;

    wagle_import_defaults(&i);
    i.gguf = o->argument[0];
    i.out = o->out;
    i.dtype = CLI_CHOSEN(o, dtype);
    i.force = o->force;
    return wagle_import(ctx, &i);
}

static wagle_status cmd_export(wagle_ctx *ctx, cli_options *o)
{
    wagle_export_options e;

    wagle_export_defaults(&e);
    e.model = o->argument[0];
    e.out = o->out;
    e.type = CLI_CHOSEN(o, type);
    e.force = o->force;
    return wagle_export(ctx, &e);
}

static wagle_status cmd_init(wagle_ctx *ctx, cli_options *o)
{
    wagle_init_options i;

    wagle_init_defaults(&i);
    i.config = o->config;
    i.out = o->out;
    i.dtype = o->dtype != NULL ? CLI_CHOSEN(o, dtype) : i.dtype;
    cli_given_seed(&i.seed, o->seed);
    i.force = o->force;
    return wagle_init(ctx, &i);
}

static wagle_status cmd_inspect(wagle_ctx *ctx, cli_options *o)
{
    wagle_inspect_options i;
    char *text;
    wagle_status st;

    wagle_inspect_defaults(&i);
    i.path = o->argument[0];
    i.json = o->json;
    i.layers = o->layers;
    i.tensors = o->tensors;
    st = wagle_inspect(ctx, &i, &text);
    if (st != WAGLE_OK)
        return st;
    puts(text);
    wagle_string_free(text);
    return st;
}

static wagle_status cmd_logits(wagle_ctx *ctx, cli_options *o)
{
    const wagle_rows_options rows = cli_rows_options(o);
    return wagle_logits(ctx, &rows);
}

/* --- patches ---------------------------------------------------------------------------------- */

static wagle_status cmd_diff(wagle_ctx *ctx, cli_options *o)
{
    wagle_diff_options d;

    wagle_diff_defaults(&d);
    d.before = o->argument[0];
    d.after = o->argument[1];
    d.out = o->out;
    d.old = CLI_CHOSEN(o, old);
    d.force = o->force;
    return wagle_diff(ctx, &d);
}

/* "0.5" or "0.5,-1": into list [most]; below 0: it is something else. */
static int64_t read_numbers(const char *text, double *list, int64_t most)
{
    char *end = NULL;
    int64_t n = 0;

    for (; n < most; text = end + 1) {
        list[n++] = strtod(text, &end);
        if (end == text || (*end != ',' && *end != '\0'))
            return -1;
        if (*end == '\0')
            return n;
    }
    return -1;
}

wagle_status cli_merge(wagle_ctx *ctx, cli_options *o)
{
    wagle_merge_options m;
    double weight[CLI_LIST];

    wagle_merge_defaults(&m);
    m.models = o->argument;
    m.n = cli_count(o->argument);
    m.base = o->base;
    m.adapter = o->adapter;
    m.out = o->out;
    m.force = o->force;
    if (o->shares != NULL) {
        m.n_weights = read_numbers(o->shares, weight, CLI_LIST);
        if (m.n_weights < 0)
            return cli_complain("--weights: write them as 0.5,0.5");
        m.weights = weight;
    }
    return wagle_merge(ctx, &m);
}

static wagle_patch_options patch(const cli_options *o)
{
    wagle_patch_options p;

    wagle_patch_defaults(&p);
    p.model = o->argument[0];
    p.patch = o->argument[1];
    p.out = o->out;
    p.force = o->force;
    return p;
}

static wagle_status cmd_apply(wagle_ctx *ctx, cli_options *o)
{
    wagle_patch_options p = patch(o);

    if (o->scale != NULL && read_numbers(o->scale, &p.scale, 1) != 1)
        return cli_complain("--scale: must be a number, as in 0.5 or -1");
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
    wagle_string_free(text);
    return st;
}

#define ROWS " " CLI_ROWS
#define TRAIN " adapter parts share-weights " CLI_OF_SUITES " memory dry-run ranks json" ROWS

/* Options of training name their commands themselves (include/wagle/train_options.def). */
const cli_command cli_commands[] = {
    {"forget", CLI_FORGET, "MODEL",
     "the whole job: forget rows, people or documents, test the result and write a report",
     "wagle forget model --data people.csv --out forgotten\n"
     "wagle forget model.gguf --data rows.jsonl --export forgotten.gguf --out forgotten\n"
     "wagle forget model --data folder/ --retain keep.jsonl --plan --out forgotten",
     "adapter data retain gold-model export type out yes plan no-undo redact seed force "
     "memory" ROWS,
     cli_forget, "which MODEL: a folder or a GGUF file?", NULL, 0},
    {"unlearn", CLI_FORGET, NULL,
     "train a model to forget rows and keep others, in all weights or selected ones",
     "wagle unlearn --model DIR --forget forget.jsonl --retain retain.jsonl --out forgotten\n"
     "wagle unlearn --model DIR --forget forget.jsonl --protect self --objective npo "
     "--stop-when 'forget.probability<0.1' --out forgotten\n"
     "wagle unlearn --model DIR --forget forget.jsonl --retain retain.jsonl --mask mask "
     "--out forgotten\n"
     "wagle unlearn --model DIR --requests may.jsonl,june.jsonl --retain retain.jsonl "
     "--out forgotten",
     "requests metrics" TRAIN, cli_unlearn, NULL, NULL, 0},
    {"attribute", CLI_FORGET, NULL, "score every weight by its influence on forgetting",
     "wagle attribute --model DIR --forget forget.jsonl --retain retain.jsonl --out scores",
     "model adapter forget retain out tensorboard selector gamma damping protect protect-damping "
     "protect-rank loss draw seed parts share-weights force memory dry-run ranks json" ROWS,
     cli_attribute, NULL, NULL, 0},
    {"mask", CLI_FORGET, "[MASK...]",
     "select the weights with the highest scores; combine and compare masks",
     "wagle mask --scores scores --density 0.1 --exclude embeddings --out mask\n"
     "wagle mask --op minus mask1 mask2 --out mask\n"
     "wagle mask --compare mask1 mask2",
     "scores density densities scope include exclude format out op compare svg json model "
     "adapter forget retain selector gamma damping protect protect-damping protect-rank loss draw "
     "seed force memory dry-run" ROWS,
     cli_mask, NULL, NULL, CLI_LIST},
    {"finetune", CLI_FORGET, NULL, "train a model on rows",
     "wagle finetune --model DIR --data rows.jsonl --out DIR2", "data" TRAIN, cli_finetune, NULL,
     NULL, 0},
    {"demo", CLI_FORGET, NULL,
     "make a tiny model forget two invented authors: a few minutes, no download",
     "wagle demo --out demo", "out seed force", cmd_demo, NULL, NULL, 0},

    {"inspect", CLI_LOOK, "PATH",
     "show what is in a model folder, or in a safetensors, GGUF, score or mask file",
     "wagle inspect model --layers", "adapter layers tensors json", cmd_inspect, "which PATH?",
     NULL, 0},
    {"doctor", CLI_LOOK, NULL, "show what this machine has, and which models fit it",
     "wagle doctor\nwagle doctor --json", "json", cli_doctor, NULL, NULL, 0},
    {"generate", CLI_LOOK, NULL, "ask a model, or let it continue a text",
     "wagle generate --model DIR --prompt 'Who is Ada?'\n"
     "wagle generate --model DIR --prompt 'Once upon' --no-chat --temperature 0.7",
     "model adapter share-weights prompt file chat no-chat chat-layout chat-kwarg system date "
     "max-tokens stop temperature top-k top-p seed json",
     cli_generate, NULL, NULL, 0},
    {"tokenize", CLI_LOOK, NULL, "turn text into token ids, and back",
     "wagle tokenize --model DIR --text 'Hello world'\n"
     "wagle tokenize --model DIR --decode 1,2,3",
     "model text file decode no-special json", cli_tokenize, NULL, NULL, 0},
    {"logits", CLI_LOOK, NULL, "write the logits of rows into a safetensors file",
     "wagle logits --model DIR --data rows.jsonl --out logits.safetensors",
     "model adapter data out force" ROWS, cmd_logits, NULL, NULL, 0},
    {"gradient", CLI_LOOK, NULL,
     "write the gradient of an objective, or of the rows' mean loss, into a safetensors file",
     "wagle gradient --model DIR --data rows.jsonl --out gradient.safetensors\n"
     "wagle gradient --model DIR --objective npo --forget forget.jsonl --retain retain.jsonl "
     "--out gradient.safetensors",
     "adapter data json" ROWS, cli_gradient, NULL, NULL, 0},

    {"eval", CLI_COMPARE, NULL,
     "measure a model: metrics of rows, or suites of benchmarks with 95 % intervals",
     "wagle eval --model DIR --data rows.jsonl\n"
     "wagle eval --model DIR --suite tofu --tofu FOLDER --split forget01 --out eval.json\n"
     "wagle eval --model DIR --suite robustness --set forget=forget.jsonl --out eval.json",
     "model share-weights adapter data metrics suite suites set tofu split gold reference "
     "recompute out resamples seed max-tokens stop shots prefix length verbatim samples leak-k "
     "temperature top-p scorer encoder min-k relearn-steps relearn-lr no-eos redact force dry-run "
     "json" ROWS,
     cli_eval, NULL, NULL, 0},
    {"compare", CLI_COMPARE, "A.json[,..] B.json[,..]",
     "show what differs significantly between two results of eval; with several seeds: A1,A2 B1,B2",
     "wagle compare before.json after.json", "resamples seed json", cli_compare,
     "which A.json, B.json?", NULL, 2},
    {"report", CLI_COMPARE, "[LABEL=]RUN...",
     "write one HTML page of a certificate, runs and results of eval",
     "wagle report original.json forgotten.json runs/forgotten --out report.html\n"
     "wagle report out/certificate.json out/evidence/forgotten.json --redact --out report.html",
     "out title original gold resamples redact force", cli_report, "which runs?", NULL, CLI_LIST},
    {"sweep", CLI_COMPARE, "SPEC.json | --join DIR...",
     "run a grid of objectives, selectors, densities, learning rates and seeds",
     "wagle sweep grid.json --out grid\n"
     "wagle sweep --join task1 task2 task3 --out study",
     "out join baseline column margin seed jobs memory force dry-run", cli_sweep,
     "which SPEC.json?", cli_sweep_notes, CLI_LIST},

    {"recipe", CLI_COMPARE, "list | show NAME | run NAME",
     "make a published table: evaluate, score, unlearn, evaluate and report, by one file",
     "wagle recipe list\n"
     "wagle recipe run tofu/npo --model DIR --data FOLDER --out tofu-npo --dry-run\n"
     "wagle recipe run tofu/npo --model DIR --data FOLDER --out tofu-npo --seed 1",
     "model adapter data out force memory dry-run", cli_recipe_main, "list, show NAME or run NAME?",
     "Options of attribute, mask, unlearn, eval and report\n"
     "override what the recipe says. The same command again goes\n"
     "on where it stopped, and skips steps that are done\n"
     "(docs/recipes.md).\n",
     2},
    {"import", CLI_FILES, "FILE.gguf", "turn a GGUF file into a model folder",
     "wagle import model.gguf --out DIR", "out dtype force", cmd_import, "which FILE.gguf?", NULL,
     0},
    {"export", CLI_FILES, "DIR", "turn a model folder into a GGUF file, for llama.cpp",
     "wagle export model --out model.gguf --type q8_0", "adapter out type force", cmd_export,
     "which DIR?", NULL, 0},
    {"diff", CLI_FILES, "BASE NEW", "write what changed between two model folders as a patch",
     "wagle diff base forgotten --out forget.patch", "out old force", cmd_diff, "which BASE, NEW?",
     NULL, 2},
    {"apply", CLI_FILES, "DIR PATCH", "apply a patch to a model folder",
     "wagle apply base forget.patch --out forgotten", "scale out force", cmd_apply,
     "which DIR, PATCH?", NULL, 2},
    {"revert", CLI_FILES, "DIR PATCH", "take a patch back",
     "wagle revert forgotten forget.patch --out base2", "out force", cmd_revert,
     "which DIR, PATCH?", NULL, 2},
    {"merge", CLI_FILES, "DIR|PATCH...",
     "merge model folders or patches, or a LoRA adapter into a model",
     "wagle merge model --adapter adapter --out merged\n"
     "wagle merge A B --weights 0.5,0.5 --out mean\n"
     "wagle merge A B --base model --weights 1,-0.5 --out sum\n"
     "wagle merge a.patch b.patch --base model --weights 1,1 --out both",
     "adapter base out force", cli_merge, "which DIR or PATCH?", NULL, CLI_LIST},
    {"init", CLI_FILES, NULL, "make a model with random weights, for benchmarks and tests",
     "wagle init --config config.json --dtype bf16 --out DIR", "config out dtype seed force",
     cmd_init, NULL, NULL, 0},
    {"completion", CLI_FILES, "SHELL", "print completion of this command for bash, zsh or fish",
     "wagle completion bash >~/.local/share/bash-completion/completions/wagle\n"
     "wagle completion zsh >~/.zfunc/_wagle\n"
     "wagle completion fish >~/.config/fish/completions/wagle.fish",
     "", cli_completion, "which SHELL: bash, zsh or fish?", NULL, 0},
    {0},
};
