"""What llama.cpp computes of a GGUF file, through cyllama (a package of PyPI that holds it)."""
import multiprocessing, os

import numpy as np
os.environ["GGML_NO_BACKTRACE"] = "1"
try:
    from cyllama.llama import llama_cpp
except ImportError:
    llama_cpp = None


def run(pipe, path, texts, ids):
    class Model(llama_cpp.LlamaModel):
        n_vocab = property(lambda self: self.get_vocab().n_vocab)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    model = Model(path_model=path, params=llama_cpp.LlamaModelParams(), verbose=False)
    tokens = [list(model.get_vocab().tokenize(text, True, True)) for text in texts]
    settings = llama_cpp.LlamaContextParams()
    settings.n_ctx, settings.n_threads, settings.n_threads_batch = 512, 1, 1
    settings.type_k, settings.type_v, settings.flash_attn_type = 0, 0, 0  # keys and values stay float32
    context = llama_cpp.LlamaContext(model=model, params=settings, verbose=False)
    batch = llama_cpp.LlamaBatch(n_tokens=512, embd=0, n_seq_max=1)
    batch.set_batch(ids, 0, False)
    batch.set_last_logits_to_true()
    context.decode(batch)
    pipe.send((tokens, np.array(context.get_logits())))


def compute(path, texts, ids):
    """Ids of each text and the logits after the last of `ids`; None: it does not load the file, or is not installed.

    In a process of its own, since llama.cpp aborts on files that it does not like."""
    if llama_cpp is None:
        return None
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=run, args=(there, os.path.abspath(path), texts, ids))
    child.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        return None
    finally:
        child.join()
