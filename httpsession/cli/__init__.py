"""The command ``httpsession``, which looks after the sessions in a store. It needs click: ``httpsession[cli]``."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING

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
    for stream in (sys.stdout, sys.stderr):
        # The names of users and attributes may have letters that the terminal does not have.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    command(prog_name="httpsession")


def group() -> Group:
    """Return the command with its subcommands. Only this imports click.

    Raises:
        ModuleNotFoundError: click is not installed.
    """
    import click

    from .check import check
    from .copy import copy
    from .end import end
    from .list import list_sessions
    from .show import show
    from .stats import stats
    from .sweep import sweep

    @click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
    @click.version_option(package_name="httpsession", message="%(package)s %(version)s")
    def httpsession() -> None:
        """Look after the sessions in a store of httpsession.

        The option --store or the environment variable HTTPSESSION_STORE names the store. The variable keeps a password
        out of the list of processes; env:NAME stands for the URL in the variable NAME. A session is named by its
        handle, which is no secret: it is not the id that the client has, and opens nothing.
        """

    for command in (check, copy, end, list_sessions, show, stats, sweep):
        httpsession.add_command(command)
    return httpsession
