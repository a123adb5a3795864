"""
Golden values for @headwise/training, computed apart from its code: PyTorch's own optimizers in float64 on given
gradients, and 200 steps of a small GPT and of the original Transformer in float32, from weights and texts that both
sides draw from the same hash.

    python tooling/golden/training.py                  writes packages/training/golden/*.json
    python tooling/golden/training.py transformer      this one
"""

import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F

OUT = pathlib.Path(__file__).parents[2] / "packages/training/golden"
MASK = 0xFFFFFFFF


def mixed(word):
    h = word & MASK
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & MASK
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & MASK
    return h ^ (h >> 16)


def hash_words(*words):
    h = 0x9E3779B9
    for word in words:
        h = mixed(h ^ mixed(word + 0x9E3779B9))
    return h


def hash_at(key, place):
    return mixed(key ^ mixed(place + 0x9E3779B9))


def uniform(shape, key, bound):
    size = math.prod(shape)
    values = [bound * (2 * hash_at(key, i) / 2**32 - 1) for i in range(size)]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def write(name, value):
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(value) + "\n")


def optimizers():
    shapes = {"w": (3, 5), "b": (7,)}
    make = {
        "sgd": lambda params: torch.optim.SGD(params, lr=0.1),
        "momentum": lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9),
        "adam": lambda params: torch.optim.Adam(params, lr=0.02),
        "adam, other numbers": lambda params: torch.optim.Adam(params, lr=0.02, betas=(0.8, 0.95), eps=1e-5),
        "adamw": lambda params: torch.optim.AdamW(
            [{"params": params[:1], "weight_decay": 0.1}, {"params": params[1:], "weight_decay": 0.0}], lr=0.02
        ),
    }
    cases = []
    for name, create in make.items():
        for clip in (None, 0.5):
            params = [uniform(shape, hash_words(1, i), 1.0).requires_grad_() for i, shape in enumerate(shapes.values())]
            optimizer = create(params)
            after = []
            for step in range(1, 6):
                for i, param in enumerate(params):
                    param.grad = uniform(param.shape, hash_words(2, step, i), 1.0 / step)
                if clip:
                    # eps 1e-6 in the divisor is PyTorch's own; the paper has none
                    norm = torch.sqrt(sum((param.grad**2).sum() for param in params))
                    for param in params:
                        param.grad *= min(1.0, clip / norm.item())
                optimizer.step()
                after.append([param.detach().flatten().tolist() for param in params])
            cases.append({"name": name, "clip": clip, "after": after})
    write("optimizers", {"torch": torch.__version__, "shapes": shapes, "cases": cases})


class Gpt(torch.nn.Module):
    """GPT-2's block by hand: pre-norm, learned positions, GELU, biases, tied head."""

    def __init__(self, V, E, H, layers, T):
        super().__init__()
        self.H, self.layers = H, layers
        self.names = {}
        F4 = 4 * E

        def add(name, shape, kind):
            key = hash_words(7, len(self.names))
            if kind == "ones":
                value = torch.ones(shape, dtype=torch.float64)
            elif kind == "zeros":
                value = torch.zeros(shape, dtype=torch.float64)
            else:
                value = uniform(shape, key, math.sqrt(3 / shape[-1]))
            self.names[name] = torch.nn.Parameter(value.float())
            self.register_parameter(name.replace(".", "_"), self.names[name])

        add("embed", (V, E), "")
        add("position.table", (T, E), "")
        for layer in range(layers):
            at = f"layers.{layer}."
            for norm in ("attentionNorm", "mlpNorm"):
                add(f"{at}{norm}.weight", (E,), "ones")
                add(f"{at}{norm}.bias", (E,), "zeros")
            for which in "qkvo":
                add(f"{at}attention.{which}", (E, E), "")
                add(f"{at}attention.{which}.bias", (E,), "zeros")
            add(f"{at}mlp.up", (F4, E), "")
            add(f"{at}mlp.up.bias", (F4,), "zeros")
            add(f"{at}mlp.down", (E, F4), "")
            add(f"{at}mlp.down.bias", (E,), "zeros")
        add("norm.weight", (E,), "ones")
        add("norm.bias", (E,), "zeros")

    def forward(self, ids):
        p, (B, T) = self.names, ids.shape
        E = p["embed"].shape[1]
        x = p["embed"][ids] + p["position.table"][:T]
        for layer in range(self.layers):
            at = f"layers.{layer}."
            norm = lambda name, h: F.layer_norm(h, (E,), p[f"{at}{name}.weight"], p[f"{at}{name}.bias"], 1e-5)
            project = lambda name, h: F.linear(h, p[f"{at}{name}"], p[f"{at}{name}.bias"])
            h = norm("attentionNorm", x)
            q, k, v = (project(f"attention.{which}", h).view(B, T, self.H, -1).transpose(1, 2) for which in "qkv")
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, E)
            x = x + project("attention.o", y)
            x = x + project("mlp.down", F.gelu(project("mlp.up", norm("mlpNorm", x))))
        x = F.layer_norm(x, (E,), p["norm.weight"], p["norm.bias"], 1e-5)
        return F.linear(x, p["embed"])


