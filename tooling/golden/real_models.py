"""What transformers computes of a model that people have, for tooling/real-models.ts.

    python tooling/golden/real_models.py decoder MODEL.gguf OUT.json     logits of a text, and what follows it greedily
    python tooling/golden/real_models.py sentences FOLDER OUT.json       embeddings: mean of the tokens, length 1

The weights of a GGUF file are those that transformers itself makes of it (its own reader, names and order of rows),
in float32. Needs torch and transformers; gguf and accelerate for GGUF files.
"""

import json
import sys
from pathlib import Path

import torch
import transformers

TEXT = "The capital of France is Paris, and the river that flows through it is called"
SENTENCES = [
    "A man is eating food.",
    "Someone has a meal.",
    "The new movie is awesome, and I would watch it twice.",
    "Attention weights are a distribution over the keys.",
]


def decoder(path: Path) -> dict:
    where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        **where, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    ids = tokenizer(TEXT, return_tensors="pt").input_ids
    with torch.no_grad():
        logits = model(ids).logits[0]
    # no end, no penalties: what the model computes, and nothing that a file asks of generation
    model.generation_config = transformers.GenerationConfig(do_sample=False)
    made = model.generate(ids, max_new_tokens=64)
    greedy = made[0, ids.shape[1] :].tolist()
    with torch.no_grad():
        after = model(made[:, :-1]).logits[0, ids.shape[1] - 1 :]
    best = after.topk(2).values
    return {
        "ids": ids[0].tolist(),
        # of the first, a middle and the last token
        "positions": [0, ids.shape[1] // 2, ids.shape[1] - 1],
        "logits": [logits[p].tolist() for p in (0, ids.shape[1] // 2, ids.shape[1] - 1)],
        "greedy": greedy,
        # how far the chosen one was ahead
        "margin": (best[:, 0] - best[:, 1]).min().item(),
        "text": tokenizer.decode(greedy),
    }


def sentences(folder: Path) -> dict:
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    model = transformers.AutoModel.from_pretrained(str(folder), dtype=torch.float32).eval()
    rows, embeddings = [], []
    for sentence in SENTENCES:
        given = tokenizer(sentence, return_tensors="pt")
        with torch.no_grad():
            hidden = model(**given).last_hidden_state[0]
        mean = hidden.mean(0)
        rows.append(given.input_ids[0].tolist())
        embeddings.append((mean / mean.norm()).tolist())
    return {"ids": rows, "embeddings": embeddings}


kind, source, target = sys.argv[1:4]
result = {"decoder": decoder, "sentences": sentences}[kind](Path(source))
producer = f"transformers {transformers.__version__}, torch {torch.__version__}"
Path(target).write_text(json.dumps({"producer": producer, **result}))
