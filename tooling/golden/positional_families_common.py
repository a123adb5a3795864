"""
What transformers makes of one configuration, layer by layer: the inverse frequencies and the attention factor of its
own rotary module, which two numbers of a head its own function turns together and which way, and which layers turn
at all. Shared by `positional_families.py`.
"""

import copy
import importlib
import inspect
import re

import torch
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_MAPPING_NAMES

NO_ATTENTION = {"linear_attention", "conv", "mamba", "recurrent"}

# The class of the language part, where a file of models has several rotary classes that fit.
ROTARY_CLASS = {"evolla": "EvollaRotaryEmbedding", "EvollaModel": "EvollaRotaryEmbedding"}

# The entry of `rope_parameters` that a layer reads, where it is not called as the layer's type.
def rope_label(config, layer_type):
    if config.model_type == "deepseek_v4":
        return "main" if layer_type == "sliding_attention" else "compress"
    return layer_type


def modeling_of(config):
    """The file that has the model of a configuration; some configurations borrow another family's."""
    own = type(config).__module__.replace(".configuration_", ".modeling_")
    try:
        return importlib.import_module(own)
    except ModuleNotFoundError:
        names = MODEL_MAPPING_NAMES.get(config.model_type) or MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[config.model_type]
        name = names[0] if isinstance(names, (tuple, list)) else names
        import transformers

        return importlib.import_module(getattr(transformers, name).__module__)


def rotary_module(config):
    modeling = modeling_of(config)
    classes = [
        (name, value)
        for name, value in vars(modeling).items()
        if inspect.isclass(value) and "RotaryEmbedding" in name and "VisionRotary" not in name and value.__module__ == modeling.__name__
    ]
    wanted = ROTARY_CLASS.get(config.model_type)
    stem = type(config).__name__.removesuffix("Config").removesuffix("Model")
    if not classes:
        raise TypeError("no rotary module")
    best = max(
        classes,
        key=lambda one: (one[0] == wanted, one[0] == f"{stem}RotaryEmbedding", common_prefix(one[0], stem), "Text" in one[0]),
    )
    with torch.no_grad():
        return best[1](config)


def common_prefix(one, other):
    n = 0
    while n < min(len(one), len(other)) and one[n] == other[n]:
        n += 1
    return n


def spectrum(rotary, config, layer_type):
    """`[R/2]` inverse frequencies and the attention factor of the layers of one type; None where they have none."""
    if hasattr(rotary, "embed_positions"):  # GPT-J, CodeGen: a table of sines then cosines
        half = rotary.embed_positions.shape[1] // 2
        return torch.asin(rotary.embed_positions[1, :half].double().clamp(-1, 1)), 1.0, None
    if hasattr(rotary, "inv_freq"):
        return rotary.inv_freq, float(rotary.attention_scaling), None
    label = rope_label(config, layer_type)
    if not hasattr(rotary, f"{label}_inv_freq"):
        return None
    return getattr(rotary, f"{label}_inv_freq"), float(getattr(rotary, f"{label}_attention_scaling")), label


def spectrum_at(rotary, config, layer_type, length):
    """The same once a sequence has grown to `length`, as its forward pass updates it."""
    found = spectrum(rotary, config, layer_type)
    arguments = {} if found[2] is None else {"layer_type": found[2]}
    with torch.no_grad():
        rotary(torch.zeros(1), torch.tensor([[length - 1]]), **arguments)
    return spectrum(rotary, config, layer_type)


