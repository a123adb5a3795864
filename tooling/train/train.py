"""Trains the checkpoint that ships with the command line: a Llama of 345 000 parameters on little stories.

    python tooling/train/train.py packages/headwise/assets/little-stories packages/headwise/golden

Needs torch and nothing else, one CPU core and fifteen to twenty minutes. Everything is seeded. The weights are
stored in float16; the expected ids and logits are those of the stored weights, computed here in float64 by code
that shares nothing with the packages.
"""

import json
import math
import pathlib
import random
import re
import struct
import sys
import time

import torch
from stories import stories
from tokenizer import BOS, EOS, Tokenizer, learn
from torch.nn import functional as F

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 96,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 1024,
    "max_position_embeddings": 256,
    "rope_theta": 10000.0,
    "rms_norm_eps": 1e-05,
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": True,
    "bos_token_id": BOS,
    "eos_token_id": [BOS, EOS],  # a text ends where another one would begin
    "torch_dtype": "float16",
}
E, HIDDEN, LAYERS = CONFIG["hidden_size"], CONFIG["intermediate_size"], CONFIG["num_hidden_layers"]
H, HKV, D = CONFIG["num_attention_heads"], CONFIG["num_key_value_heads"], CONFIG["head_dim"]
V, CONTEXT = CONFIG["vocab_size"], CONFIG["max_position_embeddings"]

STEPS, BATCH, RATE, WARM_UP = 3000, 16, 4e-3, 60
PROMPTS = [
    "",
    "Once upon a time",
    "One day, Ada found a small seed",
    "Long ago there was a fox who did not like the dark",
    '"Where is my kite?" said Otto.',
    "Rosa had a blue boat. She",
    "One day, Zoë ate a crêpe ☃ and",
]


def new_weights():
    shapes = {"model.embed_tokens.weight": (V, E), "model.norm.weight": (E,)}
    for i in range(LAYERS):
        at = f"model.layers.{i}."
        shapes |= {
            at + "input_layernorm.weight": (E,),
            at + "self_attn.q_proj.weight": (H * D, E),
            at + "self_attn.k_proj.weight": (HKV * D, E),
            at + "self_attn.v_proj.weight": (HKV * D, E),
            at + "self_attn.o_proj.weight": (E, H * D),
            at + "post_attention_layernorm.weight": (E,),
            at + "mlp.gate_proj.weight": (HIDDEN, E),
            at + "mlp.up_proj.weight": (HIDDEN, E),
            at + "mlp.down_proj.weight": (E, HIDDEN),
        }
    weights = {}
    for name, shape in shapes.items():
        deep = name.endswith(("o_proj.weight", "down_proj.weight"))
        std = 0.05 / math.sqrt(2 * LAYERS) if deep else 0.05
        weights[name] = torch.ones(shape) if len(shape) == 1 else torch.randn(shape) * std
    return weights


def norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + CONFIG["rms_norm_eps"]) * weight


