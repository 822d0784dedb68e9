"""The ids of a scenario by the numbers that they have in its recording."""

from __future__ import annotations

import re
from typing import Any

from .compare import aligned

#: The events that bring an id into being.
_NAMING = ("sessionCreated", "sessionIdChanged")


class Ids:
    """The ids of a scenario by the numbers that they have in the recording."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._new = 0

    def note(self, recorded: list[dict[str, Any]], observed: list[dict[str, Any]]) -> None:
        """Number the ids that came into being in a request.

        What was observed has the number of what was recorded in its place; an id that was not recorded has a name of
        its own, and for one that was not observed stands one that no session has.
        """
        for then, now in aligned(*([one for one in some if one["event"] in _NAMING] for some in (recorded, observed))):
            if then is not None and then["session"] not in self._ids:
                fresh = now is not None and now["session"] not in self._ids.values()
                number = then["session"].strip("{ID}")
                self._ids[then["session"]] = now["session"] if fresh else f"{number:F>32}"
            if now is not None and now["session"] not in self._ids.values():
                self._new += 1
                self._ids[f"{{NEW{self._new}}}"] = now["session"]

    def put_in(self, text: str) -> str:
        """Return *text*, which is about to be sent, with real ids in it."""

        def real(match: re.Match[str]) -> str:
            session_id = self._ids.get(f"{{ID{match[1]}}}", f"unseen-ID{match[1]}")
            return session_id.lower() if match[2] and not session_id.startswith("unseen") else session_id

        return re.sub(r"\{ID([0-9]+)(:lower)?\}", real, text)

    def put_in_all(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.put_in(value)
        if isinstance(value, dict):
            return {key: self.put_in_all(one) for key, one in value.items()}
        return [self.put_in_all(one) for one in value] if isinstance(value, list) else value

    def take_out(self, value: Any) -> Any:
        """Return *value*, which was observed, with numbers in place of ids."""
        if isinstance(value, str):
            for name, session_id in self._ids.items():
                value = value.replace(session_id, name).replace(session_id.lower(), f"{name[:-1]}:lower}}")
            return value
        if isinstance(value, dict):
            return {self.take_out(key): self.take_out(one) for key, one in value.items()}
        return [self.take_out(one) for one in value] if isinstance(value, list) else value
