"""The demo model: a GGUF file made on this machine in about a second, without any download.

It is a real llama with attention, position embedding and a key-value cache, so that everything around it (llama.cpp,
streaming, token counts, stopping, a full window) is the real thing. Only its knowledge is a toy: which piece of text
follows which is a table, made from `demo_text.md` and written into the embedding and output matrices. Attention and
feed-forward have random weights whose output is multiplied by zero: they cost honest time and change nothing.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import re
import secrets
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from backends.errors import EngineFailed

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter
    from numpy.typing import NDArray

RECIPE = 5
"""Part of the file's name: raise it whenever the text or the recipe changes, and the model is made anew."""
MODEL_NAME = "duologue-demo"
TRAINED_CONTEXT = 8192
END_CHANCE = 0.35
"""Gives answers of 160 pieces in the median, 430 in one of ten: long enough to watch, to scroll and to stop."""


def ensure_demo_model(directory: Path) -> Path:
    """The demo model's file in `directory`, made first if it is not there (about a second of work: call in a thread).

    Raises `EngineFailed` where the libraries for it are missing or the file cannot be written.
    """
    path = directory / f"{MODEL_NAME}-{RECIPE}.gguf"
    if path.is_file():
        return path
    missing = [name for name in ("gguf", "numpy") if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineFailed(
            f"The demo model is made with {' and '.join(missing)}, not installed here. "
            "Install the extra: pip install 'duologue[engine]'."
        )
    # Two programs that start at once both make it, each under a name of its own; the last rename wins, bytes alike.
    unfinished = directory / f".{MODEL_NAME}-{secrets.token_hex(8)}.part"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_model(unfinished)
        unfinished.replace(path)
        for outdated in directory.glob(f"{MODEL_NAME}-*.gguf"):
            if outdated != path:
                outdated.unlink(missing_ok=True)
    except OSError as error:
        raise EngineFailed(
            f"The demo model cannot be written to {directory} ({error.strerror}). "
            "Make room there, or choose another data directory."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # what went wrong is told already
            unfinished.unlink(missing_ok=True)
    return path


def make_model(
    path: Path,
    *,
    end_chance: float = END_CHANCE,
    layers: int = 1,
    feed_forward: int = 32768,
    think: bool = False,
    trained_context: int = TRAINED_CONTEXT,
) -> None:
    """Write the model to `path`.

    `end_chance` is the chance to end after a closing (0.0 never ends). `feed_forward` (a multiple of 256) decides how
    slow it is: 32768 gave 150 tokens/s on one core, and 80 for each of two at once. `think` makes a reasoning model
    that opens every answer with a thought.
    """
    table = follow_table(end_chance=end_chance, think=think)
    vocabulary = _vocabulary()
    shape = _Shape.of(len(table), layers, feed_forward, trained_context)
    embedding, output = _matrices(vocabulary, table, shape)
    _write(path, vocabulary, embedding, output, shape, think=think)


# ---- what may follow what ------------------------------------------------------------------------------------------

_IM_START, _IM_END, _THINK, _THINK_END, _PAD = "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|pad|>"
_NEWLINE = "\n"
"""Ends the prompt: what may follow it is how an answer begins."""

Table = dict[str, dict[str, float]]
"""Piece of text -> the pieces that may follow it, with their chances."""

Segment = list[list[str]]
"""Alternatives, each a run of pieces."""

_SMALL_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "as",
        "at",
        "by",
        "for",
        "from",
        "in",
        "is",
        "it",
        "not",
        "of",
        "on",
        "or",
        "the",
        "to",
        "with",
    ]
)
"""Words that stick to the next one, so that a piece is a phrase and not every other token an "of"."""


