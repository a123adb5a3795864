"""The tokenizer of llama2.c: pieces with scores, and the merges that follow from them.

Ids 0, 1, 2 are <unk>, begin and end; 3 … 258 are the 256 bytes, for characters that have no piece; then come the
merged pieces in the order in which they were learnt, and the single characters.
"""

import json
import re
from collections import Counter

BOS, EOS, FIRST_BYTE = 1, 2, 3
# a piece never crosses a word, so a text can be encoded word by word
WORDS = re.compile(r" ?[A-Za-z]+| ?[^A-Za-z\s]|\s")


def learn(texts, size):
    """Byte-pair encoding (Sennrich et al. 2016) over characters: joins the most frequent neighbours, again and again."""
    counts = Counter(word for text in texts for word in WORDS.findall(" " + text))
    words = [(list(word), count) for word, count in counts.items()]
    letters = [letter for letter, _ in Counter("".join(w * c for w, c in counts.items())).most_common()]
    room = size - FIRST_BYTE - 256 - len(letters)
    merged = []
    while len(merged) < room:
        pairs = Counter()
        for word, count in words:
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        best, count = max(pairs.items(), key=lambda item: (item[1], item[0]))
        if count < 2:
            break
        merged.append("".join(best))
        for word, _ in words:
            join(word, best)
    pieces = ["<unk>", "\n<s>\n", "\n</s>\n"] + [f"<0x{byte:02X}>" for byte in range(256)]
    scores = [0.0] * len(pieces)
    return pieces + merged + letters, scores + [-float(i) for i in range(len(merged) + len(letters))]


def join(word, pair):
    i = 0
    while i < len(word) - 1:
        if word[i] == pair[0] and word[i + 1] == pair[1]:
            word[i : i + 2] = [word[i] + word[i + 1]]
        i += 1


class Tokenizer:
    def __init__(self, pieces, scores):
        self.pieces, self.scores = pieces, scores
        self.ids = {piece: i for i, piece in reversed(list(enumerate(pieces)))}
        self.known = {}

    def encode(self, text):
        ids = [BOS]
        for word in WORDS.findall(" " + text) if text else []:
            if word not in self.known:
                self.known[word] = self.merge(word)
            ids += self.known[word]
        return ids

    def merge(self, text):
        """Joins the two neighbours whose piece has the best score, the leftmost on ties, until none is a piece."""
        ids = []
        for letter in text:
            ids += [self.ids[letter]] if letter in self.ids else [FIRST_BYTE + b for b in letter.encode()]
        while True:
            best = None
            for i in range(len(ids) - 1):
                piece = self.ids.get(self.pieces[ids[i]] + self.pieces[ids[i + 1]])
                if piece is not None and (best is None or self.scores[piece] > self.scores[best[1]]):
                    best = (i, piece)
            if best is None:
                return ids
            ids[best[0] : best[0] + 2] = [best[1]]

    def decode(self, ids):
        """The text of ids without begin and end; the space that encoding put in front is dropped."""
        data = b""
        for i in ids:
            if FIRST_BYTE <= i < FIRST_BYTE + 256:
                data += bytes([i - FIRST_BYTE])
            elif i >= FIRST_BYTE + 256:
                data += self.pieces[i].encode()
        return data.decode(errors="replace").removeprefix(" ")

    def save(self, path):
        with open(path, "w") as file:
            json.dump({"pieces": self.pieces, "scores": self.scores}, file, ensure_ascii=False, indent=1)
            file.write("\n")
