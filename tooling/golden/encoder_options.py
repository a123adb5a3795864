"""
Golden outputs for encoders and encoder-decoders of @headwise/models with heads and options that no other golden data
have, from transformers' own modelling code in float64 (its norms in float32). Weights follow from the names of the
tensors by the formula of decoder_options.py, which the test repeats: only configurations, shapes and outputs are written.

    pip install torch transformers==5.24.0
    python tooling/golden/encoder_options.py      writes packages/models/golden/encoder-options.json
"""

import json
import math
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

OUT = Path(__file__).parents[2] / "packages" / "models" / "golden" / "encoder-options.json"
# a question, its passage, and the three separators that Longformer asks for
IDS = [3, 17, 8, 29, 11, 2, 23, 2, 14, 2, 9, 21, 6, 27, 12, 4]
TARGET = [0, 7, 19, 4, 12]


def values(name, shape):
    """Gains around 1, biases around 0, projections of a size that keeps the stream; float32 numbers."""
    size = math.prod(shape)
    i = torch.arange(size, dtype=torch.float64)
    phase = sum((k + 1) * ord(c) for k, c in enumerate(name)) % 997
    wave = torch.sin(phase + 0.37 * i * i + 0.11 * i)
    if len(shape) > 1:
        numbers = 1.8 * wave / math.sqrt(shape[1])
    else:
        numbers = (1 if name.endswith("weight") else 0) + 0.3 * wave
    return numbers.float().double().reshape(shape)


def stored(model):
    """What a file has: of tensors that are one, the table of embeddings."""
    first = {}
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            first.setdefault(tensor.data_ptr(), []).append((name, tensor))
    return dict(min(same, key=lambda each: "embed" not in each[0] and "shared" not in each[0]) for same in first.values())


def of_file(architecture, config):
    """A model of which the file has other names than the model: the tensors of the file, and what reads them back."""
    with tempfile.TemporaryDirectory() as folder:
        getattr(transformers, architecture)(config).save_pretrained(folder)
        path = Path(folder) / "model.safetensors"
        tensors = {name: values(name, tensor.shape) for name, tensor in load_file(path).items()}
        save_file({name: tensor.float().contiguous() for name, tensor in tensors.items()}, path)
        model = getattr(transformers, architecture).from_pretrained(folder, attn_implementation="eager")
    return tensors, model.double().eval()


def case(title, family, architecture, globals=None, renamed=False, **options):
    config = AutoConfig.for_model(family, vocab_size=32, **options)
    config._attn_implementation = "eager"
    config.architectures = [architecture]
    if renamed:
        tensors, model = of_file(architecture, config)
    else:
        model = getattr(transformers, architecture)(config).double().eval()
        tensors = stored(model)
    ids = torch.tensor([IDS])
    writes = architecture.endswith("ConditionalGeneration")
    with torch.no_grad():
        for name, tensor in [] if renamed else tensors.items():
            tensor.copy_(values(name, tensor.shape))
        if config.is_encoder_decoder and writes:
            out = model(input_ids=ids, decoder_input_ids=torch.tensor([TARGET]), use_cache=False)
        else:
            out = model(ids)
    answers = architecture.endswith("QuestionAnswering")
    logits = torch.stack([out.start_logits, out.end_logits], -1) if answers else out.get("logits", out[0])
    saved = config.to_diff_dict() | {"model_type": family, "vocab_size": 32, "architectures": [architecture]}
    saved = {key: value for key, value in saved.items() if key != "transformers_version"}
    return {
        "name": title,
        "config": saved,
        **({"globals": globals} if globals else {}),
        "tensors": {name: list(tensor.shape) for name, tensor in tensors.items()},
        "logits": [round(x, 7) for x in logits.flatten().tolist()],
    }


