"""The benchmarks, which are run by hand, run."""

from __future__ import annotations

from tests.support.servers import redis_program
from tests.tools.benchmarks import requests, scale, stores


def test_requests(monkeypatch, capsys):
    """The cost of requests is printed beside the floor, a line each."""
    monkeypatch.setattr(requests, "ROUNDS", 1)
    monkeypatch.setattr(requests, "REQUESTS", 5)
    requests.main()

    first, *rows = capsys.readouterr().out.splitlines()
    assert "floor" in first
    assert [row.split()[0] for row in rows] == ["untouched,", "untouched,", "read", "write", "create"]


def test_scale(monkeypatch, capsys):
    """The cost of reads and sweeps is printed for each number of sessions."""
    monkeypatch.setattr(scale, "ROUNDS", 1)
    monkeypatch.setattr(scale, "SIZES", (10, 20))
    scale.main()

    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ["10", "20"]


def test_stores(monkeypatch, capsys):
    """The cost of requests is printed for each store, beside the floor and, if it is installed, Beaker."""
    redis_program()
    monkeypatch.setattr(stores, "ROUNDS", 1)
    monkeypatch.setattr(stores, "REQUESTS", 5)
    monkeypatch.setattr(stores, "beakers", lambda settings: None)
    monkeypatch.setattr("sys.argv", ["stores"])
    stores.main()

    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ["SQLite", "read", "write", "create", "Redis", "read", "write", "create"]
