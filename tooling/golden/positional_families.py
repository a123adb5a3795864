"""
Every rotary configuration of Hugging Face transformers against `layersFromConfig` of @headwise/positional, layer by
layer: the default configuration of each family, a file that says nothing but sizes, and random files in the
spellings of transformers 4 and 5.

    pip install torch==2.15.0 transformers==5.24.0
    python tooling/golden/positional_families.py      writes packages/positional/golden/families.json

A layer's rotation is kept as a few of its frequencies and the sum of all logarithms, which no wrong one survives.
transformers computes in float32: compare with a relative tolerance of 1e-5.
"""

import json
import math
import os
import random
import warnings
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")

import torch
import transformers
from positional_families_common import CONFIG_MAPPING, describe

torch.set_num_threads(1)
TARGET = Path(__file__).parents[2] / "packages" / "positional" / "golden" / "families.json"

# Fields that say something about positions; all others are left out of the golden file.
FIELDS = """
model_type hidden_size n_embd d_model num_attention_heads n_head n_heads decoder_num_attention_heads num_hidden_layers
n_layer n_layers num_layers num_layers_per_stack decoder_num_hidden_layers head_dim attention_head_dim kv_channels qk_rope_head_dim qk_nope_head_dim
max_position_embeddings n_positions max_seq_len original_max_position_embeddings rope_theta rope_scaling
rope_parameters partial_rotary_factor rotary_dim rotary_pct rotary_emb_base rope_interleave layer_types
layers_block_type block_types attn_layer_indices full_attn_idxs full_attention_interval layer_group_size
global_attn_every_n_layers global_rope_theta local_rope_theta rope_local_base_freq no_rope_layers
no_rope_layer_interval layer_rope_theta cross_attention_layers sliding_window sliding_window_pattern use_mem_rope
position_embedding_type alibi per_layer_config global_head_dim attn_config mlp_layer_types
prefix_dense_sliding_window_pattern rope_scaling_layers compress_rope_theta
""".split()

SIZES = {
    "hidden_size": 64,
    "n_embd": 64,
    "d_model": 64,
    "num_attention_heads": 4,
    "n_head": 4,
    "n_heads": 4,
    "decoder_num_attention_heads": 4,
    "num_hidden_layers": 8,
    "n_layer": 8,
    "n_layers": 8,
    "num_layers": 8,
    "decoder_num_hidden_layers": 8,
}

# A name of `layer_types` is one letter in the golden file.
LETTERS = {
    "s": "sliding_attention",
    "f": "full_attention",
    "l": "linear_attention",
    "c": "conv",
    "k": "chunked_attention",
    "i": "indexed_attention",
    "h": "hybrid",
    "w": "hybrid_sliding",
    "r": "reference_sliding_attention",
    "a": "attention",
    "m": "mamba",
    "u": "recurrent",
    "x": "compressed_sparse_attention",
    "y": "heavily_compressed_attention",
    "d": "dense",
    "p": "sparse",
    "n": "mlp",
}
LETTER = {name: letter for letter, name in LETTERS.items()}


def rotary_families():
    """Every `model_type` whose default configuration has a rotary position, and is not of images."""
    for family in CONFIG_MAPPING.keys():
        try:
            config = CONFIG_MAPPING[family]()
        except Exception:
            continue
        parameters = getattr(config, "rope_parameters", None)
        if parameters is None and family not in ("gptj", "codegen", "esm"):
            continue
        if isinstance(parameters, dict) and parameters.get("rope_type") == "axial":
            continue
        yield family, config


