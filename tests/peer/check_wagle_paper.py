"""The numbers of suite wagle-paper by transformers, rouge_score, scipy, scikit-learn and the definitions in the code of WAGLE's
authors, beside those of `wagle eval` without a scorer.

    check_wagle_paper.py MODEL RESULT.json TOFU_FOLDER SPLIT LIMIT MAX_TOKENS

Rows are laid out as in their code, '[INST] question [\\INST] answer'; texts are generated after the bracket. Prints a table for
docs/recipes.md; fails where a number differs by more than 1e-3. Needs torch, transformers, rouge_score, scipy, scikit-learn. Where other
programs run, OMP_NUM_THREADS=1 is much faster."""
import json
import math
import sys

from answers import Model, compare, mean
from rouge_score import rouge_scorer
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

folder, result, tofu, split, limit, most = sys.argv[1:7]
model = Model(folder)
scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)


def encode(question, answer):
    """Ids of question and answer, and where the answer begins."""
    head = rf"[INST] {question} [\INST]"
    return model.ids(f"{head} {answer}" if answer else head), len(model.ids(head))


def min_half(question, answer):
    """-mean of the lower half of the log probabilities of question and answer."""
    lp = sorted(model.log_probabilities([encode(question, answer)[0]])[0].tolist())
    return -mean(lp[:int(0.5 * len(lp))])


def ask(rows, column):
    return model.generate([encode(r[column], "")[0] for r in rows], int(most))


found, ratios, halves = {}, {}, {}
for name, file in (("forget", split), ("retain", "retain"), ("real_authors", "real_authors"), ("world_facts", "world_facts")):
    rows = [json.loads(line) for line in open(f"{tofu}/{file}_perturbed.json")][:int(limit)]
    made = ask(rows, "question")
    if name in ("forget", "retain"):
        right, ratios[name] = [], []
        for r, text in zip(rows, ask(rows, "paraphrased_question")):
            answers = [r["paraphrased_answer"]] + r["perturbed_answer"]
            p = [math.exp(-n) for n in model.nll([encode(r["paraphrased_question"], a) for a in answers])]
            ratios[name].append(mean(p[1:]) / (p[0] + 1e-12))
            similar = [scorer.score(a, text)["rougeL"].fmeasure for a in answers]
            right.append(similar[0] >= max(similar))
        halves[name] = [min_half(r["question"], r["answer"]) for r in rows]
        found[f"{name}.accuracy_by_rouge"] = mean(right)
    else:
        found[f"{name}.accuracy"] = mean([r["answer"].lower() in text.lower() for r, text in zip(rows, made)])
    found[f"{name}.rougeL"] = mean([scorer.score(r["answer"], text)["rougeL"].recall for r, text in zip(rows, made)])
    if name in ratios:
        found[f"{name}.truth_ratio"] = mean(ratios[name])
found["forget_quality"] = ks_2samp(ratios["forget"], ratios["retain"]).pvalue
both = [1] * len(halves["forget"]) + [0] * len(halves["retain"])
found["mia"] = roc_auc_score(both, halves["forget"] + halves["retain"])
found["efficacy_by_rouge"] = mean([found["forget_quality"], found["mia"], 1 - found["forget.accuracy_by_rouge"], 1 - found["forget.rougeL"]])
found["utility_by_rouge"] = mean([v for k, v in found.items() if k.split(".")[0] in ("retain", "real_authors", "world_facts")
                                  and not k.endswith("truth_ratio")])
sys.exit(compare(found, json.load(open(result))["suites"]["wagle-paper"]["metrics"]))
