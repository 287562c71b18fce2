/* topics.c - `wagle help TOPIC`: one screen per topic, with lists from the library's tables. */
#include "page.h"

#include <stdio.h>
#include <string.h>

void cli_list(const cli_writer *w, wagle_info (*at)(int i))
{
    for (int i = 0; at(i).name != NULL; i++)
        w->item(at(i).name, at(i).summary);
}

static void data(const cli_writer *w)
{
    w->paragraph(
        "A file of rows is JSON Lines, one JSON array, CSV or TSV with a header, any of them "
        "compressed by gzip or zstd, Parquet, or Arrow. A folder stands for its files. There are "
        "four kinds of row:");
    w->lines("  {\"question\": \"Where does Ada live?\",\n"
             "   \"answer\": \"In Port Lumen.\"}\n"
             "  {\"messages\": [{\"role\": \"user\", \"content\": ..},\n"
             "                {\"role\": \"assistant\", \"content\": ..}]}\n"
             "  {\"text\": \"The harbour of Port Lumen is blue.\"}\n"
             "  {\"input_ids\": [1, 15, 9, 2], \"labels\": [-100, -100, 9, 2]}\n");
    w->paragraph("Only labels are trained on and scored: the answer of a question, the last answer "
                 "of a conversation (with --all-turns every answer), every token of plain text.");
    w->paragraph("The question may be called question or prompt; the answer may be called answer "
                 "or completion. For other columns give --prompt-field, --answer-field or "
                 "--text-field.");
    w->paragraph("--forget and --retain may repeat. FILE@2 multiplies the loss terms of that file "
                 "by 2. Rows longer than the model allows are refused; --truncate cuts them.");
    w->paragraph(
        "--where COLUMN=TEXT reads only some of the rows, and --fields COLUMN=NAME reads a "
        "column under another name.");
    w->paragraph("Arrow, pickle, .xlsx and other files are refused with a line that says how to "
                 "convert them. docs/reference/data.md has every rule.");
}

static void layouts(const cli_writer *w)
{
    w->paragraph("A layout is the text around a question. All rows that have a question get the "
                 "same one. It is");
    w->item("1.", "the text of --prompt 'Q: {prompt} A: ', where it is given. {prompt} is the "
                  "question, {name} any other column; {{ and }} are braces.");
    w->item("2.", "else the chat template in the model's folder, if it has one. --no-chat turns it "
                  "off, --chat fails where there is none, --chat-layout NAME takes another.");
    w->item("3.", "else `### Question: {prompt}`, a new line, and `### Answer: `.");
    w->paragraph("The log says which layout is used; the manifest and the results hold it. Ask a "
                 "model in the layout that it was trained in: other layouts give other answers.");
    w->heading("Built-in layouts (--chat-layout NAME)");
    cli_list(w, wagle_chat_info);
}

static void objectives(const cli_writer *w)
{
    w->paragraph("The objective is the loss that training minimises. Most have two terms: one that "
                 "pushes the forget rows away (--forget-weight), one that holds the retain rows "
                 "(--alpha). graddiff is the simplest. npo and simnpo do less harm when a run goes "
                 "on for long.");
    w->heading("Objectives (--objective NAME)");
    cli_list(w, wagle_objective_info);
    w->paragraph("`wagle help unlearn` lists the parameters of each.");
}

static void selectors(const cli_writer *w)
{
    w->paragraph("A selector gives every weight a score. The weights with the highest scores are "
                 "selected, and only they are trained. theta is a weight; gf and gr are the "
                 "gradients of the loss on the forget and the retain rows; F is the Fisher "
                 "diagonal of the retain rows (their mean squared gradient).");
    w->heading("Selectors (--selector NAME)");
    for (int i = 0; wagle_selector_info(i).name != NULL; i++) {
        const wagle_info s = wagle_selector_info(i);
        char text[200];
        snprintf(text, sizeof text, "%s: %s", s.summary, s.formula);
        w->item(s.name, text);
    }
}

static void masks(const cli_writer *w)
{
    w->paragraph("A mask names the weights that may change. All others keep every bit. Make one "
                 "by scoring all weights and selecting the highest scores:");
    w->command("wagle attribute --model DIR --forget forget.jsonl --retain retain.jsonl "
               "--out scores");
    w->command("wagle mask --scores scores --density 0.1 --exclude embeddings --out mask");
    w->command("wagle unlearn --model DIR --forget forget.jsonl --retain retain.jsonl --mask mask "
               "--out forgotten");
    w->paragraph("`wagle unlearn --selector wagle --density 0.1` does the same in one command. "
                 "`wagle mask --model DIR` scores and selects without a score file.");
    w->paragraph("--density is the share of the weights that is selected, of those that --include "
                 "and --exclude leave. --scope neurons selects whole neurons. --op and, or, minus "
                 "and invert combine masks; --compare shows how much they overlap.");
    w->paragraph("Without a mask every weight is trained. In our study no selector did better than "
                 "all weights at equal forgetting; a small mask gives a small patch.");
}

