from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from backends.errors import EngineFailed
from backends.gguf_files import DEEPEST, MOST_FILES, find_gguf_files, trained_context

DIGEST = "a" * 64


def gguf(path: Path, content: bytes = b"GGUF and the rest") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def ollama_manifest(models: Path, name: str, *, digest: str = f"sha256:{DIGEST}") -> None:
    manifest = models / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    layers = [
        {"mediaType": "application/vnd.ollama.image.template", "digest": f"sha256:{'b' * 64}"},
        {"mediaType": "application/vnd.ollama.image.model", "digest": digest},
    ]
    manifest.write_text(json.dumps({"layers": layers}))


def header(*keys: tuple[str, int, bytes], version: int = 3) -> bytes:
    packed = b"".join(
        struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + value for name, kind, value in keys
    )
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(keys)) + packed


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


# ---- finding -------------------------------------------------------------------------------------------------------


def test_models_of_each_program_are_found_by_name(tmp_path: Path) -> None:
    blob = gguf(tmp_path / f".ollama/models/blobs/sha256-{DIGEST}")
    ollama_manifest(tmp_path / ".ollama/models", "registry.ollama.ai/library/llama3.1/8b")
    gguf(tmp_path / ".lmstudio/models/publisher/repository/Qwen3-8B-Q4_K_M.gguf")
    gguf(tmp_path / ".cache/lm-studio/models/publisher/repository/older.gguf")
    gguf(tmp_path / ".cache/llama.cpp/ggml-org_gemma.gguf")
    gguf(tmp_path / "models/Notes.GGUF")

    found = find_gguf_files(tmp_path)

    assert [(file.source, file.name) for file in found] == [
        ("LM Studio", "older"),
        ("LM Studio", "Qwen3-8B-Q4_K_M"),
        ("Ollama", "llama3.1:8b"),
        ("llama.cpp", "ggml-org_gemma"),
        ("models", "Notes"),
    ]
    assert found[2].path == blob
    assert found[2].size_bytes == blob.stat().st_size


def test_ollama_directory_elsewhere_is_looked_into(tmp_path: Path) -> None:
    gguf(tmp_path / f"elsewhere/blobs/sha256-{DIGEST}")
    ollama_manifest(tmp_path / "elsewhere", "hf.co/someone/model/Q4_K_M")

    found = find_gguf_files(tmp_path / "home", ollama_models=tmp_path / "elsewhere")

    assert [file.name for file in found] == ["hf.co/someone/model:Q4_K_M"]


def test_file_with_two_names_is_listed_once(tmp_path: Path) -> None:
    gguf(tmp_path / f".ollama/models/blobs/sha256-{DIGEST}")
    for tag in ("8b", "latest"):
        ollama_manifest(tmp_path / ".ollama/models", f"registry.ollama.ai/library/llama3.1/{tag}")
    (tmp_path / "models").mkdir()
    (tmp_path / "models/link.gguf").symlink_to(tmp_path / f".ollama/models/blobs/sha256-{DIGEST}")

    assert [file.name for file in find_gguf_files(tmp_path)] == ["llama3.1:8b"]


@pytest.mark.parametrize("digest", ["sha256:../../../etc/passwd", "", "sha256:" + "A" * 64, "md5:1"])
def test_manifest_cannot_point_outside_the_blobs(digest: str, tmp_path: Path) -> None:
    gguf(tmp_path / f".ollama/models/blobs/sha256-{DIGEST}")
    ollama_manifest(tmp_path / ".ollama/models", "registry.ollama.ai/library/evil/1", digest=digest)

    assert find_gguf_files(tmp_path) == []


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"layers": [1]}', '{"layers": {}}', "\0"])
def test_odd_manifests_are_passed_over(manifest: str, tmp_path: Path) -> None:
    path = tmp_path / ".ollama/models/manifests/registry.ollama.ai/library/odd/1"
    path.parent.mkdir(parents=True)
    path.write_text(manifest)

    assert find_gguf_files(tmp_path) == []


