"""A vault's file as whoever has its key and no SQLCipher reads it: every page, those that are free too."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from storage.vault_key import VaultKey

_PAGE, _SALT, _VECTOR, _MAC = 4096, 16, 16, 64
"""Sizes in bytes; each page ends in the vector of its cipher and its HMAC."""


def pages_in_clear(path: Path, key: VaultKey) -> bytes:
    """What the file holds now; what still waits in its -wal is not in it."""
    content = path.read_bytes()
    return b"".join(_page(content[at : at + _PAGE], key, first=at == 0) for at in range(0, len(content), _PAGE))


def _page(page: bytes, key: VaultKey, *, first: bool) -> bytes:
    end = _PAGE - _VECTOR - _MAC
    decryptor = Cipher(algorithms.AES(key.reveal()), modes.CBC(page[end : end + _VECTOR])).decryptor()
    return decryptor.update(page[_SALT if first else 0 : end]) + decryptor.finalize()