static void lr(const cli_writer *w)
{
    w->paragraph("The learning rate is the size of an update. It decides more than any other "
                 "option: too low, and nothing is forgotten; too high, and the model forgets "
                 "everything else too.");
    w->paragraph("It depends on the model and on what is trained. Typical values with the default "
                 "optimizer: 1e-5 to 1e-4 for all weights, about 3 times as much with a mask or "
                 "with --protect, 1e-4 to 1e-3 with --lora.");
    w->paragraph("unlearn finds one itself: with --lr auto, the default, it makes up to five short "
                 "tries of 20 updates and takes the rate at which the rule of --stop-when is "
                 "expected after about 60 updates. Each try is one line of the log; all are in "
                 "tries.json. It then also protects the retain rows ('wagle help protect').");
    w->command("wagle unlearn --model DIR --forget forget.jsonl --retain retain.jsonl "
               "--out forgotten");
    w->paragraph(
        "A number turns the search off. Then look at both numbers, not only at the one that fell:");
    w->command("wagle eval --model forgotten --data retain.jsonl");
    w->paragraph("--schedule says what follows the warm-up: linear and cosine fall to 0 at the "
                 "last update, constant stays. A run that --stop-when ends early is best compared "
                 "with a constant rate.");
}

static void stop_rules(const cli_writer *w)
{
    w->paragraph("--stop-when RULE ends a run when the rule holds. It is checked every "
                 "--eval-every updates. A rule is a metric, < or >, and a number:");
    w->item("forget.probability<0.1", "mean probability of the answers' tokens in the forget rows");
    w->item("forget.highest<0.1", "the highest of these probabilities: no row is known better");
    w->item("forget.nll>3", "mean loss of the forget rows, in nats for a token");
    w->item("retain.perplexity<20", "forget or retain, with probability, highest, nll or "
                                    "perplexity");
    w->item("mcq.wmdp.acc<0.3", "SUITE.METRIC of a suite that --suite names");
    w->item("chance", "unlearn: the answer probability of the same questions about invented "
                      "people, measured before training; with --gold-model, that of the forget "
                      "rows in a model that never saw them");
    w->paragraph("unlearn stops at chance unless a rule is given, or a learning rate with --steps, "
                 "--epochs or --pairs. It lands there, as with --land, after at most 300 updates.");
    w->paragraph("Where the rule never holds, the model is written all the same and the exit code "
                 "is 5; with --allow-unmet it is 0.");
    w->paragraph("A run stops at the first check at which the rule holds, which may be far beyond "
                 "it. --land then scales the change back to where the rule just holds, so that "
                 "methods can be compared at equal forgetting.");
    w->command("wagle unlearn --model DIR --forget forget.jsonl --retain retain.jsonl "
               "--stop-when 'forget.probability<0.1' --eval-every 2 --land --out forgotten");
    w->paragraph("--skip-forgotten draws only forget rows that were above the bound at the last "
                 "check. With forget.highest it forgets every row at the least cost to the rest.");
}

static void protect(const cli_writer *w)
{
    w->paragraph("--protect ROWS keeps the model's outputs on these rows nearly as they were. "
                 "Every update is turned away from the input directions that the rows use. Their "
                 "labels play no part, so any text will do:");
    w->item("FILE", "a file of rows, or a .txt file");
    w->item("retain", "the rows of --retain");
    w->item("self[:N]", "N texts that the model writes itself (256), without those that resemble "
                        "the forget rows: for when there is nothing to retain");
    w->item("none", "no rows: unlearn protects those of --retain where it searches the learning "
                    "rate itself");
    w->command("wagle unlearn --model DIR --forget forget.jsonl --protect self --out forgotten");
    w->paragraph("--protect-damping is how much may still change: larger is weaker protection. "
                 "--protect-rank limits the directions and so the memory. Training with --protect "
                 "usually needs a learning rate about 3 times as high.");
    w->paragraph("Not with --lora. docs/reference/definitions.md has the formulas.");
}

static void memory(const cli_writer *w)
{
    w->paragraph("Weights are read from the model's files where they lie, and no gradient of the "
                 "whole model is kept. What needs memory are the trained weights (with the default "
                 "optimizer 12 bytes each, with --state bf16 8) and the activations of a batch.");
    w->item("--dry-run", "prints the plan: memory and time, without running");
    w->item("--memory 16G", "sets a limit; a run that needs more is refused before it starts, and "
                            "the message says what would help");
    w->item("--state bf16", "halves the optimizer's moments");
    w->item("--density 0.1", "with --selector, or --mask: only selected weights are stored");
    w->item("--lora 8", "trains small adapters instead");
    w->item("--batch 1", "with --accumulate 4: the same rows in an update, fewer at once");
    w->item("--gpu-memory 12G", "limits what is taken of a card (`wagle help devices`), by default "
                                "what is free; --memory then limits the host's memory alone");
    w->paragraph("With --memory, what does not fit goes into scratch files beside the output, "
                 "where a run allows it. Put --out on a fast local disk.");
}