small = dict(hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=40, pad_token_id=0, type_vocab_size=2)
roberta = {**small, "pad_token_id": 1, "type_vocab_size": 1}
distil = dict(dim=16, hidden_dim=20, n_layers=2, n_heads=4, max_position_embeddings=40, pad_token_id=0)
modern = {**small, "global_attn_every_n_layers": 2, "local_attention": 6, "cls_token_id": 1, "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2}
modern.pop("type_vocab_size")
nomic = {**small, "num_attention_heads": 2}
t5 = dict(d_model=16, d_kv=6, d_ff=20, num_layers=2, num_decoder_layers=1, num_heads=3, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1, relative_attention_num_buckets=8, relative_attention_max_distance=12)

bart = dict(d_model=16, encoder_layers=1, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=2, encoder_ffn_dim=20, decoder_ffn_dim=12, max_position_embeddings=40, pad_token_id=1, bos_token_id=0, decoder_start_token_id=2)

cases = [
    case("bert: where an answer stands", "bert", "BertForQuestionAnswering", **small),
    case("bert: kinds of tokens, silu, an untied head", "bert", "BertForMaskedLM", **{**small, "hidden_act": "silu", "tie_word_embeddings": False}),
    case("roberta: where an answer stands", "roberta", "RobertaForQuestionAnswering", **roberta),
    case("xlm-roberta: masked words", "xlm-roberta", "XLMRobertaForMaskedLM", **roberta),
    case("xlm-roberta: classes of a text", "xlm-roberta", "XLMRobertaForSequenceClassification", **roberta, num_labels=3),
    case("xlm-roberta: classes of tokens, relu", "xlm-roberta", "XLMRobertaForTokenClassification", **roberta, num_labels=3, hidden_act="relu"),
    case("xlm-roberta: where an answer stands", "xlm-roberta", "XLMRobertaForQuestionAnswering", **roberta),
    case("distilbert: where an answer stands", "distilbert", "DistilBertForQuestionAnswering", **distil),
    case("electra: where an answer stands", "electra", "ElectraForQuestionAnswering", **small, embedding_size=12),
    case("longformer: where an answer stands, the question global", "longformer", "LongformerForQuestionAnswering", globals=[0, 1, 2, 3, 4], **{**roberta, "max_position_embeddings": 64}, attention_window=[4, 8], sep_token_id=2),
    case("modernbert: where an answer stands, with biases", "modernbert", "ModernBertForQuestionAnswering", **modern, classifier_bias=True),
    case("nomic-bert: what it says of each token", "nomic_bert", "NomicBertModel", **nomic, renamed=True),
    case("nomic-bert: masked words, another base", "nomic_bert", "NomicBertForMaskedLM", **nomic, renamed=True, rope_parameters={"rope_type": "default", "rope_theta": 50.0}),
    case("nomic-bert: classes of a text, gelu", "nomic_bert", "NomicBertForSequenceClassification", **nomic, renamed=True, num_labels=3, hidden_act="gelu"),
    case("nomic-bert: classes of tokens", "nomic_bert", "NomicBertForTokenClassification", **nomic, renamed=True, num_labels=3),
    case("mt5: gated, untied", "mt5", "MT5ForConditionalGeneration", **t5),
    case("mt5: tied, silu", "mt5", "MT5ForConditionalGeneration", **t5, feed_forward_proj="gated-silu", tie_word_embeddings=True),
    case("bart: untied, heads that differ", "bart", "BartForConditionalGeneration", **bart, eos_token_id=2, tie_word_embeddings=False),
    # of the last of these ids
    case("bart: classes of a text", "bart", "BartForSequenceClassification", **bart, eos_token_id=4, num_labels=3),
    case("bart: where an answer stands, embeddings scaled", "bart", "BartForQuestionAnswering", **bart, eos_token_id=2, scale_embedding=True),
]

OUT.parent.mkdir(exist_ok=True)
source = f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, float64"
body = ",\n".join(json.dumps(one) for one in cases if one)
OUT.write_text(f'{{"source": {json.dumps(source)}, "ids": {json.dumps(IDS)}, "target": {json.dumps(TARGET)}, "cases": [\n{body}\n]}}\n')
