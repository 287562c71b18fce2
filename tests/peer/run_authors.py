"""Runs the authors' own evaluation code, for check_authors.py: one of the functions below, in a process of its own.

    run_authors.py PART CLONE WORK MODEL OUT.json [MORE]

Their files are used as they are. Replaced for all of them: data sets and models of the hub (local files; float32, CPU), .cuda(), and the
length of generated text, which ends after TOKENS new tokens, not at a total length. What else is replaced stands at each part."""
import functools, importlib, json, os, runpy, sys, types

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
import datasets, torch, transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

TOKENS = 60
load_files = datasets.load_dataset
torch.set_num_threads(1)
torch.Tensor.cuda = lambda self, *_, **__: self
transformers.logging.set_verbosity_error()


def local_tofu(work):
    """load_dataset("locuslab/TOFU", NAME) by Hugging Face's own reader, from NAME.json of the folder that wagle is given."""
    def load(path, name=None, split=None, **_):
        assert path == "locuslab/TOFU", path
        return load_files("json", data_files={"train": f"{work}/tofu/{name}.json"}, split=split, cache_dir=f"{work}/cache")
    datasets.load_dataset = load


def local_model():
    """Models open in float32 on the CPU; generate() makes up to TOKENS new tokens."""
    opened = AutoModelForCausalLM.from_pretrained

    def open_model(*args, **options):
        folder = options.get("pretrained_model_name_or_path", *args[:1])
        model = opened(folder, dtype=torch.float32).eval()
        made = model.generate

        def generate(*args, **how):
            how |= {"max_length": None, "max_new_tokens": TOKENS}
            return made(*args, **how)
        model.generate = generate
        return model
    AutoModelForCausalLM.from_pretrained = staticmethod(open_model)


def as_transformers_4():
    """apply_chat_template gives token ids, not a dictionary of them."""
    applied = transformers.PreTrainedTokenizerBase.apply_chat_template
    transformers.PreTrainedTokenizerBase.apply_chat_template = lambda *args, **how: applied(*args, **{"return_dict": False, **how})


def run_open_unlearning(clone, work, model, out, config, gold=None):
    """src/eval.py of open-unlearning with its own configuration, for the model of that name in its configs/model. Replaced: lm_eval, trainer's
    seed function, which would import deepspeed, and what transformers 5 returns for a chat."""
    local_tofu(work)
    local_model()
    metrics = ("forget_Truth_Ratio forget_quality forget_Q_A_Prob forget_Q_A_ROUGE model_utility privleak extraction_strength "
               "exact_memorization mia_min_k_plus_plus mia_min_k mia_loss mia_zlib mia_reference mia_gradnorm").split()
    if "chat" not in config:
        as_transformers_4()
    for name, inside in {"trainer.utils": {"seed_everything": torch.manual_seed}, "evals.lm_eval": {"LMEvalEvaluator": type("LMEvalEvaluator", (), {})}}.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(inside)
    sys.modules["trainer"] = types.ModuleType("trainer")
    sys.argv = ["eval.py", "experiment=eval/tofu/default", f"model={config}", f"eval/tofu_metrics@eval.tofu.tofu_metrics=[{','.join(metrics)}]",
                f"model.model_args.pretrained_model_name_or_path={model}", f"model.tokenizer_args.pretrained_model_name_or_path={model}",
                "model.model_args.attn_implementation=eager", "model.model_args.torch_dtype=float32", "model.model_args.device_map=cpu",
                f"eval.tofu.metrics.mia_reference.reference_model_path={work}/retain", f"retain_logs_path={gold or 'null'}",
                "task_name=check", "hydra/job_logging=default", "hydra/hydra_logging=default", f"paths.output_dir={out}.d", f"paths.root_dir={work}"]
    sys.path.insert(0, f"{clone}/src")
    runpy.run_path(f"{clone}/src/eval.py", run_name="__main__")
    os.replace(f"{out}.d/TOFU_EVAL.json", out)


def load_muse(clone, work):
    """load_data.py of MUSE writes the files that its eval.py and wagle read."""
    hub = json.load(open(f"{work}/muse.json", encoding="utf-8"))
    datasets.load_dataset = lambda path, kind, split: hub[kind].get(split.split("_1")[0]) or {"text": ["Nothing."]}
    os.makedirs(f"{work}/muse", exist_ok=True)
    os.chdir(f"{work}/muse")
    sys.path.insert(0, clone)
    runpy.run_path(f"{clone}/load_data.py")


