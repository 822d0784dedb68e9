"""The filter for paste.deploy: sessions by an ``.ini`` file, ``use = egg:httpsession``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .config import SessionConfig
from .errors import ConfigError
from .manager import SessionManager
from .middleware import SessionMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def filter_app_factory(
    app: WSGIApplication, global_conf: Mapping[str, str] | None, /, **local_conf: str
) -> SessionMiddleware:
    """Wrap *app* in a SessionMiddleware, configured by *local_conf*, the section of the filter.

    The names and values of the section are those of :meth:`httpsession.SessionConfig.from_mapping`. ``store`` is the
    URL of the store; without it sessions are kept in memory. Only the name of the file is read from *global_conf*, the
    defaults of all sections.

    Raises:
        ConfigError: a name is unknown, or a value is wrong; the message names the file.
    """
    file = (global_conf or {}).get("__file__")
    store = local_conf.pop("store", None)
    config = SessionConfig.from_mapping(local_conf, source=file)
    try:
        manager = SessionManager(store, config=config)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}" if file else str(error)) from error
    return SessionMiddleware(app, manager)
