"""The real program, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import version
from pathlib import Path

import pytest

from httpsession.cli import main
from tests.cli.conftest import add, handles

ROOT = Path(__file__).parents[2]
WITHOUT_CLICK = "import sys; sys.modules['click'] = None; from httpsession.cli import main; main()"


def program(*arguments, **environment):
    """Run Python and return the process, which has ended."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONWARNINGS": "error", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )


def test_the_program(url, opened):
    """The program runs as a module, with the store named by the environment."""
    handle = add(opened(url), principal="ada")
    result = program("-m", "httpsession", "list", HTTPSESSION_STORE=url)

    assert (result.returncode, result.stderr) == (0, "")
    assert handle[:16] in result.stdout
    assert program("-m", "httpsession", "--version").stdout == f"httpsession {version('httpsession')}\n"


def test_the_script():
    """Installation makes a script that calls the very function."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")

    assert "\nhttpsession = httpsession.cli:main\n" in setup["options.entry_points"]["console_scripts"] + "\n"
    assert callable(main)


def test_without_click():
    """Without click the program says what to install."""
    result = program("-c", WITHOUT_CLICK)

    assert result.returncode == 1
    assert result.stderr == "The command httpsession needs click: install httpsession[cli].\n"


def test_mistakes_have_no_traceback(tmp_path):
    """A missing server and a file that is no database are each reported in one line."""
    (tmp_path / "sessions.db").write_text("something else, and long enough to be no database" * 100)
    (tmp_path / "sessions.db").chmod(0o600)
    for url in (f"unix://{tmp_path}/nobody.sock", f"sqlite:///{tmp_path}/sessions.db"):
        result = program("-m", "httpsession", "check", "--store", url)
        assert (result.returncode, len(result.stderr.splitlines())) == (1, 1), result.stderr
        assert result.stderr.startswith("Error: ")


def test_letters_that_the_terminal_does_not_have(sqlite_url, opened):
    """Letters that the encoding of the terminal lacks are printed as escapes."""
    add(opened(sqlite_url), principal="łucja")
    result = program("-m", "httpsession", "list", "--store", sqlite_url, PYTHONIOENCODING="latin-1")

    assert (result.returncode, result.stderr) == (0, "")
    assert "\\u0142ucja" in result.stdout


@pytest.mark.parametrize("moves", [(), ("--move",)])
def test_an_interrupt_leaves_both_stores_sound(sqlite_url, redis_url, opened, moves):
    """Wherever SIGINT comes, each session is in a store, whole; running the command again completes the work."""
    source, target = opened(sqlite_url), opened(redis_url)
    mine = sorted(add(source, {"name": "x" * 100}) for _ in range(2000))
    command = [sys.executable, "-m", "httpsession", "copy", *moves, sqlite_url, redis_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not len(target) > 1 and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert "Traceback" not in errors
    assert sorted({*handles(source), *handles(target)}) == mine
    if process.returncode:
        assert "Run it again to go on." in errors
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    assert handles(target) == mine
    assert handles(source) == ([] if moves else mine)
    assert {len(stored.attributes["name"]) for stored in target} == {103}
