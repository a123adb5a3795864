"""
Golden values for @headwise/positional, computed apart from its code: numpy in float64, rotations as products of
complex numbers, attention by einsum. Formulas are those of the papers named in each encoding's file.

    python tooling/golden/positional.py      writes packages/positional/golden/*.json
"""

import json
import math
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[2] / "packages" / "positional" / "golden"
SOURCE = f"tooling/golden/positional.py, numpy {np.__version__}, float64"
random = np.random.default_rng(20261121)


def sample(*shape):
    """Values that float32 holds exactly, so that every device starts from the same numbers."""
    return np.round(random.uniform(-1, 1, shape) * 1024) / 1024


def array(values):
    values = np.asarray(values, dtype=np.float64)
    return {"shape": list(values.shape), "data": [float(f"{x:.12g}") for x in values.ravel()]}


def write(name, cases):
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"source": SOURCE, "cases": cases}, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(text.replace('{"name"', '\n{"name"') + "\n", encoding="utf-8")
    print(f"{name}: {len(cases)} cases")


def plain(theta, width):
    return np.exp(-np.log(theta) * np.arange(width // 2) * 2 / width)


def ntk_base(theta, s, width):
    return theta * math.exp(math.log(s) * width / (width - 2))


def yarn_frequencies(width, theta, s, trained, fast=32, slow=1, truncate=True):
    def pair(turns):
        return width * math.log(trained / (2 * math.pi * turns)) / (2 * math.log(theta))

    low, high = pair(fast), pair(slow)
    if truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, width - 1)
    if low == high:
        high += 0.001
    keep = 1 - np.clip((np.arange(width // 2) - low) / (high - low), 0, 1)
    f = plain(theta, width)
    return f / s * (1 - keep) + f * keep


def llama3_frequencies(width, theta, s, trained, low=1, high=4):
    result = []
    for f in plain(theta, width):
        wavelength = 2 * math.pi / f
        if wavelength < trained / high:
            result.append(f)
        elif wavelength > trained / low:
            result.append(f / s)
        else:
            blend = (trained / wavelength - low) / (high - low)
            result.append((1 - blend) * f / s + blend * f)
    return np.array(result)


def mscale(s, m=1):
    return 1.0 if s <= 1 else 0.1 * m * math.log(s) + 1


def turn(x, positions, f, layout, factor=1.0, stretch=None):
    """x [B, L, H, D]; the first 2 len(f) numbers of a head turn, as complex numbers."""
    half = len(f)
    positions = np.broadcast_to(np.asarray(positions, dtype=np.float64), x.shape[:2])
    angles = positions[:, :, None, None] * f
    phase = factor * np.exp(1j * angles)
    if stretch is not None:
        phase = phase * stretch(positions)[:, :, None, :]
    y = x.copy()
    if layout == "interleaved":
        z = (x[..., 0 : 2 * half : 2] + 1j * x[..., 1 : 2 * half : 2]) * phase
        y[..., 0 : 2 * half : 2], y[..., 1 : 2 * half : 2] = z.real, z.imag
    else:
        z = (x[..., :half] + 1j * x[..., half : 2 * half]) * phase
        y[..., :half], y[..., half : 2 * half] = z.real, z.imag
    return y


PACKED = [[0, 1, 2, 0, 1], [7, 8, 300, 4095, 9]]
AHEAD = [[36, 37, 38, 39, 40]]


def rotation(name, options, f, factor=1.0, positions=PACKED, D=8, layout="half", stretch=(None, None)):
    B, L = max(len(positions), 2 if D < 32 else 1), len(positions[0])
    q, k = sample(B, L, 3 if D < 32 else 1, D), sample(B, L, 1, D)
    return {
        "name": name,
        "options": {**options, **({"layout": layout} if layout != "half" else {})},
        "inputs": {"positions": positions, "q": array(q), "k": array(k)},
        "outputs": {
            "inverseFrequencies": array(f),
            "attentionFactor": array([factor]),
            "q": array(turn(q, positions, f, layout, factor, stretch[0])),
            "k": array(turn(k, positions, f, layout, factor, stretch[1])),
        },
    }


def rotary():
    write(
        "rotary",
        [
            rotation("half", {}, plain(1e4, 8)),
            rotation("interleaved, base 5e5", {"base": 5e5}, plain(5e5, 8), layout="interleaved"),
            rotation("a quarter of the head, half", {"fraction": 0.25}, plain(1e4, 4), D=16),
            rotation("6 of 10 numbers, interleaved", {"width": 6}, plain(1e4, 6), D=10, layout="interleaved"),
            rotation("head of 32, later positions", {}, plain(1e4, 32), D=32, positions=AHEAD),
        ],
    )
    write(
        "linear",
        [
            rotation("factor 4", {"factor": 4}, plain(1e4, 8) / 4),
            rotation(
                "factor 2.5, half of the head, interleaved",
                {"factor": 2.5, "fraction": 0.5, "base": 1e6},
                plain(1e6, 8) / 2.5,
                D=16,
                layout="interleaved",
            ),
        ],
    )
    write(
        "ntk-aware",
        [
            rotation("factor 8", {"factor": 8}, plain(ntk_base(1e4, 8, 8), 8)),
            rotation("factor 2, partial", {"factor": 2, "width": 4}, plain(ntk_base(1e4, 2, 4), 4), layout="interleaved"),
        ],
    )
    options = {"factor": 2, "originalLength": 16}
    grown = plain(ntk_base(1e4, 2 * 41 / 16 - 1, 8), 8)
    write(
        "dynamic-ntk",
        [
            rotation("inside the trained length", options, plain(1e4, 8), positions=[[0, 3, 7, 15, 2]]),
            rotation("41 tokens of 16", options, grown, positions=AHEAD),
            rotation(
                "fixed at 64 tokens",
                {**options, "length": 64},
                plain(ntk_base(1e4, 2 * 64 / 16 - 1, 8), 8),
                positions=AHEAD,
                layout="interleaved",
            ),
        ],
    )


def scalings():
    write(
        "yarn",
        [
            rotation(
                "Llama 2 to 4 times its length",
                {"factor": 4, "originalLength": 4096},
                yarn_frequencies(16, 1e4, 4, 4096),
                mscale(4),
                D=16,
            ),
            rotation(
                "gpt-oss, range not rounded",
                {"base": 150000, "factor": 32, "originalLength": 4096, "truncate": False},
                yarn_frequencies(64, 150000, 32, 4096, truncate=False),
                mscale(32),
                D=64,
                positions=AHEAD,
            ),
            rotation(
                "DeepSeek-V2's magnitudes, interleaved",
                {"factor": 40, "originalLength": 4096, "mscale": 0.707, "mscaleAllDim": 1.0},
                yarn_frequencies(16, 1e4, 40, 4096),
                mscale(40, 0.707) / mscale(40, 1.0),
                D=16,
                layout="interleaved",
            ),
            rotation(
                "own betas and attention factor, partial",
                {"factor": 8, "originalLength": 256, "betaFast": 8, "betaSlow": 2, "attentionFactor": 1.25, "fraction": 0.5},
                yarn_frequencies(16, 1e4, 8, 256, 8, 2),
                1.25,
                D=32,
            ),
            rotation(
                "all pairs slow",
                {"factor": 2, "originalLength": 4},
                yarn_frequencies(8, 1e4, 2, 4),
                mscale(2),
            ),
        ],
    )
    short, long = [1.0, 1.05, 1.1, 1.2], [1.0, 2.0, 3.5, 5.0]
    options = {"shortFactors": short, "longFactors": long, "originalLength": 64, "factor": 4}
    factor = math.sqrt(1 + math.log(4) / math.log(64))
    write(
        "longrope",
        [
            rotation("short", options, plain(1e4, 8) / np.array(short), factor, positions=[[0, 1, 40, 63, 5]]),
            rotation("long", options, plain(1e4, 8) / np.array(long), factor, positions=[[0, 1, 40, 64, 5]]),
            rotation(
                "long from the start, own attention factor",
                {**options, "length": 100, "attentionFactor": 1.5},
                plain(1e4, 8) / np.array(long),
                1.5,
                positions=[[0, 1, 2, 3, 4]],
                layout="interleaved",
            ),
        ],
    )
    write(
        "llama3",
        [
            rotation(
                "Llama 3.1",
                {"base": 5e5, "factor": 8, "originalLength": 8192, "lowFrequencyFactor": 1, "highFrequencyFactor": 4},
                llama3_frequencies(32, 5e5, 8, 8192),
                D=32,
            ),
            rotation(
                "small, interleaved",
                {"factor": 4, "originalLength": 256},
                llama3_frequencies(16, 1e4, 4, 256),
                D=16,
                layout="interleaved",
            ),
        ],
    )
    full = plain(1e6, 16)
    write(
        "proportional",
        [
            rotation(
                "a quarter turns",
                {"base": 1e6, "fraction": 0.25},
                np.where(np.arange(8) < 2, full, 0),
                D=16,
            ),
            rotation(
                "0.7 turns, twice as slow, interleaved",
                {"base": 1e6, "fraction": 0.7, "factor": 2},
                np.where(np.arange(8) < 5, full / 2, 0),
                D=16,
                layout="interleaved",
            ),
        ],
    )


def xpos_stretch(width, sign, scale_base=512, gamma=0.4, center=0):
    zeta = (np.arange(0, width, 2) / width + gamma) / (1 + gamma)
    return lambda positions: zeta ** (sign * (positions[..., None] - center) / scale_base)


def xpos():
    write(
        "xpos",
        [
            rotation("defaults", {}, plain(1e4, 8), stretch=(xpos_stretch(8, 1), xpos_stretch(8, -1))),
            rotation(
                "fast decay about position 20, interleaved",
                {"scaleBase": 32, "gamma": 0.5, "center": 20},
                plain(1e4, 8),
                positions=AHEAD,
                layout="interleaved",
                stretch=(xpos_stretch(8, 1, 32, 0.5, 20), xpos_stretch(8, -1, 32, 0.5, 20)),
            ),
        ],
    )


def softmax(s):
    s = s - s.max(-1, keepdims=True)
    e = np.exp(s)
    return e / e.sum(-1, keepdims=True)


def attention(q, k, v, bias, causal, offset, scale, relative_keys=None, relative_values=None):
    """q [B, Lq, H, D], k and v [B, Lk, Hkv, …]; relative tables spread out to [Lq, Lk, …]."""
    H, Hkv = q.shape[2], k.shape[2]
    k, v = (np.repeat(x, H // Hkv, axis=2) for x in (k, v))
    s = np.einsum("bihd,bjhd->bhij", q, k)
    if relative_keys is not None:
        s = s + np.einsum("bihd,ijd->bhij", q, relative_keys)
    s = s * scale + bias
    i = offset + np.arange(q.shape[1])[:, None]
    j = np.arange(k.shape[1])[None, :]
    if causal:
        s = np.where(j <= i, s, -np.inf)
    w = softmax(s)
    y = np.einsum("bhij,bjhd->bihd", w, v)
    if relative_values is not None:
        y = y + np.einsum("bhij,ijd->bihd", w, relative_values)
    return y, w


def distances(Lq, Lk, offset):
    return np.arange(Lk)[None, :] - (offset + np.arange(Lq))[:, None]


def bias_case(name, options, bias, causal, offset, scale, weights=None, extra=None, B=1, Hkv=None):
    H, Lq, Lk = bias.shape
    q, k, v = sample(B, Lq, H, 4), sample(B, Lk, Hkv or H, 4), sample(B, Lk, Hkv or H, 4)
    y, _ = attention(q, k, v, bias[None], causal, offset, scale)
    return {
        "name": name,
        "options": options,
        **({"weights": {key: array(value) for key, value in weights.items()}} if weights else {}),
        "inputs": {
            "q": array(q),
            "k": array(k),
            "v": array(v),
            "causal": causal,
            "offset": offset,
            "scale": scale,
        },
        "outputs": {"matrix": array(bias), "y": array(y), **(extra or {})},
    }


def slopes(H, top=8):
    def power_of_two(n):
        start = 2 ** (-top / n)
        return [start ** (h + 1) for h in range(n)]

    if math.log2(H).is_integer():
        return np.array(power_of_two(H))
    below = 2 ** math.floor(math.log2(H))
    return np.array(power_of_two(below) + power_of_two(2 * below)[0::2][: H - below])


def alibi():
    def case(name, options, m, Lq, Lk, causal, offset, **rest):
        bias = -m[:, None, None] * abs(distances(Lq, Lk, offset))
        return bias_case(name, options, bias, causal, offset, 0.5, **rest)

    write(
        "alibi",
        [
            case("4 heads, causal", {}, slopes(4), 6, 6, True, 0),
            case("12 heads, both ways", {}, slopes(12), 3, 3, False, 0),
            case("6 heads on 2, decoding", {}, slopes(6), 2, 9, True, 7, B=2, Hkv=2),
            case("largest exponent 4", {"maxBias": 4}, slopes(3, 4), 4, 4, True, 0),
            case("given slopes", {"slopes": [1, 0.25]}, np.array([1, 0.25]), 4, 4, True, 0),
        ],
    )


def t5_bucket(r, n, bidirectional, longest):
    base = 0
    if bidirectional:
        n //= 2
        base = n if r > 0 else 0
        r = abs(r)
    else:
        r = max(-r, 0)
    exact = n // 2
    if r < exact:
        return base + r
    return base + min(n - 1, exact + int(math.log(r / exact) / math.log(longest / exact) * (n - exact)))


def t5_bucket_float32(r, n, bidirectional, longest):
    """The same in float32, as the models were trained."""
    base = 0
    if bidirectional:
        n //= 2
        base = n if r > 0 else 0
        r = abs(r)
    else:
        r = max(-r, 0)
    exact = n // 2
    if r < exact:
        return base + r
    steps = np.log(np.float32(r) / np.float32(exact)) / np.float32(math.log(longest / exact)) * np.float32(n - exact)
    return base + min(n - 1, exact + int(steps))


def t5():
    for n, longest in [(32, 128), (8, 20), (16, 64)]:
        for bidirectional in (False, True):
            for r in range(-3000, 3001):
                assert t5_bucket(r, n, bidirectional, longest) == t5_bucket_float32(r, n, bidirectional, longest), (r, n)

    def case(name, options, n, H, Lq, Lk, causal, offset):
        both, longest = options.get("bidirectional", False), options.get("maxDistance", 128)
        r = distances(Lq, Lk, offset)
        buckets = np.vectorize(lambda d: t5_bucket(int(d), n, both, longest))(r)
        table = sample(n, H)
        bias = np.moveaxis(table[buckets], 2, 0)
        extra = {"buckets": array(buckets)}
        return bias_case(name, options, bias, causal, offset, 1.0, weights={"table": table}, extra=extra)

    write(
        "t5",
        [
            case("decoder", {}, 32, 2, 8, 40, True, 32),
            case("encoder", {"bidirectional": True, "maxDistance": 16}, 8, 4, 12, 12, False, 0),
            case("6 buckets up to 10", {"maxDistance": 10}, 6, 2, 14, 14, True, 0),
            case("keys beyond the largest distance", {"maxDistance": 8}, 8, 1, 2, 30, False, 28),
        ],
    )


def shaw():
    def case(name, clip, H, Hkv, Lq, Lk, causal, offset, with_values, D=4, B=2):
        q, k, v = sample(B, Lq, H, D), sample(B, Lk, Hkv, D), sample(B, Lk, Hkv, D + 1)
        keys, values = sample(2 * clip + 1, D), sample(2 * clip + 1, D + 1)
        rows = np.clip(distances(Lq, Lk, offset), -clip, clip) + clip
        y, w = attention(
            q, k, v, 0, causal, offset, 1 / math.sqrt(D), keys[rows], values[rows] if with_values else None
        )
        return {
            "name": name,
            "options": {},
            "weights": {"keys": array(keys), **({"values": array(values)} if with_values else {})},
            "inputs": {"q": array(q), "k": array(k), "v": array(v), "causal": causal, "offset": offset},
            "outputs": {"rows": array(rows), "y": array(y), "weights": array(w)},
        }

    write(
        "shaw",
        [
            case("keys and values, both ways", 3, 2, 2, 6, 6, False, 0, True),
            case("keys alone, causal, 4 heads on 2", 2, 4, 2, 7, 7, True, 0, False),
            case("decoding, clip beyond the length", 16, 2, 1, 2, 6, True, 4, True),
        ],
    )


def none():
    bias = np.zeros((2, 5, 5))
    write("none", [bias_case("causal attention alone", {}, bias, True, 0, 0.5)])


def sinusoid(positions, E, base=1e4, layout="interleaved", spacing="paper"):
    half = E // 2
    steps = np.arange(half) / (half if spacing == "paper" else half - 1)
    z = np.exp(1j * np.asarray(positions, dtype=np.float64)[..., None] * base ** -steps)
    table = np.empty((*z.shape[:-1], E))
    if layout == "half":
        table[..., :half], table[..., half:] = z.imag, z.real
    else:
        table[..., 0::2], table[..., 1::2] = z.imag, z.real
    return table


def input_case(name, options, rows, positions, weights=None):
    x = sample(2, rows.shape[-2], rows.shape[-1])
    return {
        "name": name,
        "options": options,
        **({"weights": weights} if weights else {}),
        "inputs": {"positions": positions, "x": array(x)},
        "outputs": {"rows": array(rows.reshape(-1, rows.shape[-1])), "y": array(x + rows)},
    }


def inputs():
    def case(name, options, positions, E, offset=0, **kind):
        return input_case(name, options, sinusoid(np.array(positions) + offset, E, **kind), positions)

    write(
        "sinusoidal",
        [
            case("the paper's", {}, PACKED, 8),
            case("halves", {"layout": "half"}, AHEAD, 12, layout="half"),
            case(
                "tensor2tensor",
                {"layout": "half", "spacing": "tensor2tensor", "offset": 2},
                PACKED,
                10,
                offset=2,
                layout="half",
                spacing="tensor2tensor",
            ),
            case("base 100", {"base": 100}, PACKED, 6, base=100),
        ],
    )
    table = sample(64, 6)
    weights = {"table": array(table)}
    packed = [[0, 1, 2, 0, 1], [7, 8, 30, 61, 9]]
    write(
        "learned",
        [
            input_case("packed", {}, table[np.array(packed)], packed, weights),
            input_case("from row 2", {"offset": 2}, table[np.array(AHEAD) + 2], AHEAD, weights),
        ],
    )


rotary()
scalings()
xpos()
alibi()
t5()
shaw()
none()
inputs()
