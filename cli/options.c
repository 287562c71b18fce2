/* options.c - the table of all options; a command names those that it takes. */
#include "options.h"

#include <string.h>

/* The rows of a group stand in the order in which help shows them. */
const cli_option cli_table[] = {
#define AT(member) offsetof(cli_options, member)
    {"model", "DIR", CLI_TEXT, AT(model), CLI_MODEL, "model folder"},
    {"reference", "DIR", CLI_TEXT, AT(reference), CLI_MODEL,
     "folder of the model before unlearning"},

    {"data", "ROWS", CLI_TEXTS, AT(data), CLI_DATA,
     "file of rows: JSON Lines, a JSON array or CSV (`wagle help data`)"},
    {"forget", "ROWS", CLI_TEXTS, AT(forget), CLI_DATA,
     "file of rows to forget (may repeat; FILE@W multiplies this file's loss terms by W)"},
    {"retain", "ROWS", CLI_TEXTS, AT(retain), CLI_DATA,
     "file of rows to keep (may repeat; FILE@W as for --forget)"},
    {"refusal", "FILE", CLI_TEXT, AT(refusal), CLI_DATA,
     "answers that replace those of the forget rows, for po, dpo and altpo: one row for each "
     "forget row, or a text file with one refusal per line"},
    {"pairs", "FILE", CLI_TEXT, AT(pairs), CLI_DATA,
     "JSON list of updates, each a list of [forget row, retain row]: trains in exactly this order"},
    {"scores", "FILE", CLI_TEXT, AT(scores), CLI_DATA, "score file from `wagle attribute`"},
    {"text", "S", CLI_TEXT, AT(text), CLI_DATA, "text to tokenize"},
    {"file", "F", CLI_TEXT, AT(file), CLI_DATA, "file to read, byte for byte"},
    {"decode", "IDS", CLI_TEXT, AT(decode), CLI_DATA, "token ids (1,2,3) to turn back into text"},
    {"no-special", NULL, CLI_FLAG, AT(no_special), CLI_DATA,
     "add no special tokens around the text; with --decode, leave them out"},

    {"prompt", "TEXT", CLI_TEXTS, AT(prompt), CLI_LAYOUT,
     "text before the answer, with {field} for a column of the row: 'Q: {prompt} A: '"},
    {"prompt-field", "NAME", CLI_TEXT, AT(prompt_field), CLI_LAYOUT,
     "column that holds the question"},
    {"answer-field", "NAME", CLI_TEXT, AT(answer_field), CLI_LAYOUT,
     "column that holds the answer"},
    {"text-field", "NAME", CLI_TEXT, AT(text_field), CLI_LAYOUT, "column that holds plain text"},
    {"facts-field", "NAME", CLI_TEXT, AT(facts_field), CLI_LAYOUT,
     "column with the facts of the answer, a text or a list of texts that stand in it: only these "
     "words are trained on and measured"},
    {"chat", NULL, CLI_FLAG, AT(chat), CLI_LAYOUT,
     "use the model's chat template, and fail if it has none (without this option a template is "
     "used where there is one, unless --prompt is given)"},
    {"no-chat", NULL, CLI_FLAG, AT(no_chat), CLI_LAYOUT, "do not use the model's chat template"},
    {"chat-layout", "NAME", CLI_TEXT, AT(chat_layout), CLI_LAYOUT,
     "use one of the model's named templates, or a built-in layout (`wagle help layouts`)"},
    {"chat-kwarg", "KEY=VALUE", CLI_TEXTS, AT(chat_kwarg), CLI_LAYOUT,
     "set a variable of the chat template, as in enable_thinking=false (may repeat)"},
    {"system", "TEXT", CLI_TEXT, AT(system), CLI_LAYOUT,
     "system message for conversations that have none"},
    {"date", "YYYY-MM-DD", CLI_TEXT, AT(date), CLI_LAYOUT,
     "date for chat templates that print one; give it where a run must be repeatable"},
    {"all-turns", NULL, CLI_FLAG, AT(all_turns), CLI_LAYOUT,
     "train on every answer of a conversation, not only on the last"},
    {"eos", NULL, CLI_FLAG, AT(eos), CLI_LAYOUT, "end each answer with the end-of-text token"},
    {"truncate", NULL, CLI_FLAG, AT(truncate), CLI_LAYOUT,
     "cut rows that are too long instead of refusing them"},
    {"max-length", "N", CLI_WHOLE, AT(max_length), CLI_LAYOUT, "longest row, in tokens"},
    {"limit", "N", CLI_WHOLE, AT(limit), CLI_LAYOUT, "read only the first N rows of each file"},

    {"objective", "NAME", CLI_TEXT, AT(objective), CLI_METHOD,
     "what training minimises (`wagle help objectives`)"},
    {"forget-weight", "W", CLI_REAL, AT(forget_weight), CLI_METHOD, "weight of the forget term"},
    {"alpha", "A", CLI_REAL, AT(alpha), CLI_METHOD, "weight of the retain term"},
    {"retain-term", "KIND", CLI_TEXT, AT(retain_term), CLI_METHOD,
     "retain term to use in place of the objective's own; hidden is for rmu"},
    {"rectify", "G", CLI_REAL, AT(rectify), CLI_METHOD,
     "GRU: do not add the retain gradients, but remove the part of the forget gradient that "
     "opposes their moving average; G is the weight of the newest gradient (0.8 in the paper)"},
    {"rmu-control", "FILE", CLI_TEXT, AT(rmu_control), CLI_METHOD,
     "direction for rmu, as a safetensors file with one F32 tensor"},
    {"loss", "NAME", CLI_TEXT, AT(loss), CLI_METHOD,
     "forget loss whose gradient is scored: nll, or the name of an objective"},

    {"mask", "FILE", CLI_TEXT, AT(mask), CLI_WEIGHTS,
     "mask from `wagle mask`: only the weights that it selects are trained"},
    {"selector", "NAME", CLI_TEXT, AT(selector), CLI_WEIGHTS,
     "how weights are scored (`wagle help selectors`)"},
    {"gamma", "X", CLI_TEXT, AT(gamma), CLI_WEIGHTS,
     "curvature in wagle's score: diag takes each weight's own, auto one mean for all weights as "
     "in the paper, a number is used as it is, protect uses the factors of --protect instead"},
    {"damping", "X", CLI_REAL, AT(damping), CLI_WEIGHTS,
     "added to a Fisher diagonal before dividing by it, as a share of its mean"},
    {"density", "D", CLI_REAL, AT(density), CLI_WEIGHTS, "share of the weights to select"},
    {"densities", "D,D", CLI_TEXT, AT(densities), CLI_WEIGHTS,
     "several densities at once; {} in --out becomes each of them"},
    {"scope", "KIND", CLI_TEXT, AT(scope), CLI_WEIGHTS,
     "what the density is a share of: all weights (global), each tensor, or each row; neurons is a "
     "share of all weights too, but selects whole neurons by their summed scores"},
    {"include", "PATTERN", CLI_TEXTS, AT(include), CLI_WEIGHTS,
     "select only in tensors that match: '*.mlp.*', embeddings, attention, ffn, norms, biases, "
     "head, layers:4-9 or re:EXPRESSION (may repeat)"},
    {"exclude", "PATTERN", CLI_TEXTS, AT(exclude), CLI_WEIGHTS,
     "select nothing in tensors that match (may repeat)"},
    {"op", "NAME", CLI_TEXT, AT(op), CLI_WEIGHTS,
     "combine the given masks; --include and --exclude narrow the result"},
    {"lora", "RANK", CLI_WHOLE, AT(lora), CLI_WEIGHTS,
     "train LoRA adapters of this rank instead of the weights, and merge them at the end"},
    {"lora-alpha", "X", CLI_REAL, AT(lora_alpha), CLI_WEIGHTS,
     "LoRA's alpha: an adapter's output is multiplied by alpha / rank"},
    {"lora-targets", "PATTERN", CLI_TEXTS, AT(lora_targets), CLI_WEIGHTS,
     "matrices that get an adapter (may repeat)"},

    {"protect", "ROWS", CLI_TEXTS, AT(protect), CLI_PROTECT,
     "keep the model's outputs on these rows: a file of rows, a .txt file, retain (the rows of "
     "--retain), or self[:N] (N texts that the model writes itself); may repeat; none turns it "
     "off"},
    {"protect-damping", "X", CLI_REAL, AT(protect_damping), CLI_PROTECT,
     "how much training may still change these outputs; larger is weaker protection"},
    {"protect-rank", "K", CLI_WHOLE, AT(protect_rank), CLI_PROTECT,
     "input directions of each matrix that are protected: the K strongest; 0 for all"},

    {"lr", "X", CLI_REAL, AT(lr), CLI_TRAINING, "peak learning rate (`wagle help lr`)"},
    {"epochs", "N", CLI_REAL, AT(epochs), CLI_TRAINING, "passes over the rows"},
    {"steps", "N", CLI_WHOLE, AT(steps), CLI_TRAINING, "number of updates, in place of --epochs"},
    {"batch", "N", CLI_WHOLE, AT(batch), CLI_TRAINING, "rows of each set in an update"},
    {"accumulate", "N", CLI_WHOLE, AT(accumulate), CLI_TRAINING, "batches in an update"},
    {"warmup", "N", CLI_WHOLE, AT(warmup), CLI_TRAINING,
     "updates until the learning rate reaches its peak"},
    {"schedule", "KIND", CLI_TEXT, AT(schedule), CLI_TRAINING, "learning rate after the warm-up"},
    {"optimizer", "NAME", CLI_TEXT, AT(optimizer), CLI_TRAINING, "update rule"},
    {"state", "KIND", CLI_TEXT, AT(state), CLI_TRAINING,
     "type of the optimizer's moments; bf16 needs less memory"},
    {"weight-decay", "X", CLI_REAL, AT(weight_decay), CLI_TRAINING,
     "decoupled weight decay of the trained weights"},
    {"no-decay", "PATTERN", CLI_TEXTS, AT(no_decay), CLI_TRAINING,
     "tensors without weight decay, as in norms,biases (may repeat)"},
    {"clip", "X", CLI_TEXT, AT(clip), CLI_TRAINING,
     "largest gradient norm: a number, none, global, layer (of each tensor) or layer:X"},
    {"clip-before-mask", NULL, CLI_FLAG, AT(clip_before_mask), CLI_TRAINING,
     "compute the norm for --clip over all weights, not only the selected ones"},
    {"reduction", "KIND", CLI_TEXT, AT(reduction), CLI_TRAINING,
     "loss of a batch: the mean over rows of each row's token mean, or the mean over all label "
     "tokens as in transformers"},
    {"checkpoint-every", "N", CLI_WHOLE, AT(checkpoint_every), CLI_TRAINING,
     "updates between checkpoints; 0 writes one only when the run is interrupted"},
    {"resume", NULL, CLI_FLAG, AT(resume), CLI_TRAINING, "continue the run in OUT.partial"},

    {"stop-when", "RULE", CLI_TEXT, AT(stop_when), CLI_STOPPING,
     "stop when this holds: 'forget.probability<0.1', with --suite 'mcq.wmdp.acc<0.3', or chance "
     "(`wagle help stop-rules`)"},
    {"gold-model", "DIR", CLI_TEXT, AT(gold_model), CLI_STOPPING,
     "folder of a model that never saw the forget rows: their answer probability there is the "
     "level of chance"},
    {"land", NULL, CLI_FLAG, AT(land), CLI_STOPPING,
     "after --stop-when has stopped the run, scale the change of the weights back to where the "
     "rule just holds"},
    {"skip-forgotten", NULL, CLI_FLAG, AT(skip_forgotten), CLI_STOPPING,
     "skip the forget rows that are below the rule's bound already, and take others in their place "
     "(with --stop-when chance, or on forget.probability or forget.highest)"},
    {"allow-unmet", NULL, CLI_FLAG, AT(allow_unmet), CLI_STOPPING,
     "exit with code 0, not 5, where --stop-when was not reached"},
    {"eval-every", "N", CLI_WHOLE, AT(eval_every), CLI_STOPPING,
     "updates between evaluations for --stop-when, --monitor and --suite"},
    {"monitor", NULL, CLI_FLAG, AT(monitor), CLI_STOPPING,
     "log the mean loss of both sets at every evaluation"},

    {"suite", "NAME", CLI_TEXT, AT(suites), CLI_TESTS,
     "evaluate by this suite, or several: a,b (`wagle help suites`)"},
    {"suites", "A,B", CLI_TEXT, AT(suites), CLI_TESTS, "another name of --suite"},
    {"set", "NAME=FILE", CLI_TEXTS, AT(sets), CLI_TESTS,
     "a data set of the suite, by the suite's name for it (may repeat)"},
    {"tofu", "FOLDER", CLI_TEXT, AT(tofu), CLI_TESTS,
     "folder with TOFU's files under their own names: the sets of suite tofu"},
    {"split", "NAME", CLI_TEXT, AT(split), CLI_TESTS,
     "TOFU's forget set: forget01, forget05 or forget10"},
    {"gold", "FILE", CLI_TEXT, AT(gold), CLI_TESTS,
     "result of the same suite for a model that never saw the forget set"},
    {"original", "LABEL", CLI_TEXT, AT(original), CLI_TESTS,
     "label of the model before unlearning"},
    {"metrics", "LIST", CLI_TEXT, AT(metrics), CLI_TESTS,
     "metrics of the rows of --data, with commas between them (`wagle help metrics`)"},
    {"recompute", "FILE", CLI_TEXT, AT(recompute), CLI_TESTS,
     "compute the metrics again from the saved rows of a result, without the model"},
    {"shots", "N", CLI_WHOLE, AT(shots), CLI_TESTS,
     "mcq: solved examples (of set dev) before each question"},
    {"prefix", "N", CLI_WHOLE, AT(prefix), CLI_TESTS,
     "copyright: tokens of a text that the model is given"},
    {"length", "N", CLI_WHOLE, AT(length), CLI_TESTS,
     "copyright: tokens that the model then writes"},
    {"verbatim", "N", CLI_WHOLE, AT(verbatim), CLI_TESTS,
     "copyright: equal tokens in a row that count as reproduced"},
    {"scorer", "COMMAND", CLI_TEXT, AT(scorer), CLI_TESTS,
     "toxicity: command that reads one text a line and writes a number from 0 to 1 for each"},
    {"relearn-steps", "N", CLI_WHOLE, AT(relearn_steps), CLI_TESTS,
     "robustness: updates of the relearning attack"},
    {"relearn-lr", "X", CLI_REAL, AT(relearn_lr), CLI_TESTS,
     "robustness: learning rate of the relearning attack"},
    {"no-eos", NULL, CLI_FLAG, AT(no_eos), CLI_TESTS,
     "tofu: answers do not end with the end-of-text token"},
    {"resamples", "N", CLI_WHOLE, AT(resamples), CLI_TESTS,
     "bootstrap resamples of the rows for 95 % intervals; 0 for no intervals"},

    {"max-tokens", "N", CLI_WHOLE, AT(max_tokens), CLI_GENERATION, "most tokens to generate"},
    {"temperature", "X", CLI_REAL, AT(temperature), CLI_GENERATION,
     "sampling temperature; 0 always takes the likeliest token"},
    {"top-k", "N", CLI_WHOLE, AT(top_k), CLI_GENERATION,
     "sample among the K likeliest tokens; 0 for all"},
    {"top-p", "X", CLI_REAL, AT(top_p), CLI_GENERATION,
     "sample among the likeliest tokens that have this probability together"},

    {"compare", NULL, CLI_FLAG, AT(compare), CLI_COMPARING,
     "compare the given masks: their overlap, and the share that each takes of each tensor"},
    {"svg", "FILE", CLI_TEXT, AT(svg), CLI_COMPARING,
     "with --compare: write a heat map of layers and modules to this file"},
    {"join", NULL, CLI_FLAG, AT(join), CLI_COMPARING,
     "join finished sweeps of several tasks: means over the tasks, and paired tests against a "
     "baseline"},
    {"baseline", "METHOD", CLI_TEXT, AT(baseline), CLI_COMPARING,
     "method to compare the others with, as the table names it"},
    {"column", "COLUMN", CLI_TEXT, AT(column), CLI_COMPARING,
     "column that is compared first and plotted"},
    {"margin", "X", CLI_REAL, AT(margin), CLI_COMPARING,
     "means that differ by less than this are equivalent"},

    {"out", "PATH", CLI_TEXT, AT(out), CLI_OUTPUT, "file or folder to write"},
    {"export", "FILE.gguf", CLI_TEXT, AT(export_file), CLI_OUTPUT,
     "also write the forgotten model as a GGUF file"},
    {"no-undo", NULL, CLI_FLAG, AT(no_undo), CLI_OUTPUT,
     "write no undo.patch, which takes the change back and so holds what was forgotten"},
    {"plan", NULL, CLI_FLAG, AT(plan), CLI_OUTPUT,
     "print the commands that this command stands for, and run none"},
    {"yes", NULL, CLI_FLAG, AT(yes), CLI_OUTPUT,
     "go on with the questions that were made of the data, without showing them first"},
    {"out-patch", "FILE", CLI_TEXT, AT(out_patch), CLI_OUTPUT,
     "also write the change as a patch (`wagle help patches`)"},
    {"old", "KIND", CLI_TEXT, AT(old), CLI_OUTPUT,
     "old values in the patch: keep them, or only their hash (smaller, but cannot be reverted)"},
    {"type", "KIND", CLI_TEXT, AT(type), CLI_OUTPUT, "type of the matrices"},
    {"dtype", "KIND", CLI_TEXT, AT(dtype), CLI_OUTPUT, "type of the weights"},
    {"format", "KIND", CLI_TEXT, AT(format), CLI_OUTPUT, "form of the mask file"},
    {"title", "TEXT", CLI_TEXT, AT(title), CLI_OUTPUT, "title of the page"},
    {"redact", NULL, CLI_FLAG, AT(redact), CLI_OUTPUT,
     "replace the texts of rows by keyed hashes in what is written; numbers stay"},
    {"layers", NULL, CLI_FLAG, AT(layers), CLI_OUTPUT, "print one line for each layer"},
    {"tensors", NULL, CLI_FLAG, AT(tensors), CLI_OUTPUT, "print one line for each tensor"},
    {"json", NULL, CLI_FLAG, AT(json), CLI_OUTPUT, "print the result as JSON"},
    {"force", NULL, CLI_FLAG, AT(force), CLI_OUTPUT, "replace an output that exists"},
    {"dry-run", NULL, CLI_FLAG, AT(dry_run), CLI_OUTPUT,
     "only print the memory and time that the run needs"},

    {"seed", "N", CLI_WHOLE, AT(seed), CLI_COMMON, "seed of every random choice"},
    {"memory", "SIZE", CLI_BYTES, AT(memory), CLI_COMMON,
     "memory limit, as in 16G; a run that needs more is refused before it starts"},
    {"threads", "N", CLI_WHOLE, AT(threads), CLI_COMMON,
     "worker threads; results do not depend on it. On a busy machine fewer threads are faster"},
    {"device", "NAME", CLI_TEXT, AT(device), CLI_COMMON,
     "where to compute: cpu, cuda, cuda:N or auto (a card if there is one)"},
    {"precision", "KIND", CLI_TEXT, AT(precision), CLI_COMMON,
     "of products on a card: operands rounded to bf16, to tf32, or f32"},
    {"config", "FILE", CLI_TEXT, AT(config), CLI_COMMON,
     "read options from a JSON object; options on the command line win"},
    {"quiet", NULL, CLI_FLAG, AT(quiet), CLI_COMMON, "print no progress and no log"},
    {"verbose", NULL, CLI_FLAG, AT(verbose), CLI_COMMON, "print more log"},
    {"help", NULL, CLI_FLAG, AT(help), CLI_COMMON, "print the help of the command"},
#undef AT
    {0},
};

