"""The members of the demo, and the check of their passwords."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.security import check_password_hash
from werkzeug.wrappers import Request

from .throttle import Throttle

#: The variable that opens the accounts. ``demo/server.py`` sets it, and serves this machine alone.
SWITCH = "DEMO_ACCOUNTS"


@dataclass(frozen=True)
class Member:
    """A member, who can log in."""

    name: str
    full_name: str
    #: Of Werkzeug's ``generate_password_hash(password, "scrypt:32768:8:3")``: the cost that OWASP recommends.
    password_hash: str


MEMBERS = {
    member.name: member
    for member in (
        Member(
            "mina",
            "Mina Park",
            "scrypt:32768:8:3$3Kt4bC6WxF8j2Iaa$"
            "1b111adc37e06649db8b7eef1a3205874af8abed58d6306c4bfb1fc8cebe3f07"
            "a496d647037adb98c6a7411349a6fd487307e64921344d37549d6e0a9f0097cb",
        ),
        Member(
            "otto",
            "Otto Brandt",
            "scrypt:32768:8:3$XUxIXCKixOpbFf6D$"
            "0fc2f7f8d133170a47b9252da6b391c3c8a9384d8227dadb1bb75cf906438c6a"
            "e1c9711d503f3ca0aff40a1e546b045fd73bf4373f034e8b1c5733fea5056e06",
        ),
        Member(
            "zoe",
            "Zoë O'Hara & Sons",
            "scrypt:32768:8:3$rQSFnjF9mM2TSraz$"
            "369aa65dd65c132656868fdcdb23c242861d48f9dedd99c15e2d07dcb0516204"
            "663f4b1d34ddfd70d26b9b53b86b24dde614bcee9f832920ca1eebb0217e5d57",
        ),
    )
}
#: Shown on the login page. Only a demo knows passwords; a real application keeps the hashes alone.
PASSWORDS = {"mina": "green-kettle", "otto": "paper-boat", "zoe": "seven-lanterns"}

#: The hash of no password, with the cost of the others.
_DUMMY_HASH = "scrypt:32768:8:3$nobody$"
_throttle = Throttle()


def accounts() -> Mapping[str, Member]:
    """Return the members who can log in, by name: none, unless the demo is served to this machine alone."""
    return MEMBERS if os.environ.get(SWITCH) == "open" else {}


def find(name: str | None) -> Member | None:
    """Return the member of this name."""
    return None if name is None else accounts().get(name)


def authenticate(request: Request) -> Member | None:
    """Return the member whose name and password are in the form, or None.

    None does not tell which of the two is wrong. An unknown name takes as long to check as a wrong password.

    Raises:
        TooManyRequests: there were too many failures, and the password was not checked.
    """
    name, address = request.form.get("name", ""), request.remote_addr or ""
    _throttle.begin(name, address)
    member = find(name)
    expected = _DUMMY_HASH if member is None else member.password_hash
    if not check_password_hash(expected, request.form.get("password", "")) or member is None:
        return None
    _throttle.succeed(name, address)
    return member