@dataclass(frozen=True, slots=True)
class _Text:
    """`demo_text.md`, cut into pieces. No piece is in it twice, so a sentence that was begun is said to its end."""

    openings: list[list[Segment]]
    bodies: list[list[Segment]]
    closings: list[list[Segment]]
    thoughts: list[list[Segment]]

    @classmethod
    def read(cls) -> _Text:
        """Read and cut the file beside this module."""
        source = Path(__file__).with_name("demo_text.md").read_text(encoding="utf-8")
        cut = _Cutter()
        _, *parts = re.split(r"^# \w+\n", source, flags=re.MULTILINE)
        openings, bodies, closings, thoughts = ([b.strip() for b in part.split("\n---\n")] for part in parts)
        return cls(
            [cut.block(block) for block in openings],
            [cut.block(f"\n\n{block}") for block in bodies],
            [cut.block(f"\n\n{block}") for block in closings],
            [cut.block(block) for block in thoughts],
        )

    @property
    def blocks(self) -> list[list[Segment]]:
        return [*self.openings, *self.bodies, *self.closings, *self.thoughts]


class _Cutter:
    """Cuts text into pieces that it has not cut before: white space and a word, more words where that is taken."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def block(self, text: str) -> list[Segment]:
        """A block's segments: plain stretches (one alternative) and choices in braces."""
        stretches = re.split(r"\{([^}]*)\}", text)
        return [[self._pieces(choice) for choice in stretch.split("|")] for stretch in stretches if stretch]

    def _pieces(self, text: str) -> list[str]:
        result: list[str] = []
        held = ""
        for word in re.findall(r"\s*\S+|\s+$", text):
            held += word
            if held not in self._taken and word.strip().lower() not in _SMALL_WORDS:
                result.append(held)
                self._taken.add(held)
                held = ""
        if held and result:
            result[-1] += held
            self._taken.add(result[-1])
        elif held:
            result.append(held)
            self._taken.add(held)
        return result


def follow_table(*, end_chance: float, think: bool) -> Table:
    """What may follow what, and how likely. Greedy decoding ends too: a body's likeliest successor is a closing."""
    text = _Text.read()
    weights: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def follow(before: list[str], after: list[str], weight: float) -> None:
        for left, right in itertools.product(before, after):
            if weight:
                weights[left][right] = weight

    for block in text.blocks:
        for segment in block:
            for pieces in segment:
                for left, right in itertools.pairwise(pieces):
                    follow([left], [right], 1)
        for segment, following in itertools.pairwise(block):
            follow(_ends(segment), [pieces[0] for pieces in following], 1)
    follow([_THINK_END if think else _NEWLINE], _starts(text.openings), 1)
    for opening in text.openings:
        follow(_ends(opening[-1]), _starts(text.bodies), 1)
    for body in text.bodies:
        follow(_ends(body[-1]), _starts([other for other in text.bodies if other is not body]), 1)
        follow(_ends(body[-1]), _starts(text.closings), 1.2)
    for closing in text.closings:
        follow(_ends(closing[-1]), _starts(text.bodies), (1 - end_chance) / len(text.bodies))
        follow(_ends(closing[-1]), [_IM_END], end_chance)
    if think:
        follow([_NEWLINE], [_THINK], 1)
        follow([_THINK], _starts(text.thoughts), 1)
        follow([end for block in text.thoughts for end in _ends(block[-1])], [_THINK_END], 1)
    return {
        before: {after: weight / sum(afters.values()) for after, weight in afters.items()}
        for before, afters in weights.items()
    }


def _starts(blocks: list[list[Segment]]) -> list[str]:
    return [pieces[0] for block in blocks for pieces in block[0]]


def _ends(segment: Segment) -> list[str]:
    return [pieces[-1] for pieces in segment]


# ---- the vocabulary ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    tokens: list[str]
    """As GGUF stores them: in the byte alphabet."""
    types: list[int]
    merges: list[str]
    ids: dict[str, int] = field(repr=False)
    """Piece of text (or special token, or a line feed) -> its number."""


