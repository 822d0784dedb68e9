"""The bounds of attributes that are encoded: the length of names, and the size and number of all of a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from ..attributes import Attributes
from ..codec.refusals import cannot_store
from ..errors import CodecError

#: Encodes a value of this name, which has had this encoding.
Encode = Callable[[object, str, bytes], bytes]

#: The bytes of the longest name, in UTF-8.
MAX_NAME: Final = 1024


class Bounds(Protocol):
    """The settings that bound the attributes of a session: part of a :class:`.SessionConfig`."""

    @property
    def max_session_bytes(self) -> int: ...
    @property
    def max_attributes(self) -> int: ...


class Sizes:
    """The sizes of the encodings of a session's attributes, as one request sees them.

    Attributes that other requests set meanwhile are not among them, so together they may exceed a bound. A session that
    exceeds one can still be read, and made smaller.

    Args:
        bounds: the settings.
        encode: encodes a value to measure it.
    """

    def __init__(self, bounds: Bounds, encode: Encode | None) -> None:
        self._bounds: Bounds = bounds
        self._encode: Encode | None = encode
        #: The sizes by name, among them those of attributes that were removed since they were counted.
        self._sizes: dict[str, int] | None = None
        self._total: int = 0

    def grow(self, attributes: Attributes, name: str, size: int) -> None:
        """Note the size of an attribute that is new or takes more bytes than before.

        The *attributes* are counted at the first call, and again before a refusal: some may have been removed.

        Raises:
            CodecError: a bound would be exceeded; the message names the attribute, the size, the bound and the setting.
        """
        sizes = self._count(attributes) if self._sizes is None else self._sizes
        if self._refusal(sizes, name, size) is not None:
            sizes = self._count(attributes)
            refusal = self._refusal(sizes, name, size)
            if refusal is not None:
                raise refusal
        self._total += size - sizes.get(name, 0)
        sizes[name] = size

    def _count(self, attributes: Attributes) -> dict[str, int]:
        """Count the sizes of all attributes that there are now."""
        self._sizes = attributes.sizes(self._sizes or {}, self._measure)
        self._total = sum(self._sizes.values())
        return self._sizes

    def _measure(self, name: str, value: object) -> int:
        """Return the size of a live value; 0 if it has changed inside and cannot be encoded any more."""
        try:
            return 0 if self._encode is None else len(self._encode(value, name, b""))
        except CodecError:
            return 0

    def _refusal(self, sizes: dict[str, int], name: str, size: int) -> CodecError | None:
        """Return why an attribute of this size is refused; None if it is not."""
        bounds, former = self._bounds, sizes.get(name)
        if former is None:
            length = len(name.encode())
            if length > MAX_NAME:
                why = f"its name takes {length} bytes in UTF-8, of at most {MAX_NAME}"
                return cannot_store(name, why, "choose a shorter name, and store the rest as part of the value")
            if len(sizes) >= bounds.max_attributes:
                why = f"it would be attribute number {len(sizes) + 1}, but max_attributes is {bounds.max_attributes}"
                return cannot_store(name, why, "store a dict of several values as one attribute")
        total = self._total + size - (former or 0)
        if total > bounds.max_session_bytes and size > (former or 0):
            why = f"it takes {size} bytes, all attributes {total}, but max_session_bytes is {bounds.max_session_bytes}"
            return cannot_store(name, why, "remove other attributes, or keep it elsewhere and store what finds it")
        return None
