"""The store for the processes of many machines: Redis, one server, behind Sentinels, or a Cluster."""

from __future__ import annotations

from .address import parse
from .cluster import ClusterLink
from .links import Link
from .sentinel import SentinelLink
from .store import RedisStore

__all__ = ["RedisStore", "open_url"]

_LINKS = {"redis+sentinel": SentinelLink, "redis+cluster": ClusterLink}


def open_url(url: str) -> RedisStore:
    """Open one of these, with ``?prefix=``, ``?timeout=`` and options of their own:

    - ``redis://[[user]:password@]host[:port][/database]``, and ``rediss://`` for TLS, with the options
      ``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile``, ``ssl_cert_reqs`` and ``ssl_check_hostname``;
    - ``unix://[[user]:password@]/path/to/socket`` with ``?db=``;
    - ``redis+sentinel://[[user]:password@]host[:port],host[:port]/service[/database]`` with ``?sentinel_username=`` and
      ``?sentinel_password=``, and ``?ssl=true`` with the options of TLS;
    - ``redis+cluster://[[user]:password@]host[:port],host[:port]``, likewise.

    Connecting may take *timeout* seconds, and so may the reply to a command. No connection is made before the first
    command.

    Raises:
        ConfigError: the URL is malformed, or has an option that is not known.
    """
    address = parse(url)
    return RedisStore(_LINKS.get(address.scheme, Link)(address), address.prefix)
