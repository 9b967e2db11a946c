"""GGUF files that other programs have already put on this machine, and the little that must be known of one.

Looking is bounded in depth and number, follows no linked directory, and opens regular files only, four bytes of each.
Directories that are missing or closed to us are passed over: not finding is no error here. The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import json
import os
import re
import stat
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal

from backends.errors import EngineFailed

MAGIC: Final = b"GGUF"
MOST_FILES = 500
MOST_ENTRIES = 10_000
"""Directory entries looked at under one root."""
DEEPEST = 5
"""Levels of directories under one root; LM Studio uses three."""

Source = Literal["Ollama", "LM Studio", "llama.cpp", "models"]

_PLACES: Final[tuple[tuple[str, Source], ...]] = (
    (".lmstudio/models", "LM Studio"),
    (".cache/lm-studio/models", "LM Studio"),
    (".cache/llama.cpp", "llama.cpp"),
    ("Library/Caches/llama.cpp", "llama.cpp"),
    ("models", "models"),
)


@dataclass(frozen=True, slots=True)
class GgufFile:
    """One model that is on this machine already."""

    path: Path
    name: str
    """What its program calls it. Foreign text: clean it before it is shown."""
    size_bytes: int
    source: Source
    """Whose directory it was found in."""


def find_gguf_files(*homes: Path, ollama_models: Path | None = None) -> list[GgufFile]:
    """The models under these home directories, by source and name; each file once.

    `ollama_models` is Ollama's model directory where it is not `~/.ollama/models`. Reads the disk: call in a thread.
    """
    found: dict[tuple[int, int], GgufFile] = {}
    for path, name, source in _candidates(homes, ollama_models):
        status = _regular(path)
        if status is None or (status.st_dev, status.st_ino) in found or not _has_magic(path):
            continue
        found[status.st_dev, status.st_ino] = GgufFile(path, name, status.st_size, source)
        if len(found) == MOST_FILES:
            break
    return sorted(found.values(), key=lambda file: (file.source, file.name.casefold()))


def _candidates(homes: tuple[Path, ...], ollama_models: Path | None) -> Iterator[tuple[Path, str, Source]]:
    ollama = [home / ".ollama/models" for home in homes]
    for models in [*ollama, ollama_models] if ollama_models else ollama:
        for path, name in _in_ollama(models):
            yield path, name, "Ollama"
    for home in homes:
        for place, source in _PLACES:
            for path in _files_below(home / place):
                if path.suffix.lower() == ".gguf" and _is_model(path.stem):
                    yield path, path.stem, source


def _is_model(stem: str) -> bool:
    """Not a projector for images, and not the second or later part of a model in parts."""
    part = re.search(r"-(\d{5})-of-\d{5}$", stem)
    return not stem.lower().startswith("mmproj") and (part is None or part[1] == "00001")


def _in_ollama(models: Path) -> Iterator[tuple[Path, str]]:
    """Ollama keeps weights under their digest; a manifest `registry/namespace/model/tag` names it."""
    manifests = models / "manifests"
    for manifest in _files_below(manifests):
        registry, *name, tag = manifest.relative_to(manifests).parts
        digest = _model_digest(manifest)
        if digest is not None and name:
            where = [part for part in (registry, *name) if part not in ("registry.ollama.ai", "library")]
            yield models / "blobs" / f"sha256-{digest}", f"{'/'.join(where)}:{tag}"


def _model_digest(manifest: Path) -> str | None:
    status = _regular(manifest)
    if status is None or status.st_size > 1_000_000:
        return None
    try:
        layers = json.loads(manifest.read_bytes())["layers"]
        weights = [layer for layer in layers if layer["mediaType"] == "application/vnd.ollama.image.model"]
        digest = re.fullmatch(r"sha256:([0-9a-f]{64})", weights[0]["digest"])
    except (OSError, ValueError, LookupError, TypeError):  # not a manifest
        return None
    return digest[1] if digest else None


def _files_below(root: Path) -> Iterator[Path]:
    """Files and links to files, nearest first."""
    directories = deque([(root, 0)])
    looked_at = 0
    while directories:
        directory, depth = directories.popleft()
        try:
            with os.scandir(directory) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
                kinds = [entry.is_dir(follow_symlinks=False) for entry in listed]
        except OSError:
            continue
        for entry, is_directory in zip(listed, kinds, strict=True):
            looked_at += 1
            if looked_at > MOST_ENTRIES:
                return
            if not is_directory:
                yield Path(entry.path)
            elif depth < DEEPEST:
                directories.append((Path(entry.path), depth + 1))


def _regular(path: Path) -> os.stat_result | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _has_magic(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


# ---- one file's own words ------------------------------------------------------------------------------------------

_FIXED_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_INTEGERS: Final = {4: "<I", 5: "<i", 10: "<Q", 11: "<q"}
_MOST_ITEMS = 1_000_000
"""Keys and strings that are stepped over before giving up; a vocabulary has 50,000 to 300,000."""
_LONGEST_STRING = 1 << 20


def trained_context(path: Path) -> int | None:
    """Tokens of the window that the model in this file was trained for; None where it does not tell.

    Raises `EngineFailed`, one clear sentence, for a file that is not there, not readable, or not GGUF.
    """
    try:
        if path.is_dir():
            raise EngineFailed(f"{path} is a directory. Name a GGUF file in it.")
        if path.exists() and not path.is_file():
            raise EngineFailed(f"{path} is not a file. Name a GGUF file.")
        with path.open("rb") as file:
            return _Header(file).trained_context()
    except FileNotFoundError:
        raise EngineFailed(f"There is no file {path}. Check the path after gguf:.") from None
    except PermissionError:
        raise EngineFailed(f"{path} may not be read. Change its permissions, or choose another file.") from None
    except OSError as error:
        raise EngineFailed(f"{path} cannot be read ({error.strerror}). Choose another file.") from error
    except _NotGgufError as error:
        raise EngineFailed(f"{path} {error}. Choose another file, or download it again.") from None


class _NotGgufError(ValueError):
    """What is wrong with the file, as the end of a sentence."""


class _Header:
    """Reads a header's keys in order, as far as needed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._steps = 0
        if file.read(len(MAGIC)) != MAGIC:
            raise _NotGgufError("is not a GGUF file")
        version = self._number("<I")
        if not 2 <= version <= 0xFFFF:  # 1 is of 2023; a big-endian 3 reads as 0x03000000
            raise _NotGgufError("is a GGUF file of a kind that llama.cpp does not read here")
        self._number("<Q")
        self._keys = self._number("<Q")

    def trained_context(self) -> int | None:
        """The value of `<architecture>.context_length`."""
        for _ in range(self._keys):
            key, kind = self._string(), self._number("<I")
            if key.endswith(b".context_length") and kind in _INTEGERS:
                return self._number(_INTEGERS[kind])
            if not self._skip(kind):
                return None
        return None

    def _skip(self, kind: int) -> bool:
        """Step over a value; False when that would take too long."""
        self._steps += 1
        if self._steps > _MOST_ITEMS:
            return False
        if kind == _STRING:
            self._step_over(self._number("<Q"))
        elif kind == _ARRAY:
            item, length = self._number("<I"), self._number("<Q")
            if item == _STRING:
                return all(self._skip(_STRING) for _ in range(length))
            self._step_over(_size(item) * length)
        else:
            self._step_over(_size(kind))
        return True

    def _string(self) -> bytes:
        length = self._number("<Q")
        if length > _LONGEST_STRING:
            raise _NotGgufError("is damaged")
        return self._bytes(length)

    def _step_over(self, count: int) -> None:
        if count > self._size:
            raise _NotGgufError("is cut off")
        self._file.seek(count, os.SEEK_CUR)

    def _number(self, layout: str) -> int:
        value: int = struct.unpack(layout, self._bytes(struct.calcsize(layout)))[0]
        return value

    def _bytes(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise _NotGgufError("is cut off")
        return data


def _size(kind: int) -> int:
    if kind not in _FIXED_SIZES:  # arrays of arrays are in the format's text, but in no file and not in llama.cpp
        raise _NotGgufError("is damaged")
    return _FIXED_SIZES[kind]
