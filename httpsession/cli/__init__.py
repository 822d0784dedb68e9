"""The command ``httpsession``, which looks after the sessions in a store. It needs click: ``httpsession[cli]``."""

from __future__ import annotations

import os
import signal
import sys
from io import TextIOWrapper
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from click import Group


def main() -> None:
    """Run the command with the arguments of the process, and end the process."""
    try:
        command = group()
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit("The command httpsession needs click: install httpsession[cli].")
    _prepare_streams()
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            # An exception closes the store, so that SQLite removes its files.
            signal.signal(number, _end)
    from .program import discard

    if sys.stdout is None:
        sys.exit("Error: there is no standard output.")
    try:
        command(prog_name="httpsession")
    except OSError:  # the message itself could not be written
        discard(sys.stdout)
        discard(sys.stderr)
        sys.exit(1)


def _prepare_streams() -> None:
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115 - it is open as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - likewise
    for stream in (sys.stdout, sys.stderr):
        # The names of users and attributes may have letters that the terminal does not have.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _end(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def group() -> Group:
    """Return the command with its subcommands. Only this imports click.

    Raises:
        ModuleNotFoundError: click is not installed.
    """
    import click

    from .check import check
    from .copy import copy
    from .end import end
    from .handle import handle
    from .list import list_sessions
    from .program import Program
    from .show import show
    from .stats import stats
    from .store_option import store_for_all
    from .sweep import sweep

    settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

    @click.group(cls=Program, context_settings=settings)
    @store_for_all
    @click.version_option(package_name="httpsession", message="%(package)s %(version)s")
    def httpsession() -> None:
        """Look after the sessions in a store of httpsession.

        The option --store, before or after the command, or the environment variable HTTPSESSION_STORE names the store.
        The variable hides a password from other users of the machine; env:NAME stands for the URL in the variable NAME.
        A session is named by its handle, which is no secret: it is not the id that the client has, and opens nothing.
        """

    for command in (check, copy, end, handle, list_sessions, show, stats, sweep):
        httpsession.add_command(command)
    return httpsession
