"""A server that answers each command by bytes of a test's choice, whatever the command is."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress

import hiredis


def _serve(connection, answer):
    """Answer each command on a connection. *answer* gets its words; None ends the connection."""
    commands = hiredis.Reader()
    with connection, suppress(OSError, hiredis.HiredisError):
        while data := connection.recv(1 << 16):
            commands.feed(data)
            while words := commands.gets():
                reply = answer(words)
                if reply is None:
                    return
                connection.sendall(reply)


@contextmanager
def answering(answer):
    """Give the port of such a server on 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=_serve, args=(connection, answer), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()
