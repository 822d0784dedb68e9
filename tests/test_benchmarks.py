"""The benchmarks, which are run by hand, run."""

from __future__ import annotations

from tests.benchmarks import requests, scale


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