def reversal(index, B, length, symbols, seed):
    rows = []
    for b in range(B):
        key = hash_words(seed, index, b)
        digits = [hash_at(key, i) % symbols for i in range(length)]
        rows.append([*digits, symbols, *reversed(digits)])
    ids = torch.tensor(rows)
    targets = ids[:, 1:].clone()
    targets[:, :length] = -1
    return ids[:, :-1], targets


def gpt():
    sizes = {"V": 17, "E": 24, "H": 3, "layers": 2, "T": 15}
    task = {"B": 8, "length": 7, "symbols": 16, "seed": 5}
    peak, warmup, steps = 3e-3, 20, 200
    torch.manual_seed(0)
    model = Gpt(**sizes)
    matrices = [w for w in model.names.values() if w.dim() > 1]
    others = [w for w in model.names.values() if w.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.99))
    losses = []
    for step in range(1, steps + 1):
        part = (step - warmup) / (steps - warmup)
        rate = peak * step / warmup if step <= warmup else peak * (1 + math.cos(math.pi * part)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate
        ids, targets = reversal(step - 1, task["B"], task["length"], task["symbols"], task["seed"])
        logits = model(ids)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print("gpt:", losses[0], losses[-1])
    recipe = {"peak": peak, "warmup": warmup, "steps": steps, "decay": 0.1, "beta2": 0.99}
    write("gpt", {"torch": torch.__version__, "sizes": sizes, "task": task, "recipe": recipe, "losses": losses})


class Transformer(torch.nn.Module):
    """Vaswani et al. 2017, section 3, by hand: sums are normalised, positions sinusoidal, one table for both halves and
    the output, projections without biases, a feed-forward with."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        V, E, F_ = config["vocab_size"], config["hidden_size"], config["intermediate_size"]
        shapes = {"encoder.embed": (V, E)}
        for half, parts in (("encoder", ["attention"]), ("decoder", ["attention", "cross"])):
            for layer in range(config[f"{half}_layers"]):
                at = f"{half}.layers.{layer}."
                for part in parts:
                    shapes |= {f"{at}{part}.{which}": (E, E) for which in "qkvo"}
                for part in [*parts, "mlp"]:
                    shapes |= {f"{at}{part}Norm.{what}": (E,) for what in ("weight", "bias")}
                shapes |= {f"{at}mlp.up": (F_, E), f"{at}mlp.up.bias": (F_,)}
                shapes |= {f"{at}mlp.down": (E, F_), f"{at}mlp.down.bias": (E,)}
        self.names = {}
        for i, name in enumerate(sorted(shapes)):
            shape = shapes[name]
            if len(shape) > 1:
                value = uniform(shape, hash_words(11, i), math.sqrt(3 / shape[-1]))
            else:
                value = torch.full(shape, 0.0 if name.endswith("bias") else 1.0, dtype=torch.float64)
            self.names[name] = torch.nn.Parameter(value.float())
            self.register_parameter(name.replace(".", "_"), self.names[name])

    def embed(self, ids):
        E = self.config["hidden_size"]
        position = torch.arange(ids.shape[1], dtype=torch.float64)[:, None]
        angle = position / 10000 ** (torch.arange(0, E, 2, dtype=torch.float64) / E)
        table = torch.stack([angle.sin(), angle.cos()], -1).reshape(ids.shape[1], E)
        return math.sqrt(E) * self.names["encoder.embed"][ids] + table.float()

    def attention(self, at, x, source, mask):
        (B, L, E), H = x.shape, self.config["num_attention_heads"]
        heads = lambda which, of: F.linear(of, self.names[f"{at}.{which}"]).view(B, -1, H, E // H).transpose(1, 2)
        q, k, v = heads("q", x), heads("k", source), heads("v", source)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return F.linear(y.transpose(1, 2).reshape(B, L, E), self.names[f"{at}.o"])

    def added(self, at, x, y):
        return F.layer_norm(x + y, x.shape[-1:], self.names[f"{at}Norm.weight"], self.names[f"{at}Norm.bias"], 1e-6)

    def mlp(self, at, x):
        inner = torch.relu(F.linear(x, self.names[f"{at}.up"], self.names[f"{at}.up.bias"]))
        return F.linear(inner, self.names[f"{at}.down"], self.names[f"{at}.down.bias"])

    def forward(self, sources, ids):
        seen = (sources >= 0)[:, None, None, :]
        x = self.embed(sources.clamp(min=0))
        for layer in range(self.config["encoder_layers"]):
            at = f"encoder.layers.{layer}."
            x = self.added(f"{at}attention", x, self.attention(f"{at}attention", x, x, seen))
            x = self.added(f"{at}mlp", x, self.mlp(f"{at}mlp", x))
        causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril()
        y = self.embed(ids.clamp(min=0))
        for layer in range(self.config["decoder_layers"]):
            at = f"decoder.layers.{layer}."
            y = self.added(f"{at}attention", y, self.attention(f"{at}attention", y, y, causal))
            y = self.added(f"{at}cross", y, self.attention(f"{at}cross", y, x, seen))
            y = self.added(f"{at}mlp", y, self.mlp(f"{at}mlp", y))
        return F.linear(y, self.names["encoder.embed"])


def reversed_sources(index, B, length, symbols, seed):
    """Digits as the source, a mark and the same digits backwards as the text; -1 beyond the end of a row."""
    rows = []
    for b in range(B):
        key = hash_words(seed, index, b)
        own = length - hash_at(key, length) % 3
        rows.append([hash_at(key, i) % symbols for i in range(own)])
    most = max(len(row) for row in rows)
    filled = lambda row: row + [-1] * (most - len(row))
    targets = [row[::-1] for row in rows]
    return (torch.tensor([filled(row) for row in each]) for each in (rows, [[symbols, *row[:-1]] for row in targets], targets))


def transformer():
    config = {
        "model_type": "transformer",
        "vocab_size": 11,
        "hidden_size": 24,
        "num_attention_heads": 3,
        "intermediate_size": 48,
        "encoder_layers": 2,
        "decoder_layers": 2,
    }
    task = {"B": 8, "length": 7, "symbols": 10, "seed": 6}
    # at this rate PyTorch's float32 run stays within 1e-6 of its own float64 run; at twice of it they part by 1e-2, when
    # a rounding decides whether a unit of the ReLU is open
    recipe = {"E": 24, "warmup": 60, "scale": 0.15, "steps": 200, "beta2": 0.98, "eps": 1e-9, "smoothing": 0.1}
    model = Transformer(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0, betas=(0.9, recipe["beta2"]), eps=recipe["eps"])
    losses = []
    for step in range(1, recipe["steps"] + 1):
        # section 5.3, eq. 3
        rate = recipe["scale"] * recipe["E"] ** -0.5 * min(step**-0.5, step * recipe["warmup"] ** -1.5)
        for group in optimizer.param_groups:
            group["lr"] = rate
        sources, ids, targets = reversed_sources(step - 1, **task)
        logits = model(sources, ids)
        loss = F.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=-1, label_smoothing=recipe["smoothing"]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print("transformer:", losses[0], losses[-1])
    write("transformer", {"torch": torch.__version__, "config": config, "task": task, "recipe": recipe, "losses": losses})


every = {"optimizers": optimizers, "gpt": gpt, "transformer": transformer}
for name in sys.argv[1:] or every:
    every[name]()
