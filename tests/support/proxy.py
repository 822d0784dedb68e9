"""A TCP proxy before a server, which leads elsewhere, swallows, cuts or drips when a test wants it."""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import suppress


class _Pipe:
    """One connection of a client, and the connection to the server behind it."""

    def __init__(self, proxy, client):
        self.proxy = proxy
        self.client = client
        self.server = proxy.connect()
        #: Whether what comes from either side goes nowhere, and neither side hears of that.
        self.is_swallowing = proxy.swallows_new
        #: Whether the next command goes over a new connection to the server, which knows nothing of a login.
        self.is_to_reconnect = False
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with suppress(OSError, ValueError):
            while self.forward():
                pass
        self.close()

    def forward(self):
        ready, _, _ = select.select([self.client, self.server], [], [], 0.05)
        if self.is_to_reconnect:
            self.server.close()
            self.server = self.proxy.connect()
            self.is_to_reconnect = False
            return True
        for source in ready:
            data = source.recv(1 << 16)
            if self.is_swallowing:
                if not data:
                    return False
                continue
            if not data:
                return False
            if source is self.client:
                self.proxy.count += 1
                self.server.sendall(data)
                if self.proxy.cuts_replies:
                    select.select([self.server], [], [], 5)
                    return False
            else:
                return self.reply(data)
        return True

    def reply(self, data):
        """Pass on a reply as the test wants it; return whether the connection goes on."""
        proxy = self.proxy
        if proxy.cut_at is not None:
            self.client.sendall(data[: proxy.cut_at])
            self.is_swallowing = proxy.stalls
            return proxy.stalls
        if proxy.pause:
            for at in range(len(data)):
                self.client.sendall(data[at : at + 1])
                time.sleep(proxy.pause)
        elif proxy.repeats and proxy.pause_before_repeat:
            self.client.sendall(data)
            time.sleep(proxy.pause_before_repeat)
            self.client.sendall(data)
        else:
            self.client.sendall(data * (2 if proxy.repeats else 1))
        return True

    def close(self):
        for one in (self.client, self.server):
            with suppress(OSError):
                one.close()


class Proxy:
    """Listens on a port of 127.0.0.1. New connections lead to the server on port :attr:`target`."""

    def __init__(self, target):
        self.target = target
        #: Seconds between two bytes of a reply.
        self.pause = 0
        #: Whether a command reaches the server, but the connection ends in place of the reply.
        self.cuts_replies = False
        #: After how many bytes of a reply the connection ends, or stalls; None: never.
        self.cut_at = None
        self.stalls = False
        #: Whether each reply comes twice, and after how many seconds the second time.
        self.repeats = False
        self.pause_before_repeat = 0
        #: Whether new connections are swallowed, too.
        self.swallows_new = False
        #: How often a client has sent something.
        self.count = 0
        self.pipes = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def connect(self):
        """Return a connection to the server."""
        return socket.create_connection(("127.0.0.1", self.target), 5)

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    self.pipes.append(_Pipe(self, client))
                except OSError:
                    client.close()

    def swallow(self):
        """Swallow what comes over the connections of now, as a firewall does that has forgotten them."""
        for pipe in self.pipes:
            pipe.is_swallowing = True

    def reconnect(self):
        """Send what comes next over the connections of now over new ones to the server."""
        for pipe in self.pipes:
            pipe.is_to_reconnect = True

    def stop(self):
        """End all connections, and listen no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pipe in self.pipes:
            pipe.close()
