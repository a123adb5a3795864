"""
Golden values for the delta rules of @headwise/attention-variants, computed by other people's programs: layers by the
modules of transformers (Qwen3-Next, Kimi Linear) with their caches, the rule alone by the naive recurrences of fla-core.
Both widen to float32 inside; here these casts lead to float64.

    pip install torch transformers==5.24.0 einops && pip install --no-deps --target FOLDER fla-core==0.6.0
    python tooling/golden/delta.py FOLDER      writes packages/attention-variants/golden/{gated-delta,kimi-delta}.json

The folder is not on Python's path: transformers would run the GPU kernels of fla that it finds there.
"""

import importlib.util
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from transformers.cache_utils import DynamicCache
from transformers.models.kimi_linear import modeling_kimi_linear as kimi
from transformers.models.kimi_linear.configuration_kimi_linear import KimiLinearConfig
from transformers.models.qwen3_next import modeling_qwen3_next as qwen
from transformers.models.qwen3_next.configuration_qwen3_next import Qwen3NextConfig

from attention_common import arrays, layers_case, sample, tolerant, write

PROGRAM = (
    f"tooling/golden/delta.py: transformers {transformers.__version__} and fla-core 0.6.0, "
    f"PyTorch {torch.__version__.split('+')[0]}, float64"
)


class Widened:
    """torch, whose float32 is float64."""

    float32 = float = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


