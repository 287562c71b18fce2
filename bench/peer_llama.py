"""llama.cpp through llama-cpp-python, for bench/run to time: prints JSON.

    peer_llama.py convert Q4.gguf MODEL OUT.gguf    the model folder's weights as bf16, with the metadata of Q4.gguf
    peer_llama.py generate OUT.gguf PROMPT TOKENS   greedy, one prompt, all cores"""
import json, os, sys, time

what, source = sys.argv[1:3]


def convert(folder, out):
    import gguf, numpy, torch
    from safetensors.torch import load_file
    weights, reader = load_file(f"{folder}/model.safetensors"), gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(out, "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type", "general.quantization_version"):
            continue
        kind = field.types[0]
        writer.add_key_value(field.name, field.contents(), kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    heads = int(reader.fields["llama.attention.head_count"].contents())
    names = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    parts = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
             "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
             "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    size = weights["model.layers.0.self_attn.q_proj.weight"].shape[0] // heads
    for t in reader.tensors:
        stem = t.name.removesuffix(".weight")
        name = names.get(stem) or f"model.layers.{stem.split('.')[1]}.{parts[stem.split('.')[2]]}"
        w = weights[name + ".weight"]
        if stem.endswith(("attn_q", "attn_k")):
            w = w.view(-1, 2, size // 2, w.shape[1]).transpose(1, 2).reshape(w.shape).contiguous()
        if w.dim() == 1:
            writer.add_tensor(t.name, w.float().numpy())
        else:
            raw = w.bfloat16().contiguous().view(torch.uint8).numpy()
            writer.add_tensor(t.name, raw, raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {"out": out}


def generate(prompt, tokens):
    from llama_cpp import Llama
    model = Llama(source, n_ctx=512, n_threads=os.cpu_count(), n_threads_batch=os.cpu_count(), verbose=False)
    model.create_completion(prompt, max_tokens=4, temperature=0)
    start = time.perf_counter()
    out = model.create_completion(prompt, max_tokens=tokens, temperature=0)
    return {"seconds": time.perf_counter() - start, "tokens": out["usage"]["completion_tokens"], "text": out["choices"][0]["text"]}


print(json.dumps(convert(*sys.argv[3:5]) if what == "convert" else generate(sys.argv[3], int(sys.argv[4]))))