def reduced(fields):
    kept = {key: fields[key] for key in FIELDS if key in fields}
    if "per_layer_config" in kept:
        layers = {
            layer: {key: value for key, value in own.items() if key in ("head_dim", "qk_rope_head_dim")}
            for layer, own in kept["per_layer_config"].items()
        }
        kept["per_layer_config"] = {layer: own for layer, own in layers.items() if own}
        if not kept["per_layer_config"]:
            del kept["per_layer_config"]
    if isinstance(kept.get("attn_config"), dict):
        kept["attn_config"] = {key: value for key, value in kept["attn_config"].items() if key in ("rope_theta", "alibi")}
    if kept.get("head_dim"):
        kept.pop("hidden_size", None)
        kept.pop("num_attention_heads", None)
    if kept["model_type"] != "cohere2_moe":
        kept.pop("mlp_layer_types", None)
    for key in ("layer_types", "layers_block_type", "mlp_layer_types"):
        if isinstance(kept.get(key), list):
            kept[key] = "".join(LETTER[name] for name in kept[key])
    return kept


def digits(x):
    return float(f"{x:.6g}")


def summary(f):
    """The second, the middle and the last frequency, and the sum of the logarithms of those that turn."""
    turning = [x for x in f if x > 0]
    return [digits(f[min(1, len(f) - 1)]), digits(f[len(f) // 2]), digits(f[-1]), digits(sum(map(math.log, turning)))]


def case(name, fields, config, length=None):
    result = describe(config, length)
    kinds = []
    for kind in result["kinds"]:
        one = {"D": kind["D"], "f": summary(kind["f"])}
        if len(kind["f"]) != kind["D"] / 2:
            one["pairs"] = len(kind["f"])
        if kind["layout"] != "half":
            one["layout"] = kind["layout"]
        if kind["attention"] != 1:
            one["attention"] = digits(kind["attention"])
        if length is not None and config.model_type != "phimoe":  # its forward pass never takes the long list
            one["grown"] = [length, *summary(kind["grown"])]
        kinds.append(one)
    letters = "".join("-" if kind < 0 else "0123456789"[kind] for kind in result["layers"])
    if set(letters) == {"0"}:
        letters = len(letters)  # all alike
    return {"name": name, "config": reduced(fields), "layers": letters, "kinds": kinds}


def silent(family, have):
    """A file with the sizes alone: small ones, or the family's own where it takes no others."""
    small = {"model_type": family, **{key: value for key, value in SIZES.items() if key in have}}
    try:
        load(small)
        return small
    except Exception:
        return {key: have[key] for key in small}


def load(fields):
    fields = json.loads(json.dumps(fields))
    return CONFIG_MAPPING[fields.pop("model_type")](**fields)


# -- random files --------------------------------------------------------------------------------------------------

ONE = """
llama mistral mixtral qwen2 qwen3 qwen3_moe gemma gemma2 olmo olmo2 granite granitemoe helium phimoe cohere ernie4_5
seed_oss starcoder2 arcee smollm3 exaone4 cohere2 apertus bitnet jais2 hunyuan_v1_dense llama4_text gpt_oss olmoe dots1
minimax lfm2 falcon_h1 csm diffllama doge flex_olmo moshi
""".split()
PARTIAL = "glm glm4 glm4_moe phi phi3 stablelm nemotron persimmon qwen3_next gpt_neox minimax_m2 solar_open qwen3_5_text".split()
LATENT = "deepseek_v2 deepseek_v3 glm4_moe_lite youtu axk1 minicpm3 longcat_flash".split()
BY_TYPE = "gemma3_text gemma3n_text gemma4_text olmo3 modernbert t5gemma2_text laguna mellum lfm3 mimo_v2_flash".split()
PATTERN = {"gemma3_text": "sliding_window_pattern", "t5gemma2_text": "sliding_window_pattern", "cohere2": "sliding_window_pattern", "exaone4": "sliding_window_pattern", "modernbert": "global_attn_every_n_layers"}


def scaling(rng, pairs, longest, nested):
    """A `rope_type` with its fields, and whether its angles follow the length."""
    kind = rng.choice(["default", "linear", "yarn", "yarn", "llama3", "longrope"] + ([] if nested else ["dynamic"]))
    original = longest // rng.choice([2, 4, 8])
    fields = {"rope_type": kind}
    if kind != "default":
        fields["factor"] = rng.choice([1.5, 2.0, 4.0, 8.0, 32.0])
    if kind in ("yarn", "llama3", "longrope"):
        fields["original_max_position_embeddings"] = original
    if kind == "yarn":
        if rng.random() < 0.5:
            fields["beta_fast"] = rng.choice([16, 32.0, 48])
            fields["beta_slow"] = rng.choice([1.0, 2, 4])
        if rng.random() < 0.3:
            fields["attention_factor"] = rng.choice([1.0, 1.2079, 0.9])
        if rng.random() < 0.3:
            fields["mscale"], fields["mscale_all_dim"] = rng.choice([(1.0, 1.0), (1.0, 0.8), (0.707, 0.707), (0, 1.0)])
        if rng.random() < 0.3 and not nested:
            fields["truncate"] = rng.random() < 0.5
    if kind == "llama3":
        fields["low_freq_factor"], fields["high_freq_factor"] = rng.choice([(1.0, 4.0), (1, 8), (0.5, 2.0)])
    if kind == "longrope":
        fields["short_factor"] = [1 + i / 16 for i in range(pairs)]
        fields["long_factor"] = [1 + i for i in range(pairs)]
        if rng.random() < 0.5:
            del fields["factor"]
        if rng.random() < 0.3:
            fields["attention_factor"] = 1.25
    return fields, kind in ("dynamic", "longrope")


def random_file(rng, family, have):
    fields = silent(family, have)
    D, longest = rng.choice([16, 32, 64]), rng.choice([2048, 8192, 131072])
    fields["max_position_embeddings"] = longest
    if rng.random() < 0.5 and "num_hidden_layers" in fields:
        fields["num_hidden_layers"] = rng.choice([4, 5, 7, 12])
    if family in LATENT:
        fields["qk_rope_head_dim"] = D
        if family == "longcat_flash":
            fields["head_dim"] = D
        if rng.random() < 0.4 and "rope_interleave" in have:
            fields["rope_interleave"] = rng.random() < 0.5
    elif "head_dim" in have:
        fields["head_dim"] = D
    else:
        D = 16
    fraction = 1
    if family in PARTIAL:
        fraction = rng.choice([0.25, 0.5, 0.75, None])
    layers = fields.get("num_hidden_layers", 8)
    if family in ("smollm3", "llama4_text") and rng.random() < 0.7:
        if rng.random() < 0.5:
            fields["no_rope_layers"] = [rng.randint(0, 1) for _ in range(layers)]
        else:
            fields["no_rope_layer_interval"] = rng.choice([2, 3, 5])
    if family in PATTERN and rng.random() < 0.6:
        fields[PATTERN[family]] = rng.choice([2, 3, 5])
    elif family in (*BY_TYPE, "cohere2", "exaone4", "gemma2", "gpt_oss") and rng.random() < 0.5:
        fields["layer_types"] = [rng.choice(["sliding_attention", "full_attention"]) for _ in range(layers)]
        if family in ("cohere2", "exaone4") and rng.random() < 0.3:
            fields["sliding_window"] = None
    base = rng.choice([10000.0, 50000.0, 500000, 1000000.0, 2500.0, None])
    follows = False
    if family in BY_TYPE:
        follows = write_by_type(rng, fields, family, base, D, longest)
    else:
        own, follows = scaling(rng, D // 2 if fraction is None else int(D * fraction) // 2, longest, False)
        if family in ("gpt_neox", "phi3", "phimoe") or fraction is None:
            own, follows = {"rope_type": "default"}, False
        write_flat(rng, fields, family, own, base, fraction)
    return fields, longest * 2 if follows else None


def write_flat(rng, fields, family, own, base, fraction):
    """One dictionary for all layers, as transformers 4 or 5 writes it."""
    partial = fraction if family in PARTIAL and fraction is not None else None
    theta, part = ("rotary_emb_base", "rotary_pct") if family == "gpt_neox" else ("rope_theta", "partial_rotary_factor")
    if rng.random() < 0.5:
        if base is not None and not (family in ("apertus", "gpt_oss") and own["rope_type"] == "default"):
            fields[theta] = base
        if partial is not None:
            fields[part] = partial
        if own["rope_type"] != "default":
            fields["rope_scaling"] = dict(own)
            if rng.random() < 0.5:
                fields["rope_scaling"]["type"] = fields["rope_scaling"].pop("rope_type")
        elif rng.random() < 0.5 and family not in ("apertus", "gpt_oss"):
            fields["rope_scaling"] = None
        return
    inside = dict(own)
    if base is not None:
        if rng.random() < 0.8 or family == "gpt_neox":
            inside["rope_theta"] = base
        else:
            fields["rope_theta"] = base
    if partial is not None:
        if rng.random() < 0.6 or family == "gpt_neox":
            inside["partial_rotary_factor"] = partial
        else:
            fields["partial_rotary_factor"] = partial
    fields["rope_parameters"] = inside


def write_by_type(rng, fields, family, base, D, longest):
    """A dictionary a layer type, or the fields of before there were any."""
    old = {"gemma3_text": "rope_local_base_freq", "gemma3n_text": "rope_local_base_freq", "t5gemma2_text": "rope_local_base_freq", "modernbert": "local_rope_theta"}
    spelling = rng.random() if family != "mimo_v2_flash" else 1
    if spelling < 0.2:
        return False
    if spelling < 0.5 and (family in old or family == "olmo3"):
        full = "global_rope_theta" if family == "modernbert" else "rope_theta"
        if base is not None and (family != "olmo3" or base == 500000):
            fields[full] = base
        if family in old and rng.random() < 0.6:
            fields[old[family]] = rng.choice([10000.0, 20000.0])
        own, _ = scaling(rng, D // 2, longest, True)
        if own["rope_type"] in ("linear", "yarn", "llama3"):
            fields["rope_scaling"] = own
        return False
    types = ["sliding_attention", "full_attention"]
    fields["rope_parameters"] = {}
    for kind in types:
        pairs = D // 2
        own, _ = scaling(rng, pairs, longest, True)
        if own["rope_type"] == "longrope":
            own = {"rope_type": "default"}
        if family in ("gemma4_text", "lfm3") and kind == "full_attention" and rng.random() < 0.5:
            own = {"rope_type": "proportional", "partial_rotary_factor": 0.25}
        own["rope_theta"] = base if base is not None and kind == "full_attention" else 20000.0
        if family == "mimo_v2_flash" or (family == "laguna" and rng.random() < 0.7):
            own["partial_rotary_factor"] = rng.choice([0.25, 0.5, 1.0])
        fields["rope_parameters"][kind] = own
    return False


def main():
    cases, families = [], dict(rotary_families())
    files = {family: {**config.to_dict(), "model_type": family} for family, config in families.items()}
    for family, config in families.items():
        for kind, fields in (("default", files[family]), ("silent", silent(family, files[family]))):
            try:
                cases.append(case(f"{family}, {kind}", fields, config if kind == "default" else load(fields)))
            except Exception as error:
                print(f"{family}, {kind}: {type(error).__name__} {str(error)[:90]}")
                if kind == "default":
                    cases.append({"name": f"{family}, {kind}", "config": reduced(fields), "layers": None, "kinds": []})
    rng, n, tried = random.Random(14), 0, 0
    while n < 400:
        tried += 1
        family = rng.choice([*ONE, *PARTIAL, *PARTIAL, *LATENT, *LATENT, *BY_TYPE, *BY_TYPE, *BY_TYPE])
        fields, length = random_file(rng, family, files[family])
        try:
            cases.append(case(f"random {n + 1}, {family}", fields, load(fields), length))
            n += 1
        except Exception as error:
            print(f"not {family}: {type(error).__name__} {str(error)[:90]}")
    source = f"tooling/golden/positional_families.py, transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, float32"
    body = ",\n".join(json.dumps(one, separators=(",", ":")) for one in cases)
    head = json.dumps({"source": source, "letters": LETTERS})[:-1]
    TARGET.write_text(f'{head}, "cases": [\n{body}\n]}}\n', encoding="utf-8")
    print(f"families: {len(families)}, cases: {len(cases)}, {TARGET.stat().st_size} bytes")


main()
