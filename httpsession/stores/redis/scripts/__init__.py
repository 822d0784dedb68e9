"""The scripts that run in the server, each of which is atomic there."""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files
from typing import Final

from ...base import FOLLOW, MAX_VALUE, SLACK

#: Seconds for which Redis keeps a session that is over and that nobody has swept.
KEPT: Final = 86400
#: What is over later than that, in seconds, is never removed by Redis itself.
_FOREVER: Final = 1e10

#: How many former keys of a session are gone through.
HOPS: Final = 100

_CONSTANTS: Final = (
    f"local SLACK, FOLLOW, KEPT, FOREVER = {SLACK!r}, {FOLLOW!r}, {KEPT!r}, {_FOREVER!r}\n"
    f"local HOPS, MAX_VALUE = {HOPS!r}, {MAX_VALUE!r}\n"
)


class Script:
    """A script: its text, and the digest by which the server knows it."""

    def __init__(self, name: str) -> None:
        folder = files(__package__)
        text = "".join(folder.joinpath(f"{part}.lua").read_text("utf-8") for part in ("common", name))
        self.text = (_CONSTANTS + text).encode()
        self.digest = sha1(self.text, usedforsecurity=False).hexdigest().encode()


CREATE = Script("create")
SAVE = Script("save")
REMOVE = Script("remove")
CLAIM = Script("claim")
EXPIRE = Script("expire")
ABANDONED = Script("evict")
TOUCH = Script("touch")
OF = Script("sessions_of")
