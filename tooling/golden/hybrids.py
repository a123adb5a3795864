"""
Golden checkpoints for the hybrid families of @headwise/models, whose layers are recurrent but for one in four: tiny random
models as transformers saves them, and what it computes from them in float64, in the form of the conformance data.

    pip install torch transformers==5.24.0 safetensors numpy
    python tooling/golden/hybrids.py      writes packages/models/golden/tiny/{qwen3_next,kimi_linear}-{a,b}

Without fla-core: where that is installed, transformers runs its GPU kernels.
"""

from checkpoints_common import widen, write
from transformers.models.kimi_linear import modeling_kimi_linear as kimi
from transformers.models.kimi_linear.configuration_kimi_linear import KimiLinearConfig
from transformers.models.qwen3_next import modeling_qwen3_next as qwen
from transformers.models.qwen3_next.configuration_qwen3_next import Qwen3NextConfig

SOURCE = "hybrids.py"


def qwen3_next():
    config = Qwen3NextConfig(
        vocab_size=64, hidden_size=24, intermediate_size=20, num_hidden_layers=5, num_attention_heads=4, num_key_value_heads=2,
        head_dim=8, linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=6, linear_value_head_dim=5,
        num_experts=6, num_experts_per_tok=2, moe_intermediate_size=10, shared_expert_intermediate_size=12,
        max_position_embeddings=128, rope_parameters={"rope_type": "default", "rope_theta": 1000.0, "partial_rotary_factor": 0.5},
        eos_token_id=2,
    )
    write("qwen3_next-a", SOURCE, config, qwen.Qwen3NextForCausalLM)
    # the other way of every choice
    config = Qwen3NextConfig(
        vocab_size=48, hidden_size=16, intermediate_size=14, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        head_dim=8, linear_num_key_heads=3, linear_num_value_heads=3, linear_key_head_dim=4, linear_value_head_dim=6,
        linear_conv_kernel_dim=3, num_experts=5, num_experts_per_tok=3, moe_intermediate_size=6, shared_expert_intermediate_size=4,
        decoder_sparse_step=2, norm_topk_prob=False, attention_bias=True, tie_word_embeddings=True, full_attention_interval=2,
        rms_norm_eps=1e-5, eos_token_id=2,
    )
    write("qwen3_next-b", SOURCE, config, qwen.Qwen3NextForCausalLM, (20, 3, 6))


def kimi_linear():
    config = KimiLinearConfig(
        vocab_size=64, hidden_size=24, intermediate_size=20, num_hidden_layers=5, num_attention_heads=4, num_key_value_heads=4,
        q_lora_rank=None, kv_lora_rank=10, qk_nope_head_dim=6, qk_rope_head_dim=4, v_head_dim=5,
        layer_types=["linear_attention"] * 3 + ["full_attention", "linear_attention"], linear_head_dim=6, linear_num_heads=3, num_local_experts=8, num_experts_per_tok=2, n_group=4, topk_group=2,
        moe_intermediate_size=10, n_shared_experts=2, max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )
    write("kimi_linear-a", SOURCE, config, kimi.KimiLinearForCausalLM)
    # the other way of every choice
    config = KimiLinearConfig(
        vocab_size=48, hidden_size=16, intermediate_size=14, num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=2,
        q_lora_rank=6, kv_lora_rank=8, qk_nope_head_dim=4, qk_rope_head_dim=2, v_head_dim=4, attention_bias=True,
        layer_types=["full_attention", "linear_attention", "full_attention"],
        mlp_layer_types=["sparse", "dense", "sparse"], linear_head_dim=5, linear_num_heads=2, linear_conv_kernel_dim=3,
        num_local_experts=5, num_experts_per_tok=2, n_group=1, topk_group=1, norm_topk_prob=False, routed_scaling_factor=1.5,
        moe_intermediate_size=6, n_shared_experts=1, pad_token_id=0, bos_token_id=1, eos_token_id=2, rms_norm_eps=1e-6,
    )
    write("kimi_linear-b", SOURCE, config, kimi.KimiLinearForCausalLM, (20, 3, 6))


if __name__ == "__main__":
    widen(qwen, kimi)
    qwen3_next()
    kimi_linear()
