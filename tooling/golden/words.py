"""Words of texts as the splits of Hugging Face's `tokenizers` cut them, for the names that GGUF files give
(`tokenizer.ggml.pre`). The expressions are those of the models' own tokenizer.json files.

    pip install tokenizers==0.23.3
    python tooling/golden/words.py > packages/models/golden/words.json
"""

import json

from tokenizers import Regex
from tokenizers.pre_tokenizers import ByteLevel, Digits, Punctuation, Sequence, Split

GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
GPT4O = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+ENDING|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*ENDING|\p{{N}}DIGITS"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def split(expression):
    return Split(Regex(expression), "isolated")


RULES = {
    "gpt-2": split(GPT2),
    "smollm": Sequence([Digits(individual_digits=True), split(GPT2)]),
    "llama-bpe": split(GPT4.replace("DIGITS", "{1,3}")),
    "qwen2": split(GPT4.replace("DIGITS", "")),
    "gpt-4o": split(GPT4O.replace("DIGITS", "{1,3}").replace("ENDING", ENDING)),
    "tekken": split(GPT4O.replace("DIGITS", "").replace("ENDING", "")),
    "falcon": Sequence([Punctuation("contiguous"), split(GPT2), split("[0-9][0-9][0-9]")]),
    "deepseek-v3": Sequence(
        [
            split(r"\p{N}{1,3}"),
            split("[一-龥぀-ゟ゠-ヿ]+"),
            split(
                r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
                r"""| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
            ),
        ]
    ),
}
RULES |= {
    # of its listed letters those of Latin
    "deepseek-llm": Sequence(
        [
            split(r"[\r\n]"),
            split(r"\s?[CASED]+".replace("CASED", "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯ")),
            split("\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+"),
            split(r"\s+$"),
            split("[一-龥ࠀ-一가-퟿]+"),
            split(r"\p{N}+"),
        ]
    ),
    "bloom": split(" ?[^(\\s|.,!?…。，、।۔،)]+"),
    "viking": Sequence([split(" ?[^(\\s|.,!?…。，、।۔،)]+"), Digits(individual_digits=True)]),
    "bailingmoe": split(GPT4.replace("DIGITS", "").replace(r"\s*[\r\n]+", r"\s*[\r\n]")),
    "qwen35": split(
        GPT4.replace("DIGITS", "").replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]", r"[^\s\p{L}\p{M}\p{N}]")
    ),
    "ufakzeka": split(GPT4.replace("DIGITS", "").replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)|", "")),
    "seed-coder": split(GPT4.replace("DIGITS", "").replace(r"+[\r\n]*|", "+|")),
}
TEXTS = [
    "It's 12345 apples -- isn't it?\n\n  Yes, IT'S so.",
    "HelloWorld's x1234 don't WE'LL\tcamelCase HTTPServer",
    "漢字とかな交じり文 été Ünïcode \u0301x ½ x² 3.14159",
    "  two spaces   and\r\nlines \n \n",
    "a \ufeffb\u0085c \u00a0\u3000d\u200be",
    "a+b=c <tag>$5 #hash @you (see [1]) 100% ~x `y` a_b",
]

print(
    json.dumps(
        {
            name: [{"text": text, "words": [word for word, _ in rule.pre_tokenize_str(text)]} for text in TEXTS]
            for name, rule in RULES.items()
        },
        ensure_ascii=True,
        indent=1,
    )
)
