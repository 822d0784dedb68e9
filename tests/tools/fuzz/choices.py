"""The choices that an input makes, so that any bytes are an input and each input can be played again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """The values that are read from the bytes of an input, one after the other; zeros follow its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, bound: int) -> int:
        """Return a number from 0 to *bound* - 1, of one byte if that is enough."""
        size = 1 if bound <= 256 else 4
        at = self._at
        self._at = at + size
        return int.from_bytes(self._data[at : at + size], "big") % bound

    def flag(self) -> bool:
        """Return True or False."""
        return self.below(2) == 1

    def is_one_in(self, number: int) -> bool:
        """Return True for one of *number* inputs. An input that has ended makes it False."""
        return self.below(number) == number - 1

    def pick(self, values: Sequence[T]) -> T:
        """Return one of *values*."""
        return values[self.below(len(values))]

    def picks(self, values: Sequence[T], most: int) -> list[T]:
        """Return up to *most* of *values*, in any order and repeated."""
        return [values[self.below(len(values))] for _ in range(self.below(most + 1))]

    def octets(self, most: int) -> bytes:
        """Return up to *most* bytes of the input as they are."""
        size = self.below(most + 1)
        at = self._at
        self._at = at + size
        return self._data[at : at + size]

    def joined(self, pieces: Sequence[str], most: int) -> str:
        """Return a text of up to *most* of *pieces*."""
        return "".join(self.picks(pieces, most))

    def mutated(self, data: bytes, times: int = 4) -> bytes:
        """Return *data* with some bytes changed, removed, put in, doubled or exchanged."""
        made = bytearray(data)
        for _ in range(1 + self.below(times)):
            at = self.below(len(made) + 1)
            end = min(at + 1 + self.below(16), len(made))
            match self.below(6):
                case 0:
                    made[at:end] = bytes(byte ^ 1 << self.below(8) for byte in made[at:end])
                case 1:
                    del made[at:end]
                case 2:
                    made[at:at] = self.octets(16)
                case 3:
                    made[at:at] = made[at:end]
                case 4:
                    del made[at:]
                case _:
                    made[at : at + 1] = bytes([self.pick((0, 1, 0x7F, 0x80, 0x90, 0x91, 0xC1, 0xD9, 0xDD, 0xFF))])
        return bytes(made)