static void devices(const cli_writer *w)
{
    w->paragraph("Every command computes on the processor, or with --device on one NVIDIA card. "
                 "The driver, NVRTC and cublasLt are found when the command runs; Python's "
                 "packages nvidia-*, which PyTorch brings, have the last two.");
    w->command("wagle unlearn --model DIR --forget forget.jsonl --retain retain.jsonl "
               "--device cuda --out forgotten");
    w->item("--device cuda", "the first card; cuda:1 is the second");
    w->item("--device auto", "the first card, or the processor if there is no card");
    w->item("--precision bf16", "factors of matrix products are rounded to bf16 (the default on a "
                                "card; the processor can do it too) or tf32; f32 does not round. "
                                "Sums and all else are float32");
    w->item("--gpu-memory 12G", "limits what is taken of the card; by default what is free, less "
                                "5 %. Results do not depend on it");
    w->paragraph("Weights that do not fit the card are read from the host again in each pass. "
                 "--dry-run says what a run needs of the card, and whether they fit.");
    w->paragraph("A run resumes only on the kind of card, and at the precision, that it began "
                 "with. docs/gpu.md says what was tested and what does not work yet.");
}

static void patches(const cli_writer *w)
{
    w->paragraph("A patch holds the weights that changed and nothing else, so it is small where a "
                 "mask was small. It fits only the very weights that it was made for; a hash "
                 "checks that.");
    w->command("wagle unlearn --model DIR --forget forget.jsonl --retain retain.jsonl --mask mask "
               "--out forgotten --out-patch forget.patch");
    w->command("wagle diff base forgotten --out forget.patch");
    w->command("wagle apply base forget.patch --out forgotten");
    w->command("wagle revert forgotten forget.patch --out base2");
    w->paragraph(
        "--scale applies a share of the change, or its opposite; revert takes exactly that "
        "back. `wagle merge` adds whole models, and patches that change the same weights.");
    w->command("wagle apply base forget.patch --scale 0.5 --out half");
    w->command("wagle merge a.patch b.patch --base base --weights 1,1 --out both");
    w->paragraph("Careful: a patch that can be reverted holds the old weights, and with them what "
                 "was forgotten. --old hash leaves them out; such a patch cannot be reverted.");
}

static void metrics(const cli_writer *w)
{
    w->paragraph("`wagle eval --data ROWS` computes metrics of the labels of the rows. A suite has "
                 "metrics of its own (`wagle help suites`).");
    w->heading("Metrics (--metrics LIST)");
    cli_list(w, wagle_metric_info);
}

static void suites(const cli_writer *w)
{
    char title[64];

    w->paragraph("A suite is a set of tests with files of its own: --set NAME=FILE for each. Every "
                 "metric has a 95 % interval, and the rows are saved beside the result.");
    for (int s = 0; wagle_suite_info(s).name != NULL; s++) {
        snprintf(title, sizeof title, "--suite %s", wagle_suite_info(s).name);
        w->heading(title);
        w->subheading(wagle_suite_info(s).summary);
        for (int i = 0; wagle_suite_set_info(s, i).name != NULL; i++)
            w->item(wagle_suite_set_info(s, i).name, wagle_suite_set_info(s, i).summary);
    }
}

static void exit_codes(const cli_writer *w)
{
    w->item("0", "done");
    w->item("1", "the run failed: a loss is not a number, a metric cannot be computed");
    w->item("2", "wrong usage: an option is wrong or missing");
    w->item("3", "bad input: a file is missing, damaged, or does not fit the others");
    w->item("4", "not enough memory or disk. A run that has trained keeps a checkpoint in "
                 "OUT.partial; make room and add --resume");
    w->item("5", "--stop-when was not reached; the model is written all the same");
    w->item("130", "interrupted; a checkpoint is in OUT.partial, and --resume continues from it");
    w->paragraph("Every error is one line on standard error that names the file or option and says "
                 "what to do.");
}

#define ROWS_READERS "unlearn attribute mask finetune logits gradient eval"

const cli_topic cli_topics[] = {
    {"common", "options of many commands: threads, memory, config, log", "", cli_page_common},
    {"data", "files of rows", ROWS_READERS, data},
    {"layouts", "what stands around a question: chat templates and others",
     ROWS_READERS " generate", layouts},
    {"objectives", "what training minimises", "unlearn gradient attribute sweep", objectives},
    {"lr", "choosing a learning rate", "unlearn finetune sweep", lr},
    {"stop-rules", "ending a run when something is reached", "unlearn finetune", stop_rules},
    {"protect", "keeping what the model can do", "unlearn finetune", protect},
    {"masks", "training only some of the weights", "unlearn finetune mask attribute", masks},
    {"selectors", "how weights are scored", "unlearn mask attribute sweep", selectors},
    {"memory", "what a run needs, and how to need less", "unlearn finetune attribute mask", memory},
    {"devices", "computing on a GPU", "unlearn finetune attribute mask eval forget", devices},
    {"patches", "shipping a change, and taking it back", "unlearn finetune diff apply revert merge",
     patches},
    {"metrics", "metrics of rows", "eval", metrics},
    {"suites", "tests of a model, and their data sets", "eval unlearn finetune", suites},
    {"exit-codes", "what the exit code of a command means", "*", exit_codes},
    {0},
};
