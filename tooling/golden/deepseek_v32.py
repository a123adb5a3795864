"""
Golden checkpoints for the family deepseek_v32 of @headwise/models: tiny random models as transformers saves them, and what it
computes from them in float64, in the form of the conformance data. A seed whose indexer comes close to another choice is passed
over.

    pip install torch transformers==5.24.0 safetensors numpy
    python tooling/golden/deepseek_v32.py      writes packages/models/golden/tiny/deepseek_v32-{a,b,m}
"""

import checkpoints_common as common
import torch
from transformers.models.deepseek_v32 import modeling_deepseek_v32 as deepseek
from transformers.models.deepseek_v32.configuration_deepseek_v32 import DeepseekV32Config

SOURCE = "deepseek_v32.py"
found = []
plain_topk, gaps_of_experts = torch.Tensor.topk, common.gaps


def topk(x, k, dim=-1, **more):
    """Of index scores [B, L, L], how far the last chosen one is from the first that is not; groups of experts are asked for two."""
    if x.dim() == 3 and 2 < k < x.shape[-1]:
        ordered = x.sort(-1, descending=True)[0]
        gap = (ordered[..., k - 1] - ordered[..., k])[ordered[..., k] > -1e30]
        found.extend(gap.tolist())
    return plain_topk(x, k, dim, **more)


def gaps(model):
    found.clear()
    return Both(gaps_of_experts(model))


class Both:
    """What the indexers left, and the routers."""

    def __init__(self, experts):
        self.experts = experts

    def __iter__(self):
        return iter([*found, *self.experts])


def deepseek_v32():
    config = DeepseekV32Config(
        vocab_size=64, hidden_size=24, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
        q_lora_rank=9, kv_lora_rank=10, qk_nope_head_dim=6, qk_rope_head_dim=4, v_head_dim=5, first_k_dense_replace=2,
        index_topk=6, index_head_dim=7, index_n_heads=5, max_position_embeddings=128,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0}, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )
    common.write("deepseek_v32-a", SOURCE, config, deepseek.DeepseekV32ForCausalLM, (24, 5, 12))
    # the other way of every choice: an index key that turns whole, biases, tied, longer than it was trained for
    config = DeepseekV32Config(
        vocab_size=48, hidden_size=16, intermediate_size=14, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        q_lora_rank=6, kv_lora_rank=8, qk_nope_head_dim=4, qk_rope_head_dim=6, v_head_dim=4, first_k_dense_replace=3,
        index_topk=9, index_head_dim=6, index_n_heads=4, attention_bias=True, tie_word_embeddings=True, max_position_embeddings=64,
        rope_parameters={"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "original_max_position_embeddings": 16,
                         "mscale": 1.0, "mscale_all_dim": 0.8, "beta_fast": 32, "beta_slow": 1},
        pad_token_id=0, bos_token_id=1, eos_token_id=2, rms_norm_eps=1e-5,
    )
    common.write("deepseek_v32-b", SOURCE, config, deepseek.DeepseekV32ForCausalLM, (20, 3, 6))
    # with experts in groups, two that every token goes through, and a first layer without
    config = DeepseekV32Config(
        vocab_size=64, hidden_size=24, intermediate_size=20, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4,
        q_lora_rank=9, kv_lora_rank=10, qk_nope_head_dim=6, qk_rope_head_dim=4, v_head_dim=5, first_k_dense_replace=1,
        index_topk=6, index_head_dim=7, index_n_heads=5, n_routed_experts=8, num_experts_per_tok=3, moe_intermediate_size=10,
        n_shared_experts=2, n_group=4, topk_group=2, routed_scaling_factor=1.5, max_position_embeddings=128,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0}, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )
    common.write("deepseek_v32-m", SOURCE, config, deepseek.DeepseekV32ForCausalLM, (20, 3, 6))


if __name__ == "__main__":
    common.widen(deepseek)
    torch.Tensor.topk = topk
    common.gaps = gaps
    deepseek_v32()
