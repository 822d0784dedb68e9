"""The cookies of a client."""

from __future__ import annotations

import re
from typing import Any


class Jar:
    """The cookies of a client. It keeps what the recorded client was given, so that one difference stays one."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str], str] = {}

    def store(self, set_cookies: list[dict[str, Any]]) -> None:
        for cookie in set_cookies:
            place = cookie["attributes"].get("Path", "/"), cookie["name"]
            if cookie["attributes"].get("Max-Age") == "0":
                self._cookies.pop(place, None)
            else:
                self._cookies[place] = cookie["value"]

    def header(self, target: str) -> list[str]:
        path = re.split("[;?]", target)[0]
        fitting = [
            (where, name)
            for where, name in self._cookies
            if path == where or path.startswith(where if where.endswith("/") else f"{where}/")
        ]
        fitting.sort(key=lambda place: -len(place[0]))
        pairs = [f"{place[1]}={self._cookies[place]}" for place in fitting]
        return ["; ".join(pairs)] if pairs else []
