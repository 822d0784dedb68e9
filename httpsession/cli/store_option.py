"""The options that commands share, ``--store`` and ``--utc``, and opening the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import click

from ..config.texts import STORE_VARIABLE
from ..errors import ConfigError, StoreError
from ..stores import SharedStore, open_store
from .text import VALUE, escaped

#: The function of a command.
F = TypeVar("F", bound=Callable[..., None])

#: The prefix of the name of an environment variable that has the URL.
_VARIABLE: Final = "env:"


def store_option(function: F) -> F:
    """Add the option ``--store`` to the function of a command, which gets it as *url*."""
    option = click.option(
        "--store",
        "url",
        metavar="URL",
        envvar=STORE_VARIABLE,
        show_envvar=True,
        required=True,
        help="The store, such as redis://cache.example or sqlite:////var/lib/shop/sessions.db.",
    )
    return option(function)


def utc_option(function: F) -> F:
    """Add the option ``--utc`` to the function of a command."""
    return click.option("--utc", is_flag=True, help="Times in UTC, not in the time zone of this machine.")(function)


@contextmanager
def opened(url: str) -> Iterator[SharedStore]:
    """Open the shared store that a URL names, and close it in the end.

    Raises:
        ClickException: the URL names no shared store, or the store fails; the message has no password in it.
    """
    try:
        store = _open(url)
        try:
            yield store
        finally:
            store.close()
    except (ConfigError, StoreError) as error:
        raise click.ClickException(escaped(str(error), 2 * VALUE)) from error


def _open(url: str) -> SharedStore:
    """Open the shared store that a URL names, or the URL in the variable of ``env:NAME``."""
    if url.startswith(_VARIABLE):
        name = url.removeprefix(_VARIABLE)
        url = os.environ.get(name, "")
        if not url:
            raise ConfigError(f"the environment variable {name}, which names the store, is empty")
    try:
        store = open_store(url)
    except (ConfigError, StoreError):
        raise
    except ValueError:
        # The message of the error may have a password in it.
        raise ConfigError("the URL of the store is malformed") from None
    if not store.is_shared:
        store.close()
        scheme = url.partition("://")[0]
        raise ConfigError(f"{scheme}:// keeps sessions in the memory of one process, where no other process sees them")
    return store
