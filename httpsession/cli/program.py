"""The program around the commands: output that cannot be written, and mistakes whose messages would show a secret."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import click

from ..errors import may_reveal


class Program(click.Group):
    """The group of the commands."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the options before the command; this prints the help and the version."""
        with _reporting():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _reporting():
            return super().invoke(ctx)


@contextmanager
def _reporting() -> Iterator[None]:
    """Report in one line that the output cannot be written; keep URLs, which may have passwords, out of messages.

    Stores raise no OSError, and files that are read raise none that is not reported, so it comes from the output.
    """
    try:
        yield
    except OSError as error:
        discard(sys.stdout)
        reason = error.strerror or type(error).__name__
        raise click.ClickException(f"the output could not be written to its end: {reason}") from None
    except click.UsageError as error:
        if may_reveal(error.message):
            what = "There is a URL where none is expected. Name the store by --store URL."
            raise click.UsageError(what, error.ctx) from None
        raise


def discard(stream: TextIO) -> None:
    """Discard what is still in a stream and what is written later, so that the end of the process reports no error."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
