"""The run of a target under atheris, which searches for inputs that reach further lines of the package.

libFuzzer ends the process in which it runs. So a child process runs it, and leaves its figures in a folder.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from .engine import LENGTHS, Run, play

#: The files that the child leaves: the number of inputs, the input that breaks an invariant, and the log of libFuzzer.
COUNT, FOUND, LOG = "count", "found", "log"


def run(name: str, *, inputs: int, seconds: float | None, seed: int) -> tuple[Run, bytes | None]:
    """Run a target in a child, and return the figures and the input that breaks an invariant, if there is one."""
    with TemporaryDirectory() as folder:
        count, found, log = (Path(folder) / part for part in (COUNT, FOUND, LOG))
        count.write_bytes(bytes(8))
        began = time.monotonic()
        command = [sys.executable, "-m", __name__, name, folder, str(inputs), str(int(seconds or 0)), str(seed + 1)]
        with log.open("wb") as output:
            status = subprocess.run(command, stdout=output, stderr=output, check=False).returncode
        outcome = Run(int.from_bytes(count.read_bytes(), "big"), time.monotonic() - began)
        if found.exists():
            return outcome, found.read_bytes()
        if status:
            raise RuntimeError(f"{name} ended with status {status}:\n{log.read_text(errors='replace')[-4000:]}")
        return outcome, None


def fuzz(name: str, folder: Path, inputs: str, seconds: str, seed: str) -> NoReturn:
    """Run a target until the child has checked so many inputs, or an input breaks an invariant."""
    import atheris

    with atheris.instrument_imports(include=["httpsession"]):
        module = import_module(f"{__package__}.{name}")
    with (folder / COUNT).open("r+b") as file, module.target() as check:
        counted = mmap.mmap(file.fileno(), 8)
        done = 0

        def check_one(data: bytes) -> None:
            nonlocal done
            done += 1
            counted[:] = done.to_bytes(8, "big")
            if play(check, data)[1] is not None:
                (folder / FOUND).write_bytes(data)
                os._exit(1)

        bounds = [f"-runs={inputs}", f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={max(LENGTHS)}"]
        atheris.Setup([name, *bounds, "-rss_limit_mb=0", "-handle_int=0"], check_one)
        atheris.Fuzz()
    sys.exit()


if __name__ == "__main__":
    fuzz(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
