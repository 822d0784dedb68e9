"""The fuzz targets: a short run of each, and a planted fault that each of them finds."""

from __future__ import annotations

import logging
import pickle
import re
from contextlib import suppress
from functools import wraps
from importlib import import_module

import pytest

from httpsession.codec import Codec, sealed
from httpsession.config import cookie, webxml
from httpsession.core.session import Session
from httpsession.csrf import guard
from httpsession.csrf.origin import Origins
from httpsession.record import SessionRecord
from httpsession.stores import url as store_url
from httpsession.stores.redis import layout
from httpsession.stores.redis.store import RedisStore
from httpsession.stores.sqlite import rows
from httpsession.tracking import CookieTracking, UrlTracking
from httpsession.tracking import url as tracking_url
from tests.support.browser import UNKNOWN_ID
from tests.tools.fuzz import __main__ as program
from tests.tools.fuzz import cookie_header, engine
from tests.tools.fuzz.choices import Choices
from tests.tools.fuzz.engine import run

#: Inputs of a short run. Those of real stores take longer.
INPUTS = {"redis_hashes": 100, "sqlite_rows": 150, "middleware": 200, "sessions": 150}
#: Inputs within which a planted fault is found.
ENOUGH = 40000
SEED = 20261129


@pytest.mark.parametrize("name", program.TARGETS)
def test_target(name):
    """A short run of the target finds nothing (F1 to F10); the seed is always the same."""
    with import_module(f"{program.__package__}.{name}").target() as check:
        outcome = run(check, inputs=INPUTS.get(name, 400), seed=SEED)
    if outcome.finding is not None:
        print(f"seed {SEED}, input {outcome.finding.data.hex()}")
        raise outcome.finding.error
    assert outcome.inputs == INPUTS.get(name, 400)


def after(cls, act):
    """Return a constructor that does *act* with the new object at the end."""
    construct = cls.__init__

    @wraps(construct)
    def constructor(self, *arguments):
        construct(self, *arguments)
        act(self)

    return constructor


def trim_white_space(tracking):
    """Trim any white space around the cookie's name, as Django does."""
    tracking.find_ids = re.compile(rf"(?:\A|;)\s*{tracking.name}=([0-9A-F]{{32}})\s*(?=;|\Z)").findall
    tracking.find_ids_plainly = tracking.find_ids


def ignore_case(tracking):
    """Accept the path parameter in any case."""
    tracking._parameter = re.compile(tracking._parameter.pattern, re.IGNORECASE)


def decode_pickles(monkeypatch):
    """Decode pickles, too, as other packages do."""
    decode = Codec.decode

    def decode_any(self, data, name=None):
        with suppress(Exception):
            return pickle.loads(data)  # noqa: S301 - the fault
        return decode(self, data, name)

    monkeypatch.setattr(Codec, "decode", decode_any)


def keep_the_id_at_login(session, principal, notes):
    """Bind the user to the session without another id."""
    session.record.principal = principal


def put_another_cookie(tracking, headers, value):
    """Leave in the headers what the application has set under the same name."""
    return [*headers, ("Set-Cookie", value)]


def believe_records(row, notes):
    """Make a record of whatever a row has."""
    _, key, created, accessed, used, interval, deadline, principal = row[:8]
    return SessionRecord(key, created, interval, deadline, accessed, used, principal, notes)


def believe_seals(patch):
    """Open an encrypted session without regard to its seal."""
    patch.setattr(sealed, "compare_digest", lambda one, other: True)


FAULTS = [
    ("codec", decode_pickles),
    ("cookie_header", lambda patch: patch.setattr(CookieTracking, "__init__", after(CookieTracking, trim_white_space))),
    ("csrf", lambda patch: patch.setattr(guard, "answers", lambda token, secret: len(token) == 64)),
    ("csrf", lambda patch: patch.setattr(Origins, "veto", lambda origins, environ: None)),
    ("links", lambda patch: patch.setattr(tracking_url, "_URL", re.compile("(?s).*"))),
    ("links", lambda patch: patch.setattr(tracking_url, "_QUOTED_SLASH", re.compile("(?!)"))),
    ("middleware", lambda patch: patch.setattr(Session, "login", keep_the_id_at_login)),
    ("middleware", lambda patch: patch.setattr(CookieTracking, "_put", put_another_cookie)),
    ("path_parameter", lambda patch: patch.setattr(UrlTracking, "__init__", after(UrlTracking, ignore_case))),
    ("payloads", lambda patch: patch.setattr(layout, "isfinite", lambda number: True)),
    ("payloads", lambda patch: patch.setattr(rows, "_record_of", believe_records)),
    ("redis_hashes", lambda patch: patch.setattr(RedisStore, "remove", lambda store, key: None)),
    ("redis_hashes", believe_seals),
    ("sessions", lambda patch: patch.setattr(SessionRecord, "is_due", lambda record, now, slack=0.0: False)),
    ("settings", lambda patch: patch.setattr(cookie, "_ATTRIBUTE_VALUE", re.compile("(?s).*"))),
    ("sqlite_rows", lambda patch: patch.setattr(rows, "_record_of", believe_records)),
    ("sqlite_rows", believe_seals),
    ("store_urls", lambda patch: patch.setattr(store_url, "_shown", lambda parts: parts.geturl())),
    ("web_xml", lambda patch: patch.setattr(webxml._Reading, "_doctype", lambda reading, *given: None)),
]


def test_each_target_has_a_fault():
    """No target is without a fault that shows that it can find any."""
    assert {name for name, _ in FAULTS} == {*program.TARGETS}


