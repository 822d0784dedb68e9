"""A uWSGI of the tests' own, which forks its workers in C."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.support.servers import free_port
from tests.support.waiting import PATIENCE, wait_until

ROOT = Path(__file__).parents[2]


class Uwsgi:
    """A uWSGI with *arguments* that serves an application on a port of 127.0.0.1.

    It runs within a ``with`` block. Its log is in *folder*, and must not tell of an exception that was not caught.
    """

    def __init__(self, folder, arguments, port, environment, cwd=ROOT):
        self.port = port
        self._log = folder / "uwsgi.log"
        # A worker may hang when uWSGI exits from within a signal handler; its master kills it then.
        options = ["--die-on-term", "--worker-reload-mercy", "5"]
        self._command = [Path(sys.executable).with_name("pyuwsgi"), *options, *arguments]
        self._environment = environment
        self._cwd = cwd

    @classmethod
    def serving(cls, folder, module, *options, environment):
        """Return a server of a module such as ``tests.processes.preloaded``: a master and two workers."""
        port = free_port()
        arguments = ["--master", "--processes", "2", "--http-socket", f"127.0.0.1:{port}", "--need-app"]
        return cls(folder, [*arguments, "--pythonpath", ROOT, "--module", module, *options], port, environment)

    def __enter__(self):
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, cwd=self._cwd, env=self._environment, stdout=output, stderr=output
            )
        wait_until(self._answers, "uWSGI to answer")
        return self

    def _answers(self):
        assert self._process.poll() is None, self.log()
        socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        return True

    def __exit__(self, *error):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        assert "Traceback" not in self.log()

    def log(self):
        """Return what it has logged."""
        return self._log.read_text()
