"""What the tiny golden checkpoints of @headwise/models are made with: random weights, and what transformers computes of them in float64."""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file

OUT = Path(__file__).parents[2] / "packages" / "models" / "golden" / "tiny"
# a choice that float32 could make otherwise proves nothing
MARGIN = 2e-3
# and neither does a model that float32 cannot compute
SHIFT = 4e-4
# such small products are slower on several
torch.set_num_threads(1)


class Widened:
    """torch, whose float32 is float64."""

    float32 = float = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


class WidenedFunctions:
    def softmax(self, x, dim=-1, dtype=None):
        return F.softmax(x, dim=dim)

    def __getattr__(self, name):
        return getattr(F, name)


class WidenedModules:
    functional = WidenedFunctions()

    def __getattr__(self, name):
        return getattr(torch.nn, name)


def widen(*modelling):
    """The modelling code widens to float32 inside (norms, softmax, angles, routers, gates): here these casts lead to float64."""
    for module in modelling:
        module.torch, module.F, module.nn = Widened(), WidenedFunctions(), WidenedModules()
    torch.Tensor.float = torch.Tensor.double


def fill(model, generator):
    """Weights of a size at which every part shows in the logits; float32 numbers."""
    def normal(shape, scale):
        return (torch.randn(shape, generator=generator) * scale).float()

    for name, weight in [*model.named_parameters(), *model.named_buffers()]:
        last = name.split(".")[-1]
        if name.endswith("inv_freq"):
            continue
        if last == "A_log":
            value = (torch.rand(weight.shape, generator=generator) * 1.5 + 0.05).log()
        elif last == "dt_bias":
            value = normal(weight.shape, 1) - 1
        elif last == "e_score_correction_bias":
            value = normal(weight.shape, 0.2)
        elif weight.dim() == 1:
            # gains: stored less 1 in Qwen3-Next, but for those of the recurrent layers
            less = model.config.model_type == "qwen3_next" and "linear_attn" not in name
            value = normal(weight.shape, 0.2) + (0 if less else 1)
        elif "conv1d" in name:
            value = normal(weight.shape, 0.6)
        elif "embed_tokens" in name:
            value = normal(weight.shape, 1)
        else:
            size = 2 if "lm_head" in name or "gate.weight" in name else 1.2
            value = normal(weight.shape, size / weight.shape[-1] ** 0.5)
        with torch.no_grad():
            weight.copy_(value.reshape(weight.shape))


def gaps(model):
    """How far the last chosen expert is from the first that is not, at least, of all tokens so far."""
    found = []

    def hook(router, args, out):
        biased = hasattr(router, "e_score_correction_bias")
        scores = out[0].sigmoid() + router.e_score_correction_bias if biased else out[0].softmax(-1)
        if (getattr(router, "num_group", 1) or 1) > 1:
            groups = scores.reshape(len(scores), router.num_group, -1)
            sums = groups.topk(2 if biased else 1, -1)[0].sum(-1)
            best = sums.sort(-1, descending=True)
            found.append((best[0][:, router.topk_group - 1] - best[0][:, router.topk_group]).min().item())
            outside = torch.ones_like(sums).scatter_(1, best[1][:, :router.topk_group], 0)
            scores = (groups - 10 * outside[..., None]).reshape(scores.shape)
        ordered = scores.sort(-1, descending=True)[0]
        found.append((ordered[:, router.top_k - 1] - ordered[:, router.top_k]).min().item())

    for module in model.modules():
        if module.__class__.__name__.endswith("TopKRouter") or module.__class__.__name__.endswith("TopkRouter"):
            module.register_forward_hook(hook)
    return found


def greedy(model, ids, mask, new):
    """One token a step with the cache; beside the ids the smallest lead of a best one."""
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    out = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True)
    made, lead = [], float("inf")
    for _ in range(new):
        best = out.logits[:, -1].topk(2)
        lead = min(lead, (best.values[:, 0] - best.values[:, 1]).min().item())
        made.append(best.indices[:, :1])
        mask = torch.cat([mask, torch.ones_like(made[-1])], 1)
        positions = positions[:, -1:] + 1
        out = model(input_ids=made[-1], attention_mask=mask, position_ids=positions, cache=out.cache, use_cache=True)
    return torch.cat(made, 1), lead


