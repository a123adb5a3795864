"""The recipe of tooling/sentiment.ts in PyTorch, with transformers' BERT and tokenizer, on the same sentences in the same
order: what Headwise is compared with.

    python tooling/golden/sentiment.py PLAN.json MODEL OUT.json

Dropout 0; AdamW with decay on matrices; gradients clipped by their global norm; a rate that rises and falls in straight
lines. The two layers of the head begin with the pooler of the files and with numbers of the same hash.
"""

import json
import math
import sys
import time

import torch
import torch.nn.functional as F
import transformers

MASK = 0xFFFFFFFF


def mixed(word):
    h = word & MASK
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & MASK
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & MASK
    return h ^ (h >> 16)


def hash_at(key, place):
    return mixed(key ^ mixed(place + 0x9E3779B9))


plan_file, folder, out = sys.argv[1:4]
plan = json.load(open(plan_file))
recipe = plan["recipe"]
torch.set_num_threads(recipe["threads"])
tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
bert = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
E = bert.config.hidden_size
bound = 0.02 * math.sqrt(3)
numbers = [bound * (2 * hash_at(plan["headKey"], i) / 2**32 - 1) for i in range(2 * E)]
classifier = torch.nn.Linear(E, 2)
with torch.no_grad():
    classifier.weight.copy_(torch.tensor(numbers).reshape(2, E))
    classifier.bias.zero_()
params = {**dict(bert.named_parameters()), **{f"classifier.{n}": p for n, p in classifier.named_parameters()}}


def logits_of(texts, ids):
    given = tokenizer(texts, padding=True, truncation=True, max_length=recipe["length"], return_tensors="pt")
    theirs = [row[mask.bool()].tolist() for row, mask in zip(given.input_ids, given.attention_mask)]
    assert theirs == ids, "the tokenizers differ"
    return classifier(bert(**given).pooler_output)


optimizer = torch.optim.AdamW(
    [
        {"params": [p for p in params.values() if p.dim() > 1], "weight_decay": recipe["decay"]},
        {"params": [p for p in params.values() if p.dim() == 1], "weight_decay": 0.0},
    ],
    lr=0.0,
)
began, losses = time.time(), []
steps, warmup, peak = len(plan["batches"]), recipe["warmup"], recipe["peak"]
for step, batch in enumerate(plan["batches"], 1):
    rate = peak * step / warmup if step <= warmup else peak * (1 - (step - warmup) / (steps - warmup))
    for group in optimizer.param_groups:
        group["lr"] = rate
    loss = F.cross_entropy(logits_of(batch["texts"], batch["ids"]), torch.tensor(batch["labels"]))
    optimizer.zero_grad()
    loss.backward()
    norm = math.sqrt(sum((p.grad.double() ** 2).sum().item() for p in params.values()))
    for p in params.values():
        p.grad *= min(1.0, recipe["clip"] / norm)
    optimizer.step()
    losses.append(loss.item())
right = count = 0
with torch.no_grad():
    for batch in plan["check"]:
        said = logits_of(batch["texts"], batch["ids"]).argmax(-1)
        right += (said == torch.tensor(batch["labels"])).sum().item()
        count += len(batch["labels"])
producer = f"transformers {transformers.__version__}, torch {torch.__version__}"
result = {"producer": producer, "losses": losses, "accuracy": right / count, "seconds": time.time() - began}
json.dump(result, open(out, "w"))