def naive(name):
    """A file of fla-core by itself: the package wants a GPU to be imported."""
    spec = importlib.util.spec_from_file_location(name, Path(sys.argv[1]) / "fla" / "ops" / name / "naive.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.torch = Widened()
    return module


qwen.torch = kimi.torch = Widened()
torch.Tensor.float = torch.Tensor.double
gated, kda = naive("gated_delta_rule"), naive("kda")


def attend_case(name, rule, sizes, forgets=None):
    """The rule alone. `forgets(x)` makes the logarithm of what is kept; without it all is kept, and written whole."""
    B, L, H, D, Dv, E = sizes
    q, k, v, x = sample(B, L, H, D), sample(B, L, H, D), sample(B, L, H, Dv), sample(B, L, E)
    inputs, weights = {"q": q, "k": k, "v": v}, {}
    g, beta = torch.zeros(B, L, H), torch.ones(B, L, H)
    if rule is kda.naive_recurrent_kda:
        g = torch.zeros(B, L, H, D)
    if forgets:
        inputs["x"] = x
        weights, g = forgets(x)
        weights["beta"] = sample(H, E)
        beta = F.linear(x, weights["beta"]).sigmoid()
    out, _ = rule(qwen.l2norm(q), qwen.l2norm(k), v, g=g, beta=beta)
    return tolerant({
        "name": name, "form": "attend", "options": {}, "inputs": arrays(inputs), "weights": arrays(weights),
        "outputs": arrays({"out": out}),
    })


class Layer:
    """A module of transformers over one cache, in pieces, with weights that are named as ours are."""

    def __init__(self, module, config, sizes, into, **options):
        self.config, self.sizes, self.into, self.options = config, sizes, into, options
        self.module = module(config, 0).double().eval()
        self.cache = DynamicCache(config=config)

    def weights(self, layer):
        made = {name: sample(*size, scale=0.9) for name, size in self.sizes.items()}
        state = self.into(made)
        self.module.load_state_dict({name: value.reshape(self.module.state_dict()[name].shape) for name, value in state.items()})
        return made

    def __call__(self, layer, x, weights, past, start):
        with torch.no_grad():
            return self.module(x, cache=self.cache)


def qwen_layer(E, H, Hk, D, Dv, kernel, eps):
    config = Qwen3NextConfig(
        hidden_size=E, linear_num_value_heads=H, linear_num_key_heads=Hk, linear_key_head_dim=D,
        linear_value_head_dim=Dv, linear_conv_kernel_dim=kernel, rms_norm_eps=eps, num_hidden_layers=1,
        layer_types=["linear_attention"],
    )

    def grouped(*parts):
        # rows of each key head together, as the fused projections have them
        return torch.cat([part.reshape(Hk, -1, E) for part in parts], 1).reshape(-1, E)

    def into(w):
        return {
            "in_proj_qkvz.weight": grouped(w["q"], w["k"], w["v"], w["gate"]),
            "in_proj_ba.weight": grouped(w["beta"], w["forget"]),
            "conv1d.weight": w["convolution"], "dt_bias": w["forget.bias"], "A_log": w["logRate"],
            "norm.weight": w["norm"], "out_proj.weight": w["o"],
        }

    sizes = {
        "q": (Hk * D, E), "k": (Hk * D, E), "v": (H * Dv, E), "convolution": (2 * Hk * D + H * Dv, kernel),
        "beta": (H, E), "forget": (H, E), "forget.bias": (H,), "logRate": (H,),
        "gate": (H * Dv, E), "norm": (Dv,), "o": (E, H * Dv),
    }
    return Layer(qwen.Qwen3NextGatedDeltaNet, config, sizes, into)


def gated_delta():
    def forgets(x):
        E, H = x.shape[-1], 3
        weights = {"forget": sample(H, E), "forget.bias": sample(H), "logRate": sample(H)}
        g = -weights["logRate"].exp() * F.softplus(F.linear(x, weights["forget"], weights["forget.bias"]))
        return weights, g

    def layer(name, pieces, B, **sizes):
        shape = {"E": sizes["E"], "H": sizes["H"], "D": sizes["D"], "Dv": sizes["Dv"], "layers": 1}
        options = {"Hk": sizes["Hk"], "kernel": sizes["kernel"], "eps": sizes["eps"]}
        return layers_case(name, shape, [(0, L) for L in pieces], qwen_layer(**sizes), options=options, B=B)

    write("gated-delta", [
        attend_case("with gates", gated.naive_recurrent_gated_delta_rule, (2, 7, 3, 4, 5, 6), forgets),
        attend_case("nothing forgotten", gated.naive_recurrent_gated_delta_rule, (2, 6, 2, 3, 4, 6)),
        layer("two value heads a key head, prefill and steps", (5, 1, 1), 2, E=6, H=4, Hk=2, D=3, Dv=5, kernel=4, eps=1e-6),
        layer("chunks shorter than the convolution", (2, 1, 3, 1), 2, E=5, H=2, Hk=2, D=4, Dv=3, kernel=4, eps=1e-5),
        layer("more than a chunk of 64", (67, 1), 1, E=3, H=2, Hk=1, D=3, Dv=2, kernel=3, eps=1e-6),
    ], PROGRAM)


def kimi_layer(E, H, D, kernel, eps):
    config = KimiLinearConfig(
        hidden_size=E, linear_head_dim=D, linear_num_heads=H, linear_conv_kernel_dim=kernel, rms_norm_eps=eps,
        num_hidden_layers=1, layer_types=["linear_attention"], num_attention_heads=H,
    )

    def into(w):
        return {
            "q_proj.weight": w["q"], "k_proj.weight": w["k"], "v_proj.weight": w["v"], "conv1d.weight": w["convolution"],
            "forget_gate.f_a_proj.weight": w["forgetDown"], "forget_gate.f_b_proj.weight": w["forgetUp"],
            "forget_gate.dt_bias": w["forgetUp.bias"], "forget_gate.A_log": w["logRate"], "b_proj.weight": w["beta"],
            "g_a_proj.weight": w["gateDown"], "g_b_proj.weight": w["gateUp"],
            "o_norm.weight": w["norm"], "o_proj.weight": w["o"],
        }

    sizes = {
        "q": (H * D, E), "k": (H * D, E), "v": (H * D, E), "convolution": (3 * H * D, kernel), "beta": (H, E),
        "forgetDown": (D, E), "forgetUp": (H * D, D), "forgetUp.bias": (H * D,), "logRate": (H,),
        "gateDown": (D, E), "gateUp": (H * D, D), "norm": (D,), "o": (E, H * D),
    }
    return Layer(kimi.KimiLinearDeltaAttention, config, sizes, into)


def kimi_delta():
    def forgets(x):
        E, H, D, Dv = x.shape[-1], 3, 4, 5
        weights = {"forgetDown": sample(Dv, E), "forgetUp": sample(H * D, Dv), "forgetUp.bias": sample(H * D), "logRate": sample(H)}
        low = F.linear(x, weights["forgetDown"])
        g = F.softplus(F.linear(low, weights["forgetUp"], weights["forgetUp.bias"])).reshape(*x.shape[:2], H, D)
        return weights, -weights["logRate"].exp()[:, None] * g

    def layer(name, pieces, B, **sizes):
        shape = {"E": sizes["E"], "H": sizes["H"], "D": sizes["D"], "layers": 1}
        options = {"kernel": sizes["kernel"], "eps": sizes["eps"]}
        return layers_case(name, shape, [(0, L) for L in pieces], kimi_layer(**sizes), options=options, B=B)

    write("kimi-delta", [
        attend_case("with gates", kda.naive_recurrent_kda, (2, 7, 3, 4, 5, 6), forgets),
        attend_case("nothing forgotten", kda.naive_recurrent_kda, (2, 6, 2, 3, 4, 6)),
        layer("prefill and steps", (5, 1, 1), 2, E=6, H=3, D=4, kernel=4, eps=1e-5),
        layer("more than a chunk of 64", (67, 1), 1, E=3, H=2, D=3, kernel=3, eps=1e-5),
    ], PROGRAM)


if __name__ == "__main__":
    gated_delta()
    kimi_delta()