/* Where an option means something else, or belongs elsewhere, for one command. */
static const struct own {
    const char *option, *commands;
    cli_group group;
    const char *help;
} own[] = {
    {"data", "finetune", CLI_DATA,
     "file of rows to train on (may repeat; FILE@W multiplies this "
     "file's loss terms by W)"},
    {"reference", "eval", CLI_MODEL,
     "another model: suite membership compares with it, robustness moves the weights back to it"},
    {"prompt", "generate", CLI_DATA,
     "text to continue, or a question to a chat model (may repeat)"},
    {"config", "init", CLI_DATA, "config.json of the model to make"},
    {"lr", "unlearn", CLI_TRAINING,
     "peak learning rate; auto finds one by a few short tries (`wagle help lr`)"},
    {"density", "unlearn", CLI_WEIGHTS, "share of the weights to select, with --selector"},
    {"lr", "unlearn", CLI_TRAINING,
     "peak learning rate; auto finds one by a few short tries (`wagle help lr`)"},
    {"protect", "attribute mask", CLI_PROTECT,
     "rows to protect, for the score that --gamma protect makes: a file of rows, a .txt file, "
     "retain, or self[:N] (may repeat)"},
    {"temperature", "eval", CLI_GENERATION,
     "sampling temperature of suites extraction and toxicity; 0 always takes the likeliest token"},
    {"out", "eval", CLI_OUTPUT, "file X.json for the result; its rows go into X.rows.jsonl"},
    {"gold", "report", CLI_TESTS, "label of the model that never saw the forget set"},
    {"dry-run", "sweep", CLI_OUTPUT, "only print which runs are done"},
};

