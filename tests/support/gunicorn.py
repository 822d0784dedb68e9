"""A gunicorn of the tests' own, whose workers come and go."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.servers import free_port

ROOT = Path(__file__).parents[2]
#: Seconds that workers get to finish what they are doing.
GRACE = 5


class Gunicorn:
    """A gunicorn that serves an application such as ``demo.app:application`` on a port of 127.0.0.1.

    It runs within a ``with`` block. Its log is in *folder*, and must not tell of an exception that was not caught.
    """

    def __init__(self, folder, app, *options, environment=None):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._log = folder / "log"
        self._command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", f"127.0.0.1:{self.port}"]
        self._command += ["--worker-tmp-dir", str(folder), "--graceful-timeout", str(GRACE), *options]
        self._command.append(app)
        self._environment = environment

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()
        assert "Traceback" not in self._log.read_text()

    def start(self):
        """Start, and wait until the server accepts connections."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=output, stderr=output
            )
        for _ in range(400):
            assert self._process.poll() is None, self._log.read_text()
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
        pytest.fail(self._log.read_text())

    def stop(self):
        """Stop the server when its workers have finished what they are doing."""
        self.send(signal.SIGTERM)
        self.wait()

    def reload(self):
        """Replace the workers by new ones."""
        self.send(signal.SIGHUP)

    def send(self, number):
        """Send a signal to the server."""
        self._process.send_signal(number)

    def wait(self):
        """Wait until a server that a signal ends has ended."""
        self._process.wait(2 * GRACE)