def layout_of(rotary, config, layer_type):
    """
    `half`, `interleaved`, or `backwards` where sines count the other way: the score of each unit vector, turned to
    position 1, with each at position 0 says which two numbers turn together.
    """
    modeling = modeling_of(config)
    found = spectrum(rotary, config, layer_type)
    R = 2 * len(found[0])
    arguments = {} if found[2] is None else {"layer_type": found[2]}
    eye = torch.eye(R)
    turned = []
    if hasattr(rotary, "mrope_section") and config.model_type != "ernie4_5_vl_moe_text":  # for text its three axes agree; its default does not fit every head
        rotary.mrope_section = [R // 2, 0, 0]
    for position in (1, 0):
        ids = torch.tensor([[position]])
        with torch.no_grad():
            angles = rotary(torch.zeros(1), ids, **arguments)
        turned.append(apply(modeling, config, eye, angles))
    scores = turned[0][0] @ turned[1].T  # of number 0 at position 1 with every number at position 0
    partners = (scores[1:].abs() > 1e-6).nonzero().flatten() + 1
    if len(partners) == 0:
        raise TypeError("nothing turns")
    first = int(partners[0])
    backwards = scores[first] < 0
    layout = "interleaved" if first == 1 and R != 2 else "half" if first == R // 2 else f"0 and {first} of {R}"
    return f"{layout}, backwards" if backwards else layout


def apply(modeling, config, eye, angles):
    R = eye.shape[0]
    functions = {n: f for n, f in vars(modeling).items() if inspect.isfunction(f) and n.startswith("apply_rotary")}
    name = next(
        n
        for n in ("apply_rotary_pos_emb_interleave", "apply_rotary_pos_emb", "apply_rotary_emb")
        if n in functions and (n != "apply_rotary_pos_emb_interleave" or getattr(config, "rope_interleave", True))
    )
    function = functions[name]
    names = list(inspect.signature(function).parameters)
    heads_first, tokens_first = eye.view(1, R, 1, R), eye.view(1, 1, R, R)
    if isinstance(angles, torch.Tensor):  # complex
        x = tokens_first if "[:, :, None, :]" in inspect.getsource(function) else heads_first
        out = function(x, x, angles)[0]
    elif names[:3] == ["tensor", "sin", "cos"]:
        out = function(tokens_first, *angles)
    elif names[0] in ("x", "tensor"):
        out = function(heads_first, *angles)
    else:
        out = function(heads_first, heads_first, *angles)[0]
    return out.reshape(R, R).double()


def layer_types(config):
    types = getattr(config, "layer_types", None) or getattr(config, "layers_block_type", None)
    return types or ["full_attention"] * (getattr(config, "num_hidden_layers", None) or 1)


def head_width(config, layer):
    """Width of the part of a head that a rotation sees: for latent attention the part kept for it."""
    if getattr(config, "is_heterogeneous", False):
        config = config.per_layer_config[layer]
    latent = getattr(config, "qk_rope_head_dim", None) if config.model_type != "deepseek_v4" else None
    return latent or getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


# Which layers turn: the condition that each family's attention or model puts before its rotation.
def turned_layers(config, types):
    family, sliding = config.model_type, [kind == "sliding_attention" for kind in types]
    window = not getattr(config, "is_heterogeneous", False) and getattr(config, "sliding_window", None) is not None
    with_attention = [kind not in NO_ATTENTION for kind in types]
    if family in ("afmoe", "lara_mini"):
        return sliding
    if family in ("cohere2", "flint"):
        return [one and window for one in sliding]
    if family == "cohere2_moe":
        forced = config.prefix_dense_sliding_window_pattern == 1
        return [(one and window) or (forced and mlp == "dense") for one, mlp in zip(sliding, config.mlp_layer_types)]
    if family in ("exaone4", "exaone_moe", "kolibri1"):
        return [one or not window for one in sliding]
    if family in ("smollm3", "llama4_text", "mistral_large4_text"):
        return [bool(mark) for mark in config.no_rope_layers]
    if family in ("granite_swa", "granitemoe_swa", "muse_glimmer_text", "muse_spark_text"):
        return [bool(theta) for theta in config.layer_rope_theta]
    if family == "granitemoehybrid":
        return [one and config.position_embedding_type == "rope" for one in with_attention]
    if family == "zamba2":
        return [kind == "hybrid" and config.use_mem_rope for kind in types]
    if family == "mllama_text_model":
        return [layer not in config.cross_attention_layers for layer in range(len(types))]
    if family == "esm":
        return [config.position_embedding_type == "rotary"] * len(types)
    if family == "falcon":
        return [not config.alibi] * len(types)
    return with_attention


def describe(config, length=None):
    """`{types, kinds, layers}`: each layer's kind, an index into kinds; -1 for a layer that does not turn."""
    types = list(layer_types(config))
    turned = turned_layers(config, types)
    rotary = rotary_module(config) if any(turned) else None
    thetas = getattr(config, "layer_rope_theta", None) or [None] * len(types)
    kinds, layers, known = [], [], {}
    for layer, (kind, turns) in enumerate(zip(types, turned)):
        module = rotary
        if turns and config.model_type in ("granite_swa", "granitemoe_swa"):  # a module for each base
            module = rotary_module(with_base(config, thetas[layer]))
        if not turns or spectrum(module, config, kind) is None:
            layers.append(-1)
            continue
        key = (kind, head_width(config, layer), thetas[layer])
        if key not in known:
            one = describe_kind(module, config, kind, head_width(config, layer), length)
            if one not in kinds:
                kinds.append(one)
            known[key] = kinds.index(one)
        layers.append(known[key])
    return {"types": types, "kinds": kinds, "layers": layers}


def with_base(config, base):
    other = copy.deepcopy(config)
    other.rope_parameters = {**config.rope_parameters, "rope_theta": base}
    return other


def describe_kind(rotary, config, kind, D, length):
    f, attention, _ = spectrum(rotary, config, kind)
    one = {"D": D, "f": f.double().tolist(), "attention": attention, "layout": layout_of(rotary, config, kind)}
    if length is not None:
        grown = spectrum_at(copy.deepcopy(rotary), config, kind, length)
        one["length"], one["grown"], one["grownAttention"] = length, grown[0].double().tolist(), grown[1]
    return one
