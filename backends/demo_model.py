"""The demo model: a GGUF file made on this machine in about a second, without any download.

It is a real llama with attention, position embedding and a key-value cache, so that everything around it (llama.cpp,
streaming, token counts, stopping, a full window) is the real thing. Only its knowledge is a toy: which piece of text
follows which is a table, written into the embedding and output matrices; the layers in between have random weights
whose output is multiplied by zero: they cost honest time and change nothing. Every answer says that it is a demo.
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from backends import demo_text
from backends.errors import EngineFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RECIPE = 1
"""Part of the file's name: raise it whenever the text or the recipe changes, and the model is made anew."""
MODEL_NAME = "duologue-demo"
TRAINED_CONTEXT = 8192

_IM_START, _IM_END, _THINK, _THINK_END, _PAD = "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|pad|>"
_BREAK = "\n\n"
_NEWLINE = "\n"

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

_HEAD_SIZE = 64
_CERTAIN = 16.0
"""Logit of a certain successor. Everything else has about 0, so one wrong piece slips in per some million."""


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
    # Two programs that start at once both make it, each under a name of its own; the last rename wins, with equal bytes.
    unfinished = directory / f".{MODEL_NAME}-{secrets.token_hex(8)}.part"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_model(unfinished)
        os.replace(unfinished, path)
        for outdated in directory.glob(f"{MODEL_NAME}-*.gguf"):
            if outdated != path:
                outdated.unlink(missing_ok=True)
    except OSError as error:
        raise EngineFailed(
            f"The demo model could not be written to {directory}: {error.strerror}. Free some space or choose another "
            "data directory."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def make_model(
    path: Path,
    *,
    end_chance: float = 0.9,
    layers: int = 8,
    feed_forward: int = 1024,
    think: bool = False,
    trained_context: int = TRAINED_CONTEXT,
) -> None:
    """Write the model to `path`.

    `end_chance` is the chance to end after a closing sentence (0.0 never ends); `layers` and `feed_forward` decide
    how slow it is; `think` makes a reasoning model that opens every answer with a thought.
    """
    vocabulary = _vocabulary()
    table = _table(end_chance=end_chance, think=think)
    embedding, output = _matrices(vocabulary, table)
    _write(path, vocabulary, embedding, output, layers, feed_forward, think=think, trained_context=trained_context)


# ---- what follows what ---------------------------------------------------------------------------------------------

Table = dict[str, dict[str, float]]
"""Piece of text -> the pieces that may follow it, with their chances."""

_WORD = re.compile(r"\s*\S+")
_SENTENCE_END = re.compile(r"[.!?*]$")


def pieces(block: str) -> list[str]:
    """Cut Markdown into what the demo model says in one go: a word, with the white space and small words before it."""
    result: list[str] = []
    held = ""
    for word in _WORD.findall(block):
        held += word
        if word.strip().lower() not in demo_text.SMALL_WORDS:
            result.append(held)
            held = ""
    return [*result, held] if held else result


def _table(*, end_chance: float, think: bool) -> Table:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def follow(before: str, after: str, weight: float) -> None:
        if weight > 0:
            counts[before][after] += weight  # type: ignore[assignment]  # weights are real numbers

    for opening in demo_text.OPENINGS:
        follow(_THINK_END if think else _NEWLINE, pieces(opening)[0], 1)
    for body in demo_text.BODIES:
        follow(_BREAK, pieces(body)[0], 1)
    for closing in demo_text.CLOSINGS:
        follow(_BREAK, pieces(closing)[0], 2)
    for block in (*demo_text.OPENINGS, *demo_text.BODIES, *demo_text.CLOSINGS):
        said = pieces(block)
        for before, after in zip(said, said[1:], strict=False):
            follow(before, after, 4)
            if _SENTENCE_END.search(before):
                follow(before, _BREAK, 1)
        follow(said[-1], _BREAK, 4 * (1 - end_chance) if block in demo_text.CLOSINGS else 4)
        if block in demo_text.CLOSINGS:
            follow(said[-1], _IM_END, 4 * end_chance)
    if think:
        follow(_NEWLINE, _THINK, 1)
        for thought in demo_text.THOUGHTS:
            said = pieces(thought)
            for before, after in zip((_THINK, *said), (*said, _THINK_END), strict=True):
                follow(before, after, 4)
    return {
        before: {after: weight / sum(afters.values()) for after, weight in afters.items()}
        for before, afters in counts.items()
    }


# ---- the vocabulary ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    tokens: list[str]
    """As GGUF stores them: bytes and merged bytes in the byte alphabet, whole pieces as they are."""
    types: list[int]
    merges: list[str]
    ids: dict[str, int] = field(repr=False)
    """Piece of text (or special token, or a line feed) -> its number."""


def _byte_alphabet() -> list[str]:
    """The printable stand-in for each byte, as byte-level BPE has had it since GPT-2."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def _merges(words: Counter[str], alphabet: list[str]) -> list[tuple[str, str]]:
    """Byte-pair encoding of the demo's own words, so that a prompt in English is not one token per letter."""
    splits = {word: [alphabet[byte] for byte in word.encode()] for word in words}
    merges: list[tuple[str, str]] = []
    while True:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in splits.items():
            for pair in zip(parts, parts[1:], strict=False):
                pairs[pair] += words[word]
        if not pairs:
            return merges
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word, parts in splits.items():
            splits[word] = _joined(parts, best)


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

    blocks = (*demo_text.OPENINGS, *demo_text.BODIES, *demo_text.CLOSINGS, *demo_text.THOUGHTS)
    # The pattern of pre-tokenizer "gpt-2", as far as it matters here.
    words = Counter(word for block in blocks for word in re.findall(r" ?[A-Za-z]+", block))
    words.update(["user", "assistant", "system"])
    alphabet = _byte_alphabet()
    merges = _merges(words, alphabet)
    plain = list(dict.fromkeys([*alphabet, *(left + right for left, right in merges)]))
    whole = [piece for piece in dict.fromkeys([_BREAK, *(p for block in blocks for p in pieces(block))])]
    whole = [piece for piece in whole if piece not in plain]
    special = [_IM_START, _IM_END, _THINK, _THINK_END, _PAD]
    tokens = [*plain, *whole, *special]
    normal, mine, control = int(TokenType.NORMAL), int(TokenType.USER_DEFINED), int(TokenType.CONTROL)
    ids = {token: number for number, token in enumerate(tokens)}
    ids[_NEWLINE] = ids[alphabet[ord(_NEWLINE)]]
    return _Vocabulary(
        tokens,
        [normal] * len(plain) + [mine] * len(whole) + [control, control, mine, mine, control],
        [f"{left} {right}" for left, right in merges],
        ids,
    )


# ---- the weights ---------------------------------------------------------------------------------------------------


def _matrices(vocabulary: _Vocabulary, table: Table) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embedding and output, chosen so that output(norm(embedding(before))) is the logarithm of the table's row."""
    import numpy as np

    rows = len(table)
    width = -(-rows // (2 * _HEAD_SIZE)) * 2 * _HEAD_SIZE  # as many dimensions as rows: then the fit is exact
    numbers = np.random.default_rng(RECIPE)
    embedding = numbers.standard_normal((len(vocabulary.tokens), width), dtype=np.float32)
    before = embedding[[vocabulary.ids[piece] for piece in table]]
    before = before / np.sqrt((before**2).mean(axis=1, keepdims=True) + 1e-5)
    wanted = np.zeros((rows, len(vocabulary.tokens)), dtype=np.float32)
    for row, afters in enumerate(table.values()):
        for piece, chance in afters.items():
            wanted[row, vocabulary.ids[piece]] = _CERTAIN + np.log(chance)
    output = np.linalg.lstsq(before, wanted, rcond=None)[0].T
    return embedding, np.ascontiguousarray(output, dtype=np.float32)


def _write(
    path: Path,
    vocabulary: _Vocabulary,
    embedding: NDArray[np.float32],
    output: NDArray[np.float32],
    layers: int,
    feed_forward: int,
    *,
    think: bool,
    trained_context: int,
) -> None:
    import gguf
    import numpy as np

    width = embedding.shape[1]
    heads = width // _HEAD_SIZE
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(MODEL_NAME)
    writer.add_description("Made-up weights that show how an answer looks; not a language model.")
    writer.add_context_length(trained_context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads // 2)
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

    ones = np.ones(width, dtype=np.float32)
    numbers = np.random.default_rng(RECIPE)

    def random(rows: int, columns: int) -> NDArray[np.float16]:
        return (numbers.standard_normal((rows, columns), dtype=np.float32) / np.sqrt(columns)).astype(np.float16)

    def zeros(rows: int, columns: int) -> NDArray[np.float16]:
        return np.zeros((rows, columns), dtype=np.float16)

    writer.add_tensor("token_embd.weight", embedding.astype(np.float16))
    writer.add_tensor("output.weight", output.astype(np.float16))
    writer.add_tensor("output_norm.weight", ones)
    for layer in range(layers):
        name = f"blk.{layer}"
        writer.add_tensor(f"{name}.attn_norm.weight", ones)
        writer.add_tensor(f"{name}.attn_q.weight", random(width, width))
        writer.add_tensor(f"{name}.attn_k.weight", random(width // 2, width))
        writer.add_tensor(f"{name}.attn_v.weight", random(width // 2, width))
        writer.add_tensor(f"{name}.attn_output.weight", zeros(width, width))
        writer.add_tensor(f"{name}.ffn_norm.weight", ones)
        writer.add_tensor(f"{name}.ffn_gate.weight", random(feed_forward, width))
        writer.add_tensor(f"{name}.ffn_up.weight", random(feed_forward, width))
        writer.add_tensor(f"{name}.ffn_down.weight", zeros(width, feed_forward))
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
