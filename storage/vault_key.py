"""The key of a vault, and its two written forms: a passphrase, and the recovery key that is printed on paper.

A vault is an SQLCipher file (https://www.zetetic.net/sqlcipher/design/). Its first 16 bytes, the salt, are the only
ones in clear; they are random, so they also name the vault wherever its file is moved or copied to: its key is filed
under them. The salt of a vault that is opened with a passphrase begins with `_PASSPHRASE_MARK`, so that the program
knows what to ask for without a file beside it that could be lost.

A key shows itself only when asked to, and is never pickled. The recovery key is RFC 4648 base 32 of the key and three
bytes of its SHA-256, which find a slip of the pen; it needs no salt, the file has it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import unicodedata
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from storage.errors import StoreError

KEY_BYTES = 32
SALT_BYTES = 16
_PASSPHRASE_MARK = b"DUOP"
_KDF_ROUNDS = 256_000  # SQLCipher 4's own, so that its shell opens the vault with the bare passphrase
_CHECK_BYTES = 3
_GROUP = 4
SHORTEST_PASSPHRASE = 12
"""Characters. Whoever has the file can try about 10,000 passphrases a second on one graphics card."""
_READ_AS = str.maketrans("0189", "OIBG")
"""Digits that base 32 has not, as the letters that they were."""


class NotAVaultKey(StoreError):
    """What was given cannot be a key; one sentence says why."""


class OpenedWith(StrEnum):
    """What a vault's file is opened with."""

    NOTHING_YET = "nothing yet"
    """There is no vault."""
    KEYRING = "keyring"
    PASSPHRASE = "passphrase"  # noqa: S105 - a word, not one


class VaultKey:
    """256 bits and the salt of the one file that they open."""

    __slots__ = ("_key", "_salt")

    def __init__(self, key: bytes, salt: bytes) -> None:
        """Raises `NotAVaultKey` for another length."""
        if len(key) != KEY_BYTES or len(salt) != SALT_BYTES:
            raise NotAVaultKey("That is not a key of a vault. Use the recovery key that you printed.")
        self._key = key
        self._salt = salt

    @classmethod
    def new(cls) -> VaultKey:
        """A random key for a vault that is to be made."""
        salt = secrets.token_bytes(SALT_BYTES)
        while salt.startswith(_PASSPHRASE_MARK):
            salt = secrets.token_bytes(SALT_BYTES)
        return cls(secrets.token_bytes(KEY_BYTES), salt)

    @classmethod
    def from_new_passphrase(cls, passphrase: str) -> VaultKey:
        """The key of a vault that is to be made and opened with a passphrase. Takes 0.3 s. Raises `NotAVaultKey`."""
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise NotAVaultKey(f"Write at least {SHORTEST_PASSPHRASE} characters: four or five words are good.")
        return cls.from_passphrase(
            passphrase, _PASSPHRASE_MARK + secrets.token_bytes(SALT_BYTES - len(_PASSPHRASE_MARK))
        )

    @classmethod
    def from_passphrase(cls, passphrase: str, salt: bytes) -> VaultKey:
        """The key that SQLCipher itself makes of a passphrase: PBKDF2-HMAC-SHA512, 256,000 rounds. Takes 0.3 s.

        Once per start, not once per connection. Raises `NotAVaultKey`.
        """
        # NFC: two keyboards may write the same accent in two ways.
        words = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
        return cls(hashlib.pbkdf2_hmac("sha512", words, salt, _KDF_ROUNDS, KEY_BYTES), salt)

    @classmethod
    def from_recovery_text(cls, text: str, salt: bytes) -> VaultKey:
        """The key that `recovery_text` wrote, in either case, with or without its hyphens. Raises `NotAVaultKey`."""
        letters = "".join(character for character in text.upper() if character.isalnum()).translate(_READ_AS)
        try:
            found = base64.b32decode(letters, casefold=False)
        except (binascii.Error, ValueError):
            found = b""
        key, check = found[:KEY_BYTES], found[KEY_BYTES:]
        if len(found) != KEY_BYTES + _CHECK_BYTES:
            raise NotAVaultKey("A recovery key has 14 groups of 4 letters and digits. Write all of them, in order.")
        if not hmac.compare_digest(check, _check(key)):
            raise NotAVaultKey("There is a slip in the recovery key: its check does not fit. Compare it once more.")
        return cls(key, salt)

    @property
    def name(self) -> str:
        """What the vault is called in a keyring; no secret."""
        return self._salt.hex()

    @property
    def opened_with(self) -> OpenedWith:
        """Whether this key came of a passphrase."""
        return opened_with(self._salt)

    def reveal(self) -> bytes:
        """The key itself. Not for logs, messages or anything that is kept in clear."""
        return self._key

    def for_sqlcipher(self) -> str:
        """Key and salt as SQLCipher takes them raw."""
        return f"x'{self._key.hex()}{self._salt.hex()}'"

    def recovery_text(self) -> str:
        """14 groups of 4, to be written on paper and kept away from this machine."""
        letters = base64.b32encode(self._key + _check(self._key)).decode("ascii")
        return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))

    def __repr__(self) -> str:
        return "VaultKey(hidden)"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, VaultKey)
            and hmac.compare_digest(self._key, other._key)
            and hmac.compare_digest(self._salt, other._salt)
        )

    def __hash__(self) -> int:
        return hash((self._key, self._salt))

    def __reduce__(self) -> NoReturn:
        raise TypeError("A vault's key is not written down.")


def salt_of(path: Path) -> bytes | None:
    """The salt of the vault at `path`; None where there is no vault, or one that never got its first page.

    Trap: call it before this process has the vault open. Closing any descriptor of a file frees all locks that the
    process holds on it. Raises OSError.
    """
    try:
        with path.open("rb", buffering=0) as file:
            salt = file.read(SALT_BYTES)
    except FileNotFoundError:
        return None
    return salt if len(salt) == SALT_BYTES else None


def opened_with(salt: bytes | None) -> OpenedWith:
    """What the vault with this salt is opened with."""
    if salt is None:
        return OpenedWith.NOTHING_YET
    return OpenedWith.PASSPHRASE if salt.startswith(_PASSPHRASE_MARK) else OpenedWith.KEYRING


def _check(key: bytes) -> bytes:
    return hashlib.sha256(b"duologue vault" + key).digest()[:_CHECK_BYTES]
