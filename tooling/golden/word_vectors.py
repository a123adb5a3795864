"""Small files of word vectors and what gensim reads in them.

    pip install gensim==4.4.0
    python tooling/golden/word_vectors.py      writes packages/models/golden/word-vectors/
"""

import json
from pathlib import Path

import gensim
import numpy as np
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import load_facebook_vectors, save_facebook_model

FOLDER = Path(__file__).parents[2] / "packages" / "models" / "golden" / "word-vectors"
FOLDER.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(20261129)

words = ["the", "king", "queen", "man", "woman", "été", "naïve", "漢字", "🙂", "don't", "a", "UPPER"]
vectors = random.normal(size=(len(words), 6)).astype(np.float32)
plain = KeyedVectors(6)
plain.add_vectors(words, vectors)
plain.save_word2vec_format(FOLDER / "word2vec.bin", binary=True)
plain.save_word2vec_format(FOLDER / "word2vec.txt", binary=False)
glove = [f"{word} {' '.join(repr(float(x)) for x in row)}" for word, row in zip(words, vectors)]
(FOLDER / "glove.txt").write_text("\n".join([*glove, f". . . {' '.join(['0.5'] * 6)}"]) + "\n", encoding="utf-8")


def near(found):
    return [{"word": word, "similarity": float(value)} for word, value in found]


sentences = [
    "the old king and the queen saw a bright été light".split(),
    "a man and a woman walk to the old house of the king".split(),
    "naïve 漢字 light walks and sees the bright house 🙂".split(),
] * 20
model = FastText(
    sentences, vector_size=5, min_count=1, bucket=40, min_n=2, max_n=4, epochs=3, seed=1, workers=1, window=3
)
save_facebook_model(model, str(FOLDER / "fasttext.bin"))
parts = load_facebook_vectors(str(FOLDER / "fasttext.bin"))
unseen = ["kings", "queenly", "unbright", "étés", "漢", "x", "🙂🙂", "wal"]

(FOLDER / "golden.json").write_text(
    json.dumps(
        {
            "source": f"tooling/golden/word_vectors.py, gensim {gensim.__version__}",
            "words": words,
            "vectors": vectors.astype(float).tolist(),
            "nearest": {"to": "king", "found": near(plain.most_similar("king", topn=4))},
            "analogy": {
                "plus": ["king", "woman"],
                "minus": ["man"],
                "found": near(plain.most_similar(positive=["king", "woman"], negative=["man"], topn=4)),
            },
            "fasttext": {
                "words": [
                    {"word": word, "vector": parts[word].astype(float).tolist()} for word in parts.index_to_key
                ],
                "unseen": [{"word": word, "vector": parts[word].astype(float).tolist()} for word in unseen],
                "nearest": {"to": "kings", "found": near(parts.most_similar("kings", topn=4))},
            },
        },
        ensure_ascii=True,
        indent=1,
    )
    + "\n"
)
