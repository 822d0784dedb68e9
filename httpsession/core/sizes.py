"""The bounds of attributes that are encoded: the length of names, and the size and number of all of a session."""

from __future__ import annotations

from typing import Final

from ..attributes import Attributes
from ..codec import Codec
from ..codec.refusals import cannot_store
from ..config.session import SessionConfig
from ..errors import CodecError

#: The bytes of the longest name, in UTF-8.
MAX_NAME: Final = 1024


class Sizes:
    """The sizes of the encodings of a session's attributes, as one request sees them.

    Attributes that other requests set meanwhile are not among them, so together they may exceed a bound. A session that
    exceeds one can still be read, and made smaller.
    """

    def __init__(self, config: SessionConfig, codec: Codec) -> None:
        self._config: SessionConfig = config
        self._codec: Codec = codec
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
            return len(self._codec.encode(value, name))
        except CodecError:
            return 0

    def _refusal(self, sizes: dict[str, int], name: str, size: int) -> CodecError | None:
        """Return why an attribute of this size is refused; None if it is not."""
        config, former = self._config, sizes.get(name)
        if former is None:
            length = len(name.encode())
            if length > MAX_NAME:
                why = f"its name takes {length} bytes in UTF-8, of at most {MAX_NAME}"
                return cannot_store(name, why, "choose a shorter name, and store the rest as part of the value")
            if len(sizes) >= config.max_attributes:
                why = f"it would be attribute number {len(sizes) + 1}, but max_attributes is {config.max_attributes}"
                return cannot_store(name, why, "store a dict of several values as one attribute")
        total = self._total + size - (former or 0)
        if total > config.max_session_bytes and size > (former or 0):
            why = f"it takes {size} bytes, all attributes {total}, but max_session_bytes is {config.max_session_bytes}"
            return cannot_store(name, why, "remove other attributes, or keep it elsewhere and store what finds it")
        return None
