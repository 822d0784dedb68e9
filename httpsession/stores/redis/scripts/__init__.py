"""The scripts that run in the server. Each is atomic there, since Redis runs one command at a time.

All are for one shard. Times come as arguments; the clock of the server only measures how long marks and expired
sessions stay. A script looks at all that it will change before it changes anything: Redis undoes nothing if a script
fails.

- ``create`` adds a session, ``save`` changes or moves it, ``touch`` records accesses;
- ``remove`` removes a session by its key or a former key, ``claim`` only one that is due, ``expire`` all that are due,
  ``evict`` a newcomer; each returns what it removed, so to one caller;
- ``sessions_of`` lists the sessions of a user, ``logout`` notes when all of them have ended, and ``enter`` gives one of
  them a place in the register of its user.
"""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files
from typing import Final

from ....record import MAX_VALUE
from ...base import FOLLOW, SLACK
from ..replies import Form, is_flag, is_none, is_removed, is_scores, is_sessions, is_swept, is_touched

#: Seconds for which Redis keeps a session that has expired, if no sweep removes it.
RETENTION: Final = 86400
#: Seconds until a session expires from which on Redis never removes it by itself.
_FOREVER: Final = 1e10

#: The longest chain of former keys that is followed.
HOPS: Final = 100

_CONSTANTS: Final = (
    f"local SLACK, FOLLOW, RETENTION, FOREVER = {SLACK!r}, {FOLLOW!r}, {RETENTION!r}, {_FOREVER!r}\n"
    f"local HOPS, MAX_VALUE = {HOPS!r}, {MAX_VALUE!r}\n"
)


class Script:
    """A script: its text, and the digest by which the server knows it.

    The text begins with the constants of this package and with ``common.lua``. So the scripts and the stores count
    alike, and two releases with other constants use scripts with other digests.
    """

    def __init__(self, name: str, form: Form) -> None:
        folder = files(__package__)
        text = "".join(folder.joinpath(f"{part}.lua").read_text("utf-8") for part in ("common", name))
        self.text: bytes = (_CONSTANTS + text).encode()
        #: The form of what it returns.
        self.form: Form = form
        self.digest: bytes = sha1(self.text, usedforsecurity=False).hexdigest().encode()


CREATE = Script("create", is_flag)
SAVE = Script("save", is_flag)
REMOVE = Script("remove", is_removed)
CLAIM = Script("claim", is_removed)
EXPIRE = Script("expire", is_swept)
EVICT = Script("evict", is_removed)
TOUCH = Script("touch", is_touched)
LOGOUT = Script("logout", is_none)
SESSIONS_OF = Script("sessions_of", is_sessions)
ENTER = Script("enter", is_scores)