static const struct own *find_own(const cli_command *c, const cli_option *t)
{
    for (size_t i = 0; c != NULL && i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i].option, t->name) == 0 && cli_listed(own[i].commands, c->name))
            return &own[i];
    return NULL;
}

const char *cli_option_help(const cli_command *c, const cli_option *t)
{
    const struct own *o = find_own(c, t);
    return o != NULL ? o->help : t->help;
}

cli_group cli_option_group(const cli_command *c, const cli_option *t)
{
    const struct own *o = find_own(c, t);
    return o != NULL ? o->group : t->group;
}

static const struct limit {
    const char *range, *options;
} limits[] = {
    {"(0,1]", "density top-p rectify"},
    {"(0,)", "lr relearn-lr lora-alpha protect-damping margin"},
    {"(0,1e6)", "epochs"},
    {"[1,4096]", "batch accumulate"},
    {"[1,1024]", "lora threads"},
    {"[1,)", "steps eval-every max-length limit prefix length verbatim"},
};

const char *cli_range(const char *option)
{
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (cli_listed(limits[i].options, option))
            return limits[i].range;
    return "[0,)";
}

bool cli_is_word(const char *option, const char *value)
{
    return strcmp(option, "lr") == 0 && strcmp(value, "auto") == 0;
}

static const struct choice {
    const char *option;
    const char *word[8];
    wagle_info (*from)(int i); /* or the names of a table */
} choices[] = {
    {"retain-term", {"nll", "kl", "hidden", "none"}, NULL},
    {"scope", {"global", "tensor", "row", "neurons"}, NULL},
    {"op", {"and", "or", "minus", "invert"}, NULL},
    {"schedule", {"linear", "cosine", "constant"}, NULL},
    {"state", {"f32", "bf16"}, NULL},
    {"reduction", {"rows", "tokens"}, NULL},
    {"old", {"keep", "hash"}, NULL},
    {"type", {"bf16", "f16", "f32", "q8_0"}, NULL},
    {"dtype", {"bf16", "f16", "f32"}, NULL},
    {"format", {"bits", "bool"}, NULL},
    {"objective", {NULL}, wagle_objective_info},
    {"selector", {NULL}, wagle_selector_info},
    {"optimizer", {NULL}, wagle_optimizer_info},
};

const char *cli_choice(const cli_option *t, int i)
{
    for (size_t k = 0; k < sizeof choices / sizeof *choices; k++)
        if (strcmp(choices[k].option, t->name) == 0)
            return choices[k].from != NULL ? choices[k].from(i).name : choices[k].word[i];
    return NULL;
}

/* Rows of several files are trained on together; other commands answer for one file. */
bool cli_repeats(const char *command, const char *option)
{
    if (strcmp(option, "data") == 0)
        return strcmp(command, "finetune") == 0;
    return strcmp(option, "prompt") != 0 || strcmp(command, "generate") == 0;
}
