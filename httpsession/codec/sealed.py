"""Encryption at rest: attribute values that only the holders of a key can read or change, and the seal of a record.

Each session has a mark, 16 random bytes in a note of its record. From a key and the mark come the key of the session's
values, AES-256-GCM with the name as associated data, and the key of the seal, HMAC-SHA-256. So a value opens under its
own name in its own session alone. The seal authenticates the mark with the parts of the record that decide whose
session it is: the store's key, the creation time, the deadline and the user. The id is not among them, but the key is
its digest: the seal is renewed with each change of the id, and the values stay as they are.

A stored value is the version, a nonce of 12 bytes, and the encrypted encoding with a tag of 16 bytes. A stored note is
the version, the mark, and a seal of 32 bytes. What an earlier state of the same session was cannot be told from what it
is: a store that returns an old record with its old values is not detected, nor one that leaves out an attribute.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from hmac import compare_digest, digest
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..record import SessionRecord
from .codec import SEALED, Codec
from .refusals import cannot_read

#: The bytes by which an encrypted value is longer than its encoding.
OVERHEAD: Final = 29

_PREFIX: Final = bytes([SEALED])
_NONCE: Final = 12
_MARK: Final = 16
_SEAL: Final = 32


class Sealing:
    """The keys of an application, with which it opens and begins sessions.

    Args:
        keys: the keys, 32 bytes each. The first encrypts and seals, and all decrypt and verify.
        codec: encodes the values that are encrypted.
    """

    def __init__(self, keys: Iterable[bytes], codec: Codec) -> None:
        self._keys: tuple[bytes, ...] = tuple(keys)
        self._codec: Codec = codec

    def begin(self) -> SealedCodec:
        """Return the codec of a new session."""
        return SealedCodec(self._codec, self._keys, os.urandom(_MARK))

    def open(self, note: bytes, record: SessionRecord, attributes: Mapping[str, bytes]) -> SealedCodec | None:
        """Return the codec of a stored session; None if record or attributes are not as this application stored them.

        Args:
            note: what :meth:`SealedCodec.seal` returned for the record.
            record: the record.
            attributes: the encrypted values by name.
        """
        if len(note) != 1 + _MARK + _SEAL or note[0] != SEALED:
            return None
        mark, seal = note[1 : 1 + _MARK], note[1 + _MARK :]
        if not any(compare_digest(seal, _seal(key, mark, record)) for key in self._keys):
            return None
        codec = SealedCodec(self._codec, self._keys, mark)
        try:
            codec.verify(attributes)
        except InvalidTag:
            return None
        return codec

    def measure(self, value: object, name: str, former: bytes) -> bytes:
        """Return the encoding of a value that may be set, as long as it gets by being encrypted.

        Raises:
            CodecError: the value cannot be stored.
        """
        return self._codec.encode(value, name, former) + bytes(OVERHEAD)


class SealedCodec:
    """A codec whose encodings are encrypted for one session."""

    def __init__(self, codec: Codec, keys: tuple[bytes, ...], mark: bytes) -> None:
        self._codec: Codec = codec
        self._keys: tuple[bytes, ...] = keys
        #: For each name the latest value that was encrypted or decrypted, in both forms.
        self._known: dict[str | None, tuple[bytes, bytes]] = {}
        self._begin(mark)

    def _begin(self, mark: bytes) -> None:
        self._mark: bytes = mark
        self._ciphers: list[AESGCM] = [AESGCM(_derive(key, b"values", mark)) for key in self._keys]

    def seal(self, record: SessionRecord) -> bytes:
        """Return the note for a record of the session."""
        return _PREFIX + self._mark + _seal(self._keys[0], self._mark, record)

    def renew(self, attributes: Mapping[str, bytes]) -> dict[str, bytes]:
        """Begin another session with some attributes of this one, and return their encodings there."""
        encodings = {name: self._decrypt(data, name) for name, data in attributes.items()}
        self._begin(os.urandom(_MARK))
        return {name: self._encrypt(data, name) for name, data in encodings.items()}

    def verify(self, attributes: Mapping[str, bytes]) -> None:
        """Decrypt all attributes.

        Raises:
            InvalidTag: a value was not encrypted for this session and name.
        """
        for name, data in attributes.items():
            self._decrypt(data, name)

    def encode(self, value: object, name: str | None = None, former: bytes = b"") -> bytes:
        """Return the encoding of *value*, encrypted; as :meth:`.Codec.encode`."""
        return self._encrypt(self._codec.encode(value, name, self._encoding(former, name)), name)

    def decode(self, data: bytes, name: str | None = None) -> Any:
        """Return the value that was encoded and encrypted as *data*; as :meth:`.Codec.decode`."""
        try:
            encoding = self._decrypt(data, name)
        except InvalidTag:
            raise cannot_read(name, ValueError("it was not encrypted for this session and name")) from None
        return self._codec.decode(encoding, name)

    def changed(self, value: object, data: bytes, name: str | None = None) -> bytes | None:
        """Return the new encoding of *value*, encrypted; None if it has not changed; as :meth:`.Codec.changed`."""
        former = self._encoding(data, name)
        encoding = self._codec.changed(value, former, name) if former else self._codec.encode(value, name)
        return None if encoding is None else self._encrypt(encoding, name)

    def can_change(self, value: object) -> bool:
        """Return whether *value*, which was decoded, can change in place."""
        return self._codec.can_change(value)

    def _encoding(self, data: bytes, name: str | None) -> bytes:
        """Return the encoding that was encrypted as *data*; nothing if the store has replaced it by something else."""
        try:
            return self._decrypt(data, name) if data else b""
        except InvalidTag:
            return b""

    def _encrypt(self, encoding: bytes, name: str | None) -> bytes:
        nonce = os.urandom(_NONCE)
        data = _PREFIX + nonce + self._ciphers[0].encrypt(nonce, encoding, _associated(name))
        self._known[name] = data, encoding
        return data

    def _decrypt(self, data: bytes, name: str | None) -> bytes:
        known = self._known.get(name)
        if known is not None and known[0] == data:
            return known[1]
        if len(data) < OVERHEAD or data[0] != SEALED:
            raise InvalidTag
        nonce, encrypted = data[1 : 1 + _NONCE], data[1 + _NONCE :]
        for cipher in self._ciphers[:-1]:
            try:
                encoding = cipher.decrypt(nonce, encrypted, _associated(name))
                break
            except InvalidTag:  # perhaps of an older key
                continue
        else:
            encoding = self._ciphers[-1].decrypt(nonce, encrypted, _associated(name))
        self._known[name] = data, encoding
        return encoding


def _associated(name: str | None) -> bytes:
    return _PREFIX + ("" if name is None else name).encode()


def _derive(key: bytes, purpose: bytes, mark: bytes) -> bytes:
    """Return the key of a session for one purpose."""
    return digest(key, b"httpsession " + purpose + b"\0" + mark, "sha256")


def _seal(key: bytes, mark: bytes, record: SessionRecord) -> bytes:
    """Return the seal of a record: each part has a fixed length but the last, the user if there is one."""
    times = struct.pack(">dd", record.creation_time, record.deadline)
    principal = b"" if record.principal is None else b"\1" + record.principal.encode()
    return digest(_derive(key, b"seal", mark), _PREFIX + record.key + times + principal, "sha256")
