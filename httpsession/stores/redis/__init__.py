"""The store for the processes of many machines: one Redis server, a primary behind Sentinels, or a Cluster."""

from __future__ import annotations

from .address import parse
from .client import Client
from .cluster import ClusterClient
from .sentinel import SentinelClient
from .store import RedisStore

__all__ = ["RedisStore", "open_url"]

_CLIENTS = {"redis+sentinel": SentinelClient, "redis+cluster": ClusterClient}


def open_url(url: str) -> RedisStore:
    """Open the store at one of these URLs. All have ``?prefix=`` and ``?timeout=``, and some have other options:

    - ``redis://[[user]:password@]host[:port][/database]``, and ``rediss://`` for TLS, with the options
      ``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile``, ``ssl_cert_reqs`` and ``ssl_check_hostname``;
    - ``unix://[[user]:password@]/path/to/socket`` with ``?db=``;
    - ``redis+sentinel://[[user]:password@]host[:port],host[:port]/service[/database]`` with ``?sentinel_username=`` and
      ``?sentinel_password=``, and ``?ssl=true`` with the options of TLS;
    - ``redis+cluster://[[user]:password@]host[:port],host[:port]``, likewise.

    Connecting may take *timeout* seconds, and so may the reply to a command. The first command opens the first
    connection.

    Raises:
        ConfigError: the URL is malformed, or has an unknown option.
    """
    address = parse(url)
    return RedisStore(_CLIENTS.get(address.scheme, Client)(address), address.prefix)