def rotate(x):
    """Su et al. 2021; pairs (i, i + D/2), as in Hugging Face's Llama. x [B, heads, L, D]"""
    angle = torch.arange(x.shape[2], dtype=torch.float64)[:, None] * CONFIG["rope_theta"] ** (
        -torch.arange(0, D, 2, dtype=torch.float64) / D
    )
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., : D // 2], x[..., D // 2 :]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def forward(w, ids):
    """ids [B, L] → logits [B, L, V]"""
    B, L = ids.shape
    x = w["model.embed_tokens.weight"][ids]
    for i in range(LAYERS):
        at = f"model.layers.{i}."
        y = norm(x, w[at + "input_layernorm.weight"])
        heads = lambda name, n: (y @ w[f"{at}self_attn.{name}_proj.weight"].T).view(B, L, n, D).transpose(1, 2)
        q, k, v = rotate(heads("q", H)), rotate(heads("k", HKV)), heads("v", HKV)
        k, v = k.repeat_interleave(H // HKV, 1), v.repeat_interleave(H // HKV, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + y.transpose(1, 2).reshape(B, L, H * D) @ w[at + "self_attn.o_proj.weight"].T
        y = norm(x, w[at + "post_attention_layernorm.weight"])
        gate, up = y @ w[at + "mlp.gate_proj.weight"].T, y @ w[at + "mlp.up_proj.weight"].T
        x = x + (F.silu(gate) * up) @ w[at + "mlp.down_proj.weight"].T
    return norm(x, w["model.norm.weight"]) @ w["model.embed_tokens.weight"].T


def some_of(r, text):
    """Every third story starts in the middle, so that the model can go on from any sentence."""
    if r.random() > 1 / 3:
        return text
    starts = [m.end() for m in re.finditer(r'[.!?]"?\s', text[: len(text) // 2])]
    return text[r.choice(starts) :] if starts else text


def train(texts):
    r = random.Random(1)
    streams = [texts.encode(some_of(r, text)) + [EOS] for text in stories(40_000, seed=1)]
    stream = torch.tensor([i for ids in streams for i in ids])
    starts = torch.tensor([0] + [len(ids) for ids in streams]).cumsum(0)
    starts = starts[starts < len(stream) - CONTEXT - 1]
    print(f"{len(stream)} tokens, {len(stream) / len(streams):.0f} a story", flush=True)

    weights = new_weights()
    for weight in weights.values():
        weight.requires_grad_()
    print(f"{sum(w.numel() for w in weights.values())} parameters", flush=True)
    optimizer = torch.optim.AdamW(
        [
            {"params": [w for w in weights.values() if w.dim() == 2], "weight_decay": 0.05},
            {"params": [w for w in weights.values() if w.dim() == 1], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
    )
    began = time.time()
    for step in range(STEPS):
        progress = max(0, step - WARM_UP) / (STEPS - WARM_UP)
        rate = RATE * min(1, (step + 1) / WARM_UP) * (0.02 + 0.98 * (1 + math.cos(math.pi * progress)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = rate
        first = starts[torch.randint(len(starts), (BATCH,))]
        rows = stream[first[:, None] + torch.arange(CONTEXT + 1)]
        loss = F.cross_entropy(forward(weights, rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == STEPS - 1:
            print(f"step {step:5d}  loss {loss.item():.4f}  {time.time() - began:.0f} s", flush=True)
    return {name: weight.detach().half() for name, weight in weights.items()}


def save(weights, path):
    header, data = {"__metadata__": {"format": "pt", "license": "MIT", "trained_by": "tooling/train/train.py"}}, b""
    for name in sorted(weights):
        part = weights[name].numpy().tobytes()
        header[name] = {"dtype": "F16", "shape": list(weights[name].shape), "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def expected(texts, weights, prompt):
    """Greedy ids until the end of the story or the context, and the smallest lead of a best logit."""
    ids, lead = texts.encode(prompt), math.inf
    prompt_ids = list(ids)
    while len(ids) < CONTEXT and ids[-1] != EOS:
        best = forward(weights, torch.tensor([ids]))[0, -1].topk(2)
        lead = min(lead, (best.values[0] - best.values[1]).item())
        ids.append(best.indices[0].item())
    return {
        "prompt": prompt,
        "prompt_ids": prompt_ids,
        "generated_ids": ids[len(prompt_ids) :],
        "text": texts.decode(ids),
        "smallest_lead": lead,
    }


def main(assets, golden):
    torch.manual_seed(1)
    torch.set_num_threads(1)
    assets, golden = pathlib.Path(assets), pathlib.Path(golden)
    assets.mkdir(parents=True, exist_ok=True)
    golden.mkdir(parents=True, exist_ok=True)

    texts = Tokenizer(*learn(stories(4000, seed=2), V))
    texts.save(assets / "tokenizer.vocab.json")
    (assets / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    weights = train(texts)
    save(weights, assets / "model.safetensors")

    exact = {name: weight.double() for name, weight in weights.items()}
    greedy = [expected(texts, exact, prompt) for prompt in PROMPTS]
    for case in greedy:
        print(f"\n{case['text']}\n(smallest lead {case['smallest_lead']:.5f})")
    ids = (greedy[0]["prompt_ids"] + greedy[0]["generated_ids"])[:24]
    logits = forward(exact, torch.tensor([ids]))[0]
    held_out = stories(500, seed=3)
    rows = [texts.encode(text) + [EOS] for text in held_out]
    losses = [F.cross_entropy(forward(exact, torch.tensor([r[:-1]]))[0], torch.tensor(r[1:]), reduction="sum") for r in rows]
    loss = sum(losses).item() / sum(len(r) - 1 for r in rows)
    print(f"\nheld-out stories: {loss:.4f} nats a token")
    record = {
        "producer": f"tooling/train/train.py, torch {torch.__version__.split('+')[0]}, float64 on the stored float16 weights",
        "held_out_nats_per_token": loss,
        "greedy": greedy,
        "logits": {"ids": ids, "last": [round(v, 9) for v in logits[-1].tolist()], "atol": 1e-4},
        "tokenizer": [{"text": t, "ids": texts.encode(t)} for t in [*held_out[:3], *PROMPTS, "a\tb  c\n\nd", "QX-9%"]],
    }
    (golden / "little-stories.json").write_text(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