@pytest.mark.parametrize(("name", "plant"), FAULTS, ids=[name for name, _ in FAULTS])
def test_planted_fault(monkeypatch, name, plant):
    """A target finds a fault that is planted into what it is for."""
    plant(monkeypatch)
    with import_module(f"{program.__package__}.{name}").target() as check:
        outcome = run(check, inputs=ENOUGH, seed=SEED)
    assert outcome.finding is not None


@pytest.mark.parametrize("reason", cookie_header.DIFFERENCES)
def test_differences_of_peers(reason):
    """Each listed difference of Werkzeug and Django from this package exists: its example shows it, for no other
    reason."""
    _, example = cookie_header.DIFFERENCES[reason]
    peer = reason.partition(":")[0]
    ours = CookieTracking(import_module("httpsession").SessionConfig()).find_ids(example)
    assert cookie_header.peers(example)[peer] != ours
    assert cookie_header.reasons(peer, example) == [reason]


class TestEngine:
    """How a run finds, shortens and reports."""

    def test_same_seed(self):
        """A seed draws the same inputs each time, and another seed draws other inputs."""
        drawn = {}
        for seed in (1, 1, 2):
            inputs = []
            run(lambda choices, inputs=inputs: inputs.append(choices.octets(255)), inputs=20, seed=seed)
            assert drawn.setdefault(seed, inputs) == inputs
        assert drawn[1] != drawn[2]

    def test_shortest(self):
        """An input that breaks an invariant is shortened, and what it does not need becomes zero."""

        def check(choices):
            first, _, third = (choices.below(256) for _ in range(3))
            assert not (first > 100 and third > 100)

        finding = run(check, inputs=1000).finding
        assert len(finding.data) == 3
        assert finding.data[1] == 0

    def test_other_errors_are_other_findings(self):
        """Shortening does not turn a finding into another finding, which an input without bytes would be here."""

        def check(choices):
            if choices.below(256) < 128:
                raise KeyError
            raise IndexError

        finding = engine.shortest(check, engine.Finding(b"\xff" * 9, engine.play(check, b"\xff" * 9)[1]))
        assert type(finding.error) is IndexError

    def test_slow_input(self, monkeypatch):
        """An input that takes more time of the processor than the bound is a finding."""
        monkeypatch.setattr(engine, "PATIENCE", -1)
        assert type(run(lambda choices: None, inputs=1).finding.error) is engine.TooSlowError

    @pytest.mark.parametrize("line", [UNKNOWN_ID, "two\nlines"])
    def test_log(self, line):
        """A line of the log with an id, or with a control character, is a finding; the handlers come back."""
        log = logging.getLogger("httpsession")
        before = log.handlers, log.propagate, log.level
        finding = run(lambda choices: log.getChild("audit").warning("found %s", line), inputs=1).finding
        assert type(finding.error) is engine.LogError
        assert (log.handlers, log.propagate, log.level) == before

    @pytest.mark.parametrize("data", [b"", b"\xff" * 64, bytes(range(256))])
    def test_any_bytes_make_choices(self, data):
        """Any bytes can be mutated and read as choices, also when they have ended."""
        choices = Choices(data)
        for _ in range(50):
            assert isinstance(choices.mutated(b"abc"), bytes)
            assert choices.pick("xyz") in "xyz"
            assert choices.below(1000) < 1000


class TestProgram:
    """``python -m tests.tools.fuzz``."""

    @pytest.fixture(autouse=True)
    def folder(self, monkeypatch, tmp_path):
        """Save findings in a folder of the test."""
        monkeypatch.setattr(program, "SAVED", tmp_path / "saved")
        return tmp_path / "saved"

    def test_no_finding(self, capsys, folder):
        """A line for each target tells the inputs, the seconds and that nothing was found; nothing is saved."""
        assert program.main(["codec", "links", "--inputs", "20"]) == 0
        first, second = capsys.readouterr().out.splitlines()
        assert re.fullmatch(r"codec +20 inputs, +\d+\.\d s, slowest \d+\.\d ms, no finding", first)
        assert second.startswith("links ")
        assert not folder.exists()

    def test_finding(self, capsys, folder, monkeypatch):
        """A finding is saved and printed, and can be played again until the fault is mended."""
        with monkeypatch.context() as patch:
            decode_pickles(patch)
            assert program.main(["codec", "--seed", "5"]) == 1
            printed = capsys.readouterr().out
            (file,) = folder.iterdir()
            assert "1 finding" in printed
            assert file.read_bytes().hex() in printed
            assert "decoding caused" in printed
            assert program.main(["codec", "--play", str(file)]) == 1
        assert program.main(["codec", "--play", str(file)]) == 0

    def test_seconds(self, capsys):
        """A run ends when its time is over."""
        assert program.main(["codec", "--seconds", "0"]) == 0
        assert " 0 inputs" in capsys.readouterr().out

    @pytest.mark.parametrize("given", [["nothing"], ["--play", "file"], ["codec", "links", "--play", "file"]])
    def test_wrong_arguments(self, given, capsys):
        """Unknown targets, and a saved input without its target, are refused."""
        with pytest.raises(SystemExit, match="2"):
            program.main(given)
        assert "usage" in capsys.readouterr().err

    def test_atheris(self, capsys, folder):
        """With atheris the inputs are searched by what they cover, in a child process; the line has its figures."""
        pytest.importorskip("atheris")
        assert program.main(["cookie_header", "--inputs", "300", "--atheris"]) == 0
        assert re.match(r"cookie_header +300 inputs, .* no finding", capsys.readouterr().out)