def _byte_alphabet() -> list[str]:
    """The printable stand-in for each byte, as byte-level BPE has had it since GPT-2."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


_MOST_MERGES = 400
"""About 3 letters a token for a prompt in English; each more costs time when the model is made."""


def _merges(words: Counter[str], alphabet: list[str]) -> list[tuple[str, str]]:
    """Byte-pair encoding of the demo's own words, so that a prompt in English is not one token per letter."""
    splits = {word: [alphabet[byte] for byte in word.encode()] for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < _MOST_MERGES:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in splits.items():
            for pair in itertools.pairwise(parts):
                pairs[pair] += words[word]
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word, parts in splits.items():
            splits[word] = _joined(parts, best)
    return merges


def _joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    result: list[str] = []
    rest = iter(range(len(parts)))
    for index in rest:
        if tuple(parts[index : index + 2]) == pair:
            result.append("".join(pair))
            next(rest)
        else:
            result.append(parts[index])
    return result


def _vocabulary() -> _Vocabulary:
    from gguf import TokenType

    pieces = [p for block in _Text.read().blocks for segment in block for alternative in segment for p in alternative]
    alphabet = _byte_alphabet()
    # The pattern is pre-tokenizer "gpt-2" as far as it matters here.
    words = Counter(word for piece in pieces for word in re.findall(r" ?[A-Za-z]+", piece))
    words.update(["user", "assistant", "system"])
    merges = _merges(words, alphabet)
    plain = list(dict.fromkeys([*alphabet, *(left + right for left, right in merges)]))
    # Pieces are ordinary tokens that no merge leads to: said, but never found in a prompt. As "user defined" ones
    # each would be searched for in it, in llama.cpp with a time that grows with the square: 2 minutes for 1 MB.
    written = {piece: "".join(alphabet[byte] for byte in piece.encode()) for piece in sorted(set(pieces))}
    whole = [text for text in dict.fromkeys(written.values()) if text not in set(plain)]
    tokens = [*plain, *whole, _IM_START, _IM_END, _THINK, _THINK_END, _PAD]
    normal, as_it_is, control = int(TokenType.NORMAL), int(TokenType.USER_DEFINED), int(TokenType.CONTROL)
    ids = {token: number for number, token in enumerate(tokens)}
    return _Vocabulary(
        tokens,
        [normal] * (len(plain) + len(whole)) + [control, control, as_it_is, as_it_is, control],
        [f"{left} {right}" for left, right in merges],
        ids | {piece: ids[text] for piece, text in written.items()} | {_NEWLINE: ids[alphabet[ord(_NEWLINE)]]},
    )


# ---- the weights ---------------------------------------------------------------------------------------------------

_HEAD_SIZE = 64
_CERTAIN = 16.0
"""Logit of a certain successor. Everything else has about 0, so one wrong piece slips in per some million."""


@dataclass(frozen=True, slots=True)
class _Shape:
    width: int
    layers: int
    feed_forward: int
    trained_context: int

    @classmethod
    def of(cls, rows: int, layers: int, feed_forward: int, trained_context: int) -> _Shape:
        """As wide as the table has rows, so that the fit is exact; the packed format wants multiples of 256."""
        return cls(-(-rows // 256) * 256, layers, feed_forward, trained_context)

    @property
    def heads(self) -> int:
        return self.width // _HEAD_SIZE


def _matrices(
    vocabulary: _Vocabulary, table: Table, shape: _Shape
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embedding and output, chosen so that output(norm(embedding(before))) is the logarithm of the table's row."""
    import numpy as np

    numbers = np.random.default_rng(RECIPE)
    embedding = numbers.standard_normal((len(vocabulary.tokens), shape.width), dtype=np.float32)
    before = embedding[[vocabulary.ids[piece] for piece in table]]
    before = before / np.sqrt((before**2).mean(axis=1, keepdims=True))
    wanted = np.zeros((len(table), len(vocabulary.tokens)), dtype=np.float32)
    for row, afters in enumerate(table.values()):
        for piece, chance in afters.items():
            wanted[row, vocabulary.ids[piece]] = _CERTAIN + np.log(chance)
    # The smallest weights that fit; the rows are random and fewer than the dimensions, so the system is well behaved.
    wide = before.astype(np.float64)
    output = np.linalg.solve(wide @ wide.T, wanted).T @ wide
    return embedding, np.ascontiguousarray(output, dtype=np.float32)


def _write(
    path: Path,
    vocabulary: _Vocabulary,
    embedding: NDArray[np.float32],
    output: NDArray[np.float32],
    shape: _Shape,
    *,
    think: bool,
) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    try:
        _add_metadata(writer, vocabulary, shape, think=think)
        _add_tensors(writer, embedding, output, shape)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


_CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_THINKING_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' and m['reasoning_content'] %}<think>\n{{ m['reasoning_content'] }}\n</think>\n\n"
    "{% endif %}{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)


def _add_metadata(writer: GGUFWriter, vocabulary: _Vocabulary, shape: _Shape, *, think: bool) -> None:
    import gguf

    writer.add_name(MODEL_NAME)
    writer.add_description("Made-up weights that show how an answer looks; not a language model.")
    writer.add_context_length(shape.trained_context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads // 2)
    writer.add_rope_dimension_count(_HEAD_SIZE)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(vocabulary.tokens))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(vocabulary.ids[_IM_START])
    writer.add_eos_token_id(vocabulary.ids[_IM_END])
    writer.add_pad_token_id(vocabulary.ids[_PAD])
    writer.add_add_bos_token(False)  # noqa: FBT003  # gguf's signature
    writer.add_chat_template(_THINKING_TEMPLATE if think else _CHAT_TEMPLATE)


def _add_tensors(
    writer: GGUFWriter, embedding: NDArray[np.float32], output: NDArray[np.float32], shape: _Shape
) -> None:
    """Attention in 16 bits, feed-forward in the 2-bit format IQ2_XXS: much arithmetic in a small file.

    llama.cpp computes the last layer's feed-forward only for tokens whose successor is wanted, so that with one layer
    a long prompt is read fast (some thousand tokens/s) however slowly the answer is made.
    """
    import numpy as np
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    numbers = np.random.default_rng(RECIPE)
    packing = GGMLQuantizationType.IQ2_XXS
    block_weights, block_bytes = GGML_QUANT_SIZES[packing]
    width, ones = shape.width, np.ones(shape.width, dtype=np.float32)

    def attention(rows: int, scale: float = 1.0) -> NDArray[np.float16]:
        drawn = numbers.standard_normal((rows, width), dtype=np.float32)
        return (drawn * np.float32(scale / width**0.5)).astype(np.float16)

    def packed(rows: int, columns: int, scale: float) -> NDArray[np.uint8]:
        blocks = numbers.integers(0, 256, (rows, columns // block_weights, block_bytes), dtype=np.uint8)
        blocks[:, :, :2] = np.frombuffer(np.float16(scale).tobytes(), dtype=np.uint8)
        return blocks.reshape(rows, -1)

    writer.add_tensor("token_embd.weight", embedding.astype(np.float16))
    writer.add_tensor("output.weight", output.astype(np.float16))
    writer.add_tensor("output_norm.weight", ones)
    for layer in range(shape.layers):
        name = f"blk.{layer}"
        writer.add_tensor(f"{name}.attn_norm.weight", ones)
        writer.add_tensor(f"{name}.attn_q.weight", attention(width))
        writer.add_tensor(f"{name}.attn_k.weight", attention(width // 2))
        writer.add_tensor(f"{name}.attn_v.weight", attention(width // 2))
        writer.add_tensor(f"{name}.attn_output.weight", attention(width, scale=0.0))
        writer.add_tensor(f"{name}.ffn_norm.weight", ones)
        for gate in ("ffn_gate", "ffn_up"):
            writer.add_tensor(f"{name}.{gate}.weight", packed(shape.feed_forward, width, 0.01), raw_dtype=packing)
        down = packed(width, shape.feed_forward, 0.0)
        writer.add_tensor(f"{name}.ffn_down.weight", down, raw_dtype=packing)
