"""The members of the demo, and the check of their passwords."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

from werkzeug.exceptions import TooManyRequests
from werkzeug.security import check_password_hash, generate_password_hash


@dataclass(frozen=True)
class Member:
    """A member, who can log in."""

    name: str
    full_name: str


class Throttle:
    """A limit on failed logins: after too many, a name is refused for a while, whatever the password.

    Unknown names are counted like any other, so that the response does not reveal which names exist. Names share a
    fixed number of slots, so that invented names fill no memory. Each worker process counts for itself.
    """

    def __init__(self, failures: int = 10, seconds: int = 60, slots: int = 1024) -> None:
        self._seconds = seconds
        self._slots: list[deque[float]] = [deque(maxlen=failures) for _ in range(slots)]

    def check(self, name: str) -> None:
        """Raise :class:`TooManyRequests`, status 429, if *name* has to wait."""
        failures = self._slot(name)
        if len(failures) == failures.maxlen and failures[0] > time.time() - self._seconds:
            raise TooManyRequests("Too many failed logins. Try again in a minute.", retry_after=self._seconds)

    def note_failure(self, name: str) -> None:
        """Count a failed login of *name*."""
        self._slot(name).append(time.time())

    def _slot(self, name: str) -> deque[float]:
        return self._slots[hash(name) % len(self._slots)]


MEMBERS = {
    member.name: member
    for member in (Member("mina", "Mina Park"), Member("otto", "Otto Brandt"), Member("zoe", "Zoë O'Hara & Sons"))
}
#: Shown on the login page. Only a demo knows passwords; a real application keeps the hashes alone.
PASSWORDS = {"mina": "green-kettle", "otto": "paper-boat", "zoe": "seven-lanterns"}

_HASHES = {name: generate_password_hash(password) for name, password in PASSWORDS.items()}
_DUMMY_HASH = generate_password_hash("no password of any member")
_throttle = Throttle()


def find(name: str | None) -> Member | None:
    """Return the member of this name."""
    return None if name is None else MEMBERS.get(name)


def authenticate(name: str, password: str) -> Member | None:
    """Return the member with this name and password, or None.

    None does not tell which of the two is wrong. An unknown name takes as long to check as a wrong password.
    """
    _throttle.check(name)
    if check_password_hash(_HASHES.get(name, _DUMMY_HASH), password) and name in MEMBERS:
        return MEMBERS[name]
    _throttle.note_failure(name)
    return None
