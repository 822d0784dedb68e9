"""The demo on a server of the tests' own."""

from __future__ import annotations

import os
from pathlib import Path

from demo.members import SWITCH
from tests.support.gunicorn import Gunicorn

DEMO = ("demo.app:application", "--config", "python:demo.server")


def environment(folder: Path, store: str | None) -> dict[str, str]:
    """Return the variables with which the demo keeps its sessions in *store*, or else in a file in *folder*."""
    given = {name: value for name, value in os.environ.items() if name not in ("DEMO_STORE", SWITCH)}
    return given | {"DEMO_FOLDER": str(folder)} | ({} if store is None else {"DEMO_STORE": store})


def serving(folder: Path, store: str | None = None) -> Gunicorn:
    """Return the server that ``demo/run`` starts."""
    return Gunicorn(folder, *DEMO, environment=environment(folder, store))