def test_only_whole_models_are_listed(tmp_path: Path) -> None:
    models = tmp_path / "models"
    gguf(models / "notes.gguf", b"not a model")
    gguf(models / "empty.gguf", b"")
    gguf(models / "mmproj-model-f16.gguf")
    gguf(models / "big-00001-of-00002.gguf")
    gguf(models / "big-00002-of-00002.gguf")
    gguf(models / "readme.md")
    (models / "directory.gguf").mkdir()
    (models / "dangling.gguf").symlink_to(models / "nowhere")
    os.mkfifo(models / "pipe.gguf")

    assert [file.name for file in find_gguf_files(tmp_path)] == ["big-00001-of-00002"]


def test_linked_directories_and_deep_trees_are_not_entered(tmp_path: Path) -> None:
    gguf(tmp_path / "huge/model.gguf")
    (tmp_path / "models").mkdir()
    (tmp_path / "models/link").symlink_to(tmp_path / "huge")
    (tmp_path / "models/loop").symlink_to(tmp_path / "models")
    gguf(tmp_path.joinpath("models", *"d" * (DEEPEST + 1), "too-deep.gguf"))
    gguf(tmp_path.joinpath("models", *"d" * DEEPEST, "deep.gguf"))

    assert [file.name for file in find_gguf_files(tmp_path)] == ["deep"]


def test_search_is_bounded(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 5):
        gguf(tmp_path / f"models/{number}.gguf")

    assert len(find_gguf_files(tmp_path)) == MOST_FILES


def test_nothing_there_is_nothing_found(tmp_path: Path) -> None:
    assert find_gguf_files(tmp_path / "nobody", ollama_models=tmp_path / "nothing") == []


# ---- one file ------------------------------------------------------------------------------------------------------


def test_trained_context_is_read_past_other_keys(tmp_path: Path) -> None:
    path = gguf(
        tmp_path / "model.gguf",
        header(
            ("general.architecture", 8, text("llama")),
            ("general.tags", 9, struct.pack("<IQ", 8, 2) + text("one") + text("two")),
            ("general.numbers", 9, struct.pack("<IQ", 4, 3) + bytes(12)),
            ("general.flag", 7, b"\1"),
            ("llama.context_length", 4, struct.pack("<I", 131072)),
        ),
    )

    assert trained_context(path) == 131072


def test_model_that_does_not_tell_its_context_is_fine(tmp_path: Path) -> None:
    path = gguf(tmp_path / "model.gguf", header(("general.architecture", 8, text("llama"))))

    assert trained_context(path) is None


HOSTILE = {
    "not GGUF": (b"PK\3\4" * 10, "is not a GGUF file"),
    "empty": (b"", "is not a GGUF file"),
    "big-endian": (b"GGUF\0\0\0\3" + bytes(16), "of a kind"),
    "cut off in the numbers": (b"GGUF\3\0\0\0\0", "is cut off"),
    "cut off in a key": (header(("general.name", 8, b"")), "is cut off"),
    "key of 2^63 bytes": (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 63), "is damaged"),
    "string of 2^64 bytes": (header(("a", 8, b"\xff" * 8)), "is cut off"),
    "array of 2^64 numbers": (header(("a", 9, struct.pack("<I", 4) + b"\xff" * 8)), "is cut off"),
    "array of arrays": (header(("a", 9, struct.pack("<IQ", 9, 1))), "is damaged"),
    "unknown kind": (header(("a", 99, b"")), "is damaged"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_bad_file_is_told_in_one_sentence(kind: str, tmp_path: Path) -> None:
    content, says = HOSTILE[kind]
    path = gguf(tmp_path / "model.gguf", content)

    with pytest.raises(EngineFailed, match=says):
        trained_context(path)


def test_file_that_cannot_be_opened_is_told_in_one_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for path, says in [(tmp_path / "nowhere", "no file"), (tmp_path, "directory"), (tmp_path / "pipe", "not a file")]:
        with pytest.raises(EngineFailed, match=says):
            trained_context(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = gguf(tmp_path / "model.gguf")
    path.chmod(0)

    with pytest.raises(EngineFailed, match="may not be read"):
        trained_context(path)
