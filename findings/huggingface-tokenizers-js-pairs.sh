#!/usr/bin/env bash
# The JavaScript tokenizers of Hugging Face lose the second text of a pair.
# Expected: the same tokenizer.json gives the same ids in @huggingface/tokenizers as in the Rust library behind Python.
# Happens (npm 0.2.0 against PyPI 0.23.3): where ByteLevel is the whole post-processor, as in GPT-2's files, a pair is encoded
#   as its first text alone, without a word; Rust gives both. A single text is the same in both.
# Source: post-processor ByteLevel in both packages; a ByteLevel post-processor only trims offsets.
# Matters: rerankers and question answering over byte-level BPE score the question against nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > tokenizer.json <<'JSON'
{
  "version": "1.0",
  "added_tokens": [],
  "normalizer": null,
  "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
  "post_processor": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
  "decoder": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
  "model": { "type": "BPE", "vocab": { "a": 0, "b": 1, "c": 2, "d": 3 }, "merges": [] }
}
JSON
npm init -y > npm.log
npm install --silent @huggingface/tokenizers@0.2.0 >> npm.log
python3 -m venv venv
venv/bin/pip install --quiet tokenizers==0.23.3
rust=$(venv/bin/python -c "
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file('tokenizer.json')
print(tokenizer.encode('ab').ids, tokenizer.encode('ab', 'cd').ids)")
cat > pair.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';

const tokenizer = new Tokenizer(JSON.parse(readFileSync('tokenizer.json', 'utf8')), {});
const shown = (ids) => `[${ids.join(', ')}]`;
console.log(shown(tokenizer.encode('ab').ids), shown(tokenizer.encode('ab', { text_pair: 'cd' }).ids));
JS
javascript=$(node pair.mjs)
echo "one text, two texts"
echo "tokenizers 0.23.3 (Rust):       $rust"
echo "@huggingface/tokenizers 0.2.0:  $javascript"
[ "$rust" = "[0, 1] [0, 1, 2, 3]" ] && [ "$javascript" = "[0, 1] [0, 1]" ]