def whole(model, ids, made, mask):
    """What is left of the cached ids where everything is computed again in one pass."""
    both = torch.cat([ids, made], 1)
    mask = torch.cat([mask, torch.ones_like(made)], 1)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    return model(input_ids=both, attention_mask=mask, position_ids=positions, use_cache=False).logits


def disturbed(model, ids, before, generator):
    """How far logits move where every weight is changed by a millionth: what float32 cannot tell apart."""
    for weight in model.parameters():
        weight.mul_(1 + 1e-6 * torch.randn(weight.shape, generator=generator))
    return (model(input_ids=ids, use_cache=False).logits - before).abs().max().item()


def golden(name, source, config, model_class, seed, T, PAD, NEW):
    generator = torch.Generator().manual_seed(seed)
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    model = model_class(config).eval()
    fill(model, generator)
    saved = {key: value.clone() for key, value in model.state_dict().items()}
    model = model.double()
    found = gaps(model)
    ids = torch.randint(3, config.vocab_size, (2, T), generator=generator)
    mask = torch.ones(2, T, dtype=torch.long)
    ids[1, :PAD] = 0
    mask[1, :PAD] = 0
    with torch.no_grad():
        last = {}
        hook = model.model.norm.register_forward_pre_hook(lambda module, args: last.update(x=args[0]))
        alone = model(input_ids=ids[:1], use_cache=False, output_hidden_states=True)
        hook.remove()
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        padded = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False)
        short = model(input_ids=ids[1:, PAD:], use_cache=False)
        one, lead = greedy(model, ids[:1], mask[:1], NEW)
        two, lead_two = greedy(model, ids, mask, NEW)
        again = whole(model, ids, two, mask)
        bent = disturbed(model, ids[:1], alone.logits, generator)
    assert (two[:1] == one).all()
    apart = (padded.logits[1, PAD:] - short.logits[0]).abs().max().item()
    same = (again[:, T - 1 : -1].argmax(-1) == two).all().item()
    lead = min(lead, lead_two)
    tensors = {
        "input.ids": ids, "input.attention_mask": mask, "logits": alone.logits[0].float(),
        "padded.logits": padded.logits[1].float(), "padded.position_ids": positions[1],
        "hidden.last_prenorm": last["x"][0].float(), "greedy.ids": one[0], "padded.greedy.ids": two[1],
        **{f"hidden.{i}": hidden[0].float() for i, hidden in enumerate(alone.hidden_states)},
    }
    end = one[0, NEW // 3].item()
    until = one[0].tolist().index(end) + 1
    facts = {
        "source": f"tooling/golden/{source}: transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, float64",
        "name": name, "class": model_class.__name__, "seed": seed,
        "run": {"B": 2, "T": T, "left_pad_row1": PAD, "new_tokens": NEW},
        "tolerance": {"f32": {"atol": 2e-4, "rtol": 1e-4}},
        "logits_std": alone.logits.std().item(),
        "greedy": {"ids": one[0].tolist(), "min_margin": lead, "with_eos": {"eos_token_id": end, "ids": one[0, :until].tolist()}},
        "router_min_gap": min(found), "disturbed_by_1e-6": bent, "padded_vs_alone": apart, "full_pass_same_ids": same,
    }
    return model, saved, tensors, facts


def write(name, source, config, model_class, sizes=(40, 5, 32)):
    """A folder of a checkpoint and its golden numbers; `sizes` are tokens, left padding of the second text, and new tokens."""
    for seed in range(1000, 1400):
        model, saved, tensors, facts = golden(name, source, config, model_class, seed, *sizes)
        if facts["greedy"]["min_margin"] > MARGIN and facts["router_min_gap"] > MARGIN / 20 and facts["disturbed_by_1e-6"] < SHIFT:
            break
    else:
        raise SystemExit("no seed without a close choice")
    assert facts["full_pass_same_ids"] and facts["padded_vs_alone"] < 1e-9, facts
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    model.to(torch.float32).load_state_dict(saved)
    config.dtype = "float32"
    model.save_pretrained(folder)
    for extra in folder.glob("generation_config.json"):
        extra.unlink()
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "golden.safetensors")
    (folder / "golden.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps({key: value for key, value in facts.items() if key not in ("source", "run", "tolerance")}))
