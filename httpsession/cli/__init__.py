"""The command ``httpsession``, which looks after the sessions in a store. It needs click: ``httpsession[cli]``."""

from __future__ import annotations

import sys
from io import TextIOWrapper


def main() -> None:
    """Run the command with the arguments of the process, and end the process."""
    try:
        from .commands import commands
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit("The command httpsession needs click: install httpsession[cli].")
    for stream in (sys.stdout, sys.stderr):
        # What a user or an attribute is called must not fail only because a terminal has no such letters.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    commands(prog_name="httpsession")
