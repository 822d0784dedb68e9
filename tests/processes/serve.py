"""``python -m tests.processes.serve SERVER PORT`` serves the application by gevent, patched or not, or by waitress."""

from __future__ import annotations

import sys


def serve_by_gevent(port):
    from gevent.pywsgi import WSGIHandler, WSGIServer

    from tests.processes.server_app import application

    class Handler(WSGIHandler):
        """A handler that lets the application have the socket, as those for WebSockets do."""

        def get_environ(self):
            return super().get_environ() | {"test.socket": self.socket, "wsgi.file_wrapper": FileWrapper}

    WSGIServer(("127.0.0.1", port), application, handler_class=Handler).serve_forever()


def serve_by_patched_gevent(port):
    from gevent import monkey

    monkey.patch_all()
    serve_by_gevent(port)


def serve_by_waitress(port):
    import waitress

    from tests.processes.server_app import application

    waitress.serve(application, host="127.0.0.1", port=port, threads=4)


class FileWrapper:
    """The wrapper of a server that has none of its own."""

    def __init__(self, file, size=8192):
        self.file = file
        self.close = file.close
        self.size = size

    def __iter__(self):
        return iter(lambda: self.file.read(self.size), b"")


SERVERS = {"gevent": serve_by_gevent, "patched gevent": serve_by_patched_gevent, "waitress": serve_by_waitress}

if __name__ == "__main__":
    SERVERS[sys.argv[1]](int(sys.argv[2]))
