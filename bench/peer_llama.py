"""llama.cpp through llama-cpp-python, for bench/run to time: greedy, one prompt, all cores; prints JSON.

    peer_llama.py MODEL.gguf PROMPT TOKENS"""
import json, os, sys, time
from llama_cpp import Llama

path, prompt, tokens = sys.argv[1:]
model = Llama(path, n_ctx=512, n_threads=os.cpu_count(), n_threads_batch=os.cpu_count(), verbose=False)
model.create_completion("warm up", max_tokens=4, temperature=0)
start = time.perf_counter()
out = model.create_completion(prompt, max_tokens=int(tokens), temperature=0)
print(json.dumps({"seconds": time.perf_counter() - start, "tokens": out["usage"]["completion_tokens"], "text": out["choices"][0]["text"]}))
