"""The page about the command shows what the command says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from httpsession.stores import open_store

PAGE = (Path(__file__).parents[2] / "docs/howto/command.md").read_text()
PROGRAM = re.search(r"^`shop\.py`:\n\n```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1]
SESSIONS = [
    dedent(block).strip("\n").split("\n", 1)
    for block in re.findall(r"^ *```console\n(.*?)^ *```$", PAGE, re.DOTALL | re.MULTILINE)
]


def likened(text):
    """Return the lines of a text, sorted, with a fixed word for each time, handle, version, duration and fraction."""
    text = re.sub(r"\b[0-9]+\.[0-9]+(,?)$", r"NUMBER\1", text, flags=re.MULTILINE)
    text = re.sub(r"\b[0-9a-f]{16,64}\b", "HANDLE", text)
    text = re.sub(r"^SQLite .*$", "SQLITE", text, flags=re.MULTILINE)
    text = re.sub(r"[0-9]+(\.[0-9]+)? ms", "N ms", text)
    text = re.sub(r"[0-9]+-[0-9]+-[0-9]+T[0-9:]+", "TIME", text)
    text = re.sub(r"\b[0-9]+s\b", "SECONDS", text)
    return sorted(" ".join(line.split()) for line in text.splitlines())


def test_the_command(tmp_path, redis_server):
    """Each command of the page, run in its order, says what the page has below it."""
    (tmp_path / "shop.py").write_text(PROGRAM)
    subprocess.run([sys.executable, "shop.py"], cwd=tmp_path, check=True, timeout=60)
    store = open_store(f"sqlite:///{tmp_path}/shop.db")
    [record] = store.records_of("ada")
    store.close()
    environment = {**os.environ, "HTTPSESSION_STORE": "sqlite:///shop.db"}
    assert len(SESSIONS) == 9
    for command, expected in SESSIONS:
        command = re.sub(r"\b[0-9a-f]{8}$", record.handle[:8], command)
        command = command.replace("redis://127.0.0.1:6379", f"{redis_server.url}?prefix=page")
        command, words = re.fullmatch(r"\$ (?:echo (\S+) \| )?(.*)", command).group(2, 1)
        program, name, *arguments = command.split()
        assert program == "httpsession"
        result = subprocess.run(
            [sys.executable, "-m", program, name, *arguments],
            env=environment,
            cwd=tmp_path,
            input=words or "",
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 0, result.stderr
        assert likened(result.stdout) == likened(expected), command
