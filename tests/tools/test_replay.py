"""The recordings of Apache Tomcat, replayed by the package's own names and by those of httpsession.servlet."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.tools.replay import mutants
from tests.tools.replay.__main__ import APIS, main, unused
from tests.tools.replay.differences import DIFFERENCES
from tests.tools.replay.outcome import Outcome
from tests.tools.replay.reasons import REASONS
from tests.tools.replay.replay import DEFAULT_FILES, replay
from tests.tools.replay.table import PAGE, rendered, used


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    return {name: replay(DEFAULT_FILES, api) for name, api in APIS.items()}


@pytest.fixture(scope="module", params=APIS)
def api(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def outcome(outcomes, api) -> Outcome:
    return outcomes[api]


def test_nothing_differs_that_is_not_declared(outcome):
    """Each difference from Tomcat is one that is declared, with its reason."""
    assert outcome.different == []


def test_every_declared_difference_occurs(outcome, api):
    """The table of differences holds none that is no more."""
    assert unused(outcome, APIS[api]) == []


def test_nearly_everything_is_equal(outcome):
    """At least 97 of 100 observations are the same as Tomcat's."""
    assert outcome.equal / outcome.compared >= 0.97


def test_both_ways_to_ask_give_the_same(outcomes):
    """Through httpsession.servlet the same is observed, but for what was not set: it is null there, as in Tomcat."""
    native, servlet = outcomes["native"], outcomes["servlet"]
    hidden = [difference for difference in DIFFERENCES if difference.what in APIS["servlet"].NOT_SHOWN]

    assert len(hidden) == len(APIS["servlet"].NOT_SHOWN)
    assert (servlet.scenarios, servlet.compared) == (native.scenarios, native.compared)
    assert servlet.declared == native.declared - Counter({one: native.declared[one] for one in hidden})
    assert servlet.equal == native.equal + sum(native.declared[one] for one in hidden)


def test_the_page_is_up_to_date(outcomes):
    """The documentation shows the differences as they are declared, and the figures of this very replay."""
    assert PAGE.read_text() == rendered(outcomes["native"]) + "\n"


def test_every_number_is_explained():
    """The page says of each D and R number in it what it means, and of no other."""
    assert used() == set(REASONS)


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.__name__)
def test_what_is_wrong_is_found(mutant, monkeypatch):
    """A package that does something else than Tomcat or the design's choice is told apart."""
    mutant(monkeypatch)

    assert replay(DEFAULT_FILES).different != []


SCENARIO = DEFAULT_FILES[0].read_text().splitlines()[0]


def test_an_unknown_store(capsys):
    """A store that cannot be played on is refused in one line, which says what can; a login in it is not shown."""
    for store in ("sqlit", "memcached://a", "redis://:s3cret@a?prefix=b"):
        assert main(["--store", store]) == 2
        error = capsys.readouterr().err
        assert error == "--store is memory, sqlite, or the URL of a Redis server without options, as redis://HOST\n"


def test_blank_lines_are_skipped(tmp_path, capsys):
    """A file may have blank lines; what it holds is summed up in one line."""
    file = tmp_path / "some.jsonl"
    file.write_text(f"\n{SCENARIO}\n  \n")

    assert main([str(file)]) == 0
    assert capsys.readouterr().out.startswith("1 scenarios (0 left out), ")


def test_configurations_beside_the_file(tmp_path):
    """The configurations are read from beside the file, if they are there."""
    file = tmp_path / "some.jsonl"
    file.write_text(SCENARIO)
    (tmp_path / "configs.json").write_text('{"default": {}}')
    assert main([str(file)]) == 0

    (tmp_path / "configs.json").write_text('{"default": {"trackingModes": ["URL"], "contextPath": "/other"}}')
    assert main([str(file)]) == 0, "this scenario has no session"

    (tmp_path / "configs.json").write_text('{"other": {}}')
    assert main([str(file)]) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n{", "line 2: no JSON: "),
        ("[]", "line 1: no scenario: "),
        ('{"name": "a", "configs": ["nobody"], "steps": []}', "line 1: unknown configuration 'nobody'"),
        (json.dumps({**json.loads(SCENARIO), "configs": []}), "line 1: the scenario does not name its configuration "),
        (None, "cannot be read: "),
    ],
)
def test_what_is_no_recording(text, message, tmp_path, capsys):
    """A file that cannot be played is an error of one line, which names the file and the line."""
    file = tmp_path / "some.jsonl"
    if text is not None:
        file.write_text(text)

    assert main([str(file)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(str(file))
    assert message in error
    assert error.count("\n") == 1


def test_nothing_to_play(tmp_path, capsys):
    """A file without scenarios shows nothing, which is not enough."""
    file = tmp_path / "some.jsonl"
    file.write_text("\n")

    assert main([str(file)]) == 1
    assert capsys.readouterr().out.startswith("0 scenarios ")


def test_an_id_in_lower_case(tmp_path, capsys):
    """An id that was sent in lower case is recorded as it was: no session's id, but the same on both sides."""
    first, second = (
        {"client": "c", "config": "default", "path": "/default/op", "ops": ops}
        for ops in (
            [["getSession"]],
            [["getRequestedSessionId"]],
        )
    )
    cookie = {"name": "JSESSIONID", "value": "{ID1}", "attributes": {"Path": "/default", "HttpOnly": True}}
    created = {"op": 0, "event": "sessionCreated", "session": "{ID1}", "visible": []}
    lower = "0123456789abcdef" * 2
    steps = [
        {
            "request": {**first, "cookies": []},
            "observed": {
                "status": 200,
                "sent_cookies": [],
                "set_cookies": [cookie],
                "results": [{"returns": "{ID1}"}],
                "events": [created],
            },
        },
        {
            "request": {**second, "cookies": ["JSESSIONID={ID1:lower}"]},
            "observed": {
                "status": 200,
                "sent_cookies": [f"JSESSIONID={lower}"],
                "set_cookies": [],
                "results": [{"returns": lower}],
                "events": [],
            },
        },
    ]
    file = tmp_path / "some.jsonl"
    file.write_text(json.dumps({"name": "a/b", "configs": ["default"], "steps": steps}))

    assert main([str(file)]) == 0
    assert "0 declared, 0 different" in capsys.readouterr().out