def run_muse(clone, work, model, out, gold=None):
    """load_data.py and eval_model of eval.py, which does not run as published. Replaced: the lists of privleak.py, which it asks for keys(),
    and the table of constants.py, which eval.py reads without the corpus: the AUCs of the gold model stand there."""
    load_muse(clone, work)
    opened = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    os.chdir(work)
    sys.path.insert(0, os.path.dirname(clone))
    code = importlib.import_module(os.path.basename(clone) + ".eval")
    privleak = importlib.import_module(os.path.basename(clone) + ".metrics.privleak")
    list_of, keyed = privleak.eval_data, type("Rows", (list,), {"keys": lambda self: self[0].keys()})
    privleak.eval_data = lambda *args: keyed(list_of(*args))
    named = {key: f"{work}/muse/{path}" for key, path in code.DEFAULT_DATA["news"].items()}
    code.AUC_RETRAIN = json.load(open(gold))["auc"] if gold else dict.fromkeys(["forget_holdout_Min-40%"], 0.5)
    found = code.eval_model(opened, AutoTokenizer.from_pretrained(model), temp_dir=f"{out}.d", **named)
    parts = {f"{part}/{kind}": json.load(open(f"{out}.d/{part}/{kind}.json")) for part in ("verbmem_f", "knowmem_f", "knowmem_r") for kind in ("agg", "log")}
    json.dump({"found": found, "auc": json.load(open(f"{out}.d/privleak/auc.json")), "privleak/log": json.load(open(f"{out}.d/privleak/log.json")), **parts}, open(out, "w"))


def run_wagle(clone, work, model, out, count):
    """eval_tofu of WAGLE's metrics/Tofu.py, for Llama. Replaced: sentence embeddings, by ROUGE-L F1 of the texts. They count the tokens of a
    question with a tokenizer of transformers 4 that leaves <s> out (`slow`); `answer` counts it where probabilities are computed, so that an
    answer's probability is that of its own tokens."""
    from rouge_score import rouge_scorer
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    stand_in = types.ModuleType("sentence_transformers")
    stand_in.SentenceTransformer = lambda _: types.SimpleNamespace(encode=lambda text, **_: text)
    stand_in.util = types.SimpleNamespace(pytorch_cos_sim=lambda made, answer: scorer.score(answer, made)["rougeL"].fmeasure)
    sys.modules["sentence_transformers"] = stand_in
    local_tofu(work)
    local_model()
    os.chdir(clone)
    sys.path.insert(0, f"{clone}/src")
    code = importlib.import_module("metrics.Tofu")
    opened, counted = AutoTokenizer.from_pretrained, code.compute_prob

    def open_tokenizer(folder, **_):
        tokenizer = opened(folder)
        tokenizer.tokenize = lambda text, **_: tokenizer.convert_ids_to_tokens(tokenizer(text, add_special_tokens=False).input_ids)
        return tokenizer

    def compute_prob(model, prompt, answer, tokenizer, **how):
        slow = tokenizer.tokenize
        tokenizer.tokenize = lambda text, **_: tokenizer.convert_ids_to_tokens(tokenizer(text).input_ids)
        found = counted(model, prompt, answer, tokenizer, **how)
        tokenizer.tokenize = slow
        return found
    code.AutoTokenizer = types.SimpleNamespace(from_pretrained=open_tokenizer)
    if count == "answer":
        code.compute_prob = compute_prob
    os.makedirs(f"{out}.d", exist_ok=True)
    code.eval_tofu(model, "forget10", "retain90", output_dir=f"{out}.d", if_llama=True)
    os.replace(f"{out}.d/tofu.json", out)


def run_tofu(clone, work, model, out):
    """get_all_evals of TOFU's evaluate_util.py on the four sets, for llama2-7b. Replaced: batch_encode_plus, which transformers 5 lacks."""
    local_tofu(work)
    local_model()
    os.chdir(clone)
    sys.path.insert(0, clone)
    code = importlib.import_module("evaluate_util")
    import yaml
    cfg = yaml.safe_load(open("config/eval_everything.yaml"))
    part = types.SimpleNamespace(**{**cfg, "generation": types.SimpleNamespace(**cfg["generation"]), "batch_size": 4})
    opened, tokenizer = AutoModelForCausalLM.from_pretrained(model), AutoTokenizer.from_pretrained(model)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.batch_encode_plus = tokenizer.__call__
    logs = {}
    for split, qk, ak, task, base, wrong in zip(["retain_perturbed", "real_authors_perturbed", "world_facts_perturbed", "forget10_perturbed"],
                                                cfg["question_key"], cfg["answer_key"], cfg["eval_task"], cfg["base_answer_key"], cfg["perturbed_answer_key"]):
        loaders = code.get_dataloader(part, task, tokenizer, "locuslab/TOFU", split, qk, ak, base, wrong)
        logs[f"{task}.json"] = code.get_all_evals(part, opened, tokenizer, task, *loaders, normalize_gt="eval_log" not in task)
    json.dump(logs, open(out, "w"))


def run_tofu_aggregate(clone, work, logs, out, gold):
    """main of aggregate_eval_stat.py, on logs in their layout; and the model utility of utils.py, whose truth ratios are arithmetic."""
    os.chdir(clone)
    sys.path.insert(0, clone)
    sys.argv = ["aggregate_eval_stat.py", f"ckpt_result={logs}", f"retain_result={gold}", f"save_file={out}.csv", "hydra.run.dir=" + work]
    runpy.run_path("aggregate_eval_stat.py", run_name="__main__")
    import csv
    found = next(csv.DictReader(open(f"{out}.csv")))
    arithmetic = importlib.import_module("utils").get_model_utility(json.load(open(logs)))
    json.dump({"stat": {k: float(v) for k, v in found.items() if k not in ("Method", "Submitted By")}, "arithmetic": arithmetic}, open(out, "w"))


if __name__ == "__main__":
    globals()["run_" + sys.argv[1]](*sys.argv[2:])
