"""
Golden checkpoints for DeepSeek-V2 and V3 with experts: tiny random models as transformers saves them, and what it computes from
them in float64, in the form of the conformance data.

    pip install torch transformers==5.24.0 safetensors numpy
    python tooling/golden/deepseek.py      writes packages/models/golden/tiny/deepseek_{v2,v3}-{m,n}
"""

from checkpoints_common import widen, write
from transformers.models.deepseek_v2 import modeling_deepseek_v2 as v2
from transformers.models.deepseek_v2.configuration_deepseek_v2 import DeepseekV2Config
from transformers.models.deepseek_v3 import modeling_deepseek_v3 as v3
from transformers.models.deepseek_v3.configuration_deepseek_v3 import DeepseekV3Config

SOURCE = "deepseek.py"
YARN = {
    "rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 32.0,
    "beta_slow": 1.0, "mscale": 0.7, "mscale_all_dim": 0.5,
}


def deepseek_v2():
    config = DeepseekV2Config(
        vocab_size=64, hidden_size=24, intermediate_size=20, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4,
        q_lora_rank=None, kv_lora_rank=10, qk_nope_head_dim=6, qk_rope_head_dim=4, v_head_dim=5, first_k_dense_replace=1,
        n_routed_experts=8, num_experts_per_tok=2, moe_intermediate_size=10, n_shared_experts=2, n_group=4, topk_group=2,
        topk_method="group_limited_greedy", routed_scaling_factor=1.7, max_position_embeddings=128,
        rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
    )
    write("deepseek_v2-m", SOURCE, config, v2.DeepseekV2ForCausalLM)
    # the other way of every choice
    config = DeepseekV2Config(
        vocab_size=48, hidden_size=18, intermediate_size=14, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=3,
        q_lora_rank=6, kv_lora_rank=8, qk_nope_head_dim=4, qk_rope_head_dim=2, v_head_dim=4, first_k_dense_replace=0,
        n_routed_experts=5, num_experts_per_tok=3, moe_intermediate_size=6, n_shared_experts=1, topk_method="greedy",
        attention_bias=True, mlp_bias=True, tie_word_embeddings=True, hidden_act="gelu", rope_parameters=YARN,
    )
    write("deepseek_v2-n", SOURCE, config, v2.DeepseekV2ForCausalLM, (20, 3, 6))


def deepseek_v3():
    config = DeepseekV3Config(
        vocab_size=64, hidden_size=24, intermediate_size=20, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4,
        q_lora_rank=12, kv_lora_rank=10, qk_nope_head_dim=6, qk_rope_head_dim=4, v_head_dim=5, first_k_dense_replace=1,
        n_routed_experts=8, num_experts_per_tok=3, moe_intermediate_size=10, n_shared_experts=1, n_group=4, topk_group=2,
        routed_scaling_factor=2.5, max_position_embeddings=128, rope_parameters=YARN, num_mtp_layers=0,
    )
    write("deepseek_v3-m", SOURCE, config, v3.DeepseekV3ForCausalLM)
    # the other way of every choice
    config = DeepseekV3Config(
        vocab_size=48, hidden_size=16, intermediate_size=14, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        q_lora_rank=None, kv_lora_rank=8, qk_nope_head_dim=4, qk_rope_head_dim=6, v_head_dim=3, first_k_dense_replace=0,
        n_routed_experts=5, num_experts_per_tok=2, moe_intermediate_size=6, n_shared_experts=2, n_group=1, topk_group=1,
        norm_topk_prob=False, rope_interleave=False, attention_bias=True, tie_word_embeddings=True, routed_scaling_factor=1.0,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0}, num_mtp_layers=0,
    )
    write("deepseek_v3-n", SOURCE, config, v3.DeepseekV3ForCausalLM, (20, 3, 6))


if __name__ == "__main__":
    widen(v2, v3)
    deepseek_v2()
    deepseek_v3()
