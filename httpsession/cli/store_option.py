"""Opening the store that a command is about, and saying in words what goes wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from ..config.texts import STORE_VARIABLE
from ..errors import ConfigError, StoreError
from ..stores import SessionStore, open_store
from .text import VALUE, escaped

#: Stands before the name of the environment variable that has the URL.
_VARIABLE: Final = "env:"

store_option = click.option(
    "--store",
    "url",
    metavar="URL",
    envvar=STORE_VARIABLE,
    show_envvar=True,
    required=True,
    help="The store, such as redis://cache.example or sqlite:////var/lib/shop/sessions.db.",
)


@contextmanager
def opened(url: str) -> Iterator[SessionStore]:
    """Open the shared store that a URL names, for as long as it is used.

    Raises:
        ClickException: there is none, or it fails meanwhile; it says why, without a password.
    """
    try:
        store = _open(url)
        try:
            yield store
        finally:
            store.close()
    except (ConfigError, StoreError) as error:
        raise click.ClickException(escaped(str(error), 2 * VALUE)) from error


def _open(url: str) -> SessionStore:
    if url.startswith(_VARIABLE):
        name = url.removeprefix(_VARIABLE)
        url = os.environ.get(name, "")
        if not url:
            raise ConfigError(f"the environment variable {name}, which is to have the URL of the store, is empty")
    try:
        store = open_store(url)
    except (ConfigError, StoreError):
        raise
    except ValueError:
        # Not what the error says, which may have a password in it.
        raise ConfigError("the URL of the store is malformed") from None
    if not store.is_shared:
        store.close()
        scheme = url.partition("://")[0]
        raise ConfigError(f"{scheme}:// keeps sessions in the memory of one process, and no other can see them")
    return store
