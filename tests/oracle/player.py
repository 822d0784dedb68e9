"""Plays a scenario against this package, and gives back what was observed in the form of the recording."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from freezegun.api import FrozenDateTimeFactory

from .contexts import context_path
from .events import in_order
from .servlet import Context, Native, Script, Stage

#: Seconds that pass between two steps, and in each request.
STEP, REQUEST = 0.2, 0.01


@dataclass
class Ids:
    """The ids of a scenario by the order in which they came into being."""

    order: list[str] = field(default_factory=list)

    def note(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            if event["event"] in ("sessionCreated", "sessionIdChanged") and event["session"] not in self.order:
                self.order.append(event["session"])

    def put_in(self, text: str) -> str:
        """Return *text*, which is about to be sent, with real ids in it."""

        def real(match: re.Match[str]) -> str:
            number = int(match[1])
            if number > len(self.order):
                return f"unseen-ID{number}"
            return self.order[number - 1].lower() if match[2] else self.order[number - 1]

        return re.sub(r"\{ID([0-9]+)(:lower)?\}", real, text)

    def put_in_all(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.put_in(value)
        if isinstance(value, dict):
            return {key: self.put_in_all(one) for key, one in value.items()}
        return [self.put_in_all(one) for one in value] if isinstance(value, list) else value

    def take_out(self, value: Any) -> Any:
        """Return *value*, which was observed, with numbers in place of ids."""
        if isinstance(value, str):
            for number, session_id in enumerate(self.order, 1):
                value = value.replace(session_id, f"{{ID{number}}}")
            return value
        if isinstance(value, dict):
            return {self.take_out(key): self.take_out(one) for key, one in value.items()}
        return [self.take_out(one) for one in value] if isinstance(value, list) else value


class Jar:
    """The cookies of a client. It keeps what the recorded client was given, so that one difference stays one."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str], str] = {}

    def store(self, set_cookies: list[dict[str, Any]]) -> None:
        for cookie in set_cookies:
            place = cookie["attributes"].get("Path", "/"), cookie["name"]
            if cookie["attributes"].get("Max-Age") == "0":
                self._cookies.pop(place, None)
            else:
                self._cookies[place] = cookie["value"]

    def header(self, target: str) -> list[str]:
        path = re.split("[;?]", target)[0]
        fitting = [
            (where, name)
            for where, name in self._cookies
            if path == where or path.startswith(where if where.endswith("/") else f"{where}/")
        ]
        fitting.sort(key=lambda place: -len(place[0]))
        pairs = [f"{place[1]}={self._cookies[place]}" for place in fitting]
        return ["; ".join(pairs)] if pairs else []


class Player:
    """Plays one scenario."""

    def __init__(self, configs: dict[str, dict[str, Any]], clock: FrozenDateTimeFactory, api: type[Native]) -> None:
        self._configs = configs
        self._clock = clock
        self._api = api
        self._stage = Stage(clock, api.BINDING)
        self._ids = Ids()
        self._jars: dict[str, Jar] = {}
        self._contexts: dict[str, tuple[str, Context]] = {}
        #: When each request began and ended.
        self.times: list[tuple[float, float]] = []

    def play(self, scenario: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Go through the requests of *scenario*: what was recorded of each, and what is observed now."""
        for name in scenario["configs"]:
            recorded = self._configs[name]
            listeners = [self._api.LISTENER(self._stage.log, None), self._api.LISTENER(self._stage.log, "second")]
            context = self._api.context(self._dispatch, name, recorded, listeners[: recorded.get("listeners", 1)])
            self._contexts[name] = context_path(name, recorded), context
        for step in scenario["steps"]:
            self._clock.tick(STEP)
            if "pause_ms" in step:
                self._clock.tick(step["pause_ms"] / 1000)
            elif "reap" in step:
                yield step, self._reap(step["reap"])
            else:
                yield from self._requests(step.get("parallel", [step]))
        for _, context in self._contexts.values():
            self._stage.log.begin([])
            context.manager.close()

    @staticmethod
    def _dispatch(environ: dict[str, Any], start_response: Any) -> Any:
        return environ["tests.oracle.script"](environ, start_response)

    def _reap(self, config: str) -> dict[str, Any]:
        events: list[dict[str, Any]] = []
        self._stage.log.begin(events)
        self._stage.log.at(-1)
        self._contexts[config][1].manager.sweep()
        self._ids.note(events)
        return {"events": self._ids.take_out(in_order(events))}

    def _requests(self, steps: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        prepared = [self._prepare(step["request"]) for step in steps]
        self._stage.is_parallel = len(steps) > 1
        self._clock.tick(REQUEST / 2)
        begin = self._clock().timestamp()
        if len(steps) == 1:
            self._send(*prepared[0])
        else:
            self._send_at_once(prepared)
        self._clock.tick(REQUEST / 2)
        self.times += [(begin, self._clock().timestamp())] * len(steps)
        for *_, script, _ in prepared:
            self._ids.note(script.events)
        for step, (_, _, script, answer) in zip(steps, prepared, strict=True):
            self._jars[step["request"]["client"]].store(self._ids.put_in_all(step["observed"]["set_cookies"]))
            yield step, self._observed(script, answer)

    def _prepare(self, request: dict[str, Any]) -> tuple[str, dict[str, Any], Script, dict[str, Any]]:
        target = self._ids.put_in(request["path"])
        jar = self._jars.setdefault(request["client"], Jar())
        cookies = jar.header(target) if request["cookies"] == "jar" else self._ids.put_in_all(request["cookies"])
        config = request["config"]
        script = Script(self._stage, config, self._ids.put_in_all(request["ops"]), config != "nolookup", self._api)
        environ = self._environ(config, target, cookies, request.get("host", "app.example:8080"))
        environ["tests.oracle.script"] = script
        return config, environ, script, {"sent_cookies": cookies}

    def _environ(self, config: str, target: str, cookies: list[str], host: str) -> dict[str, Any]:
        mount = self._contexts[config][0]
        path = unquote_to_bytes(target.partition("?")[0]).decode("latin-1")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": mount,
            "PATH_INFO": path.removeprefix(mount),
            "QUERY_STRING": target.partition("?")[2],
            "RAW_URI": target,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8080",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": host,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        if cookies:
            environ["HTTP_COOKIE"] = "; ".join(cookies)
        return environ

    def _send_at_once(self, prepared: list[tuple[str, dict[str, Any], Script, dict[str, Any]]]) -> None:
        threads = [threading.Thread(target=self._send, args=one) for one in prepared]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send(self, config: str, environ: dict[str, Any], script: Script, answer: dict[str, Any]) -> None:
        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
            answer["status"] = int(status.split()[0])
            answer["headers"] = headers

        body = self._contexts[config][1](environ, start_response)
        try:
            list(body)
        finally:
            body.close()  # type: ignore[attr-defined]

    def _observed(self, script: Script, answer: dict[str, Any]) -> dict[str, Any]:
        early = [event for event in script.events if event["op"] is None]
        for event in early:
            del event["op"]
        observed = {
            "status": answer["status"],
            "sent_cookies": answer["sent_cookies"],
            "set_cookies": [parsed(value) for name, value in answer["headers"] if name == "Set-Cookie"],
            "results": script.results,
            "events": in_order([event for event in script.events if event not in early]),
        }
        if early:
            observed["events_before"] = in_order(early)
        if script.location is not None:
            observed["location"] = script.location
        taken_out: dict[str, Any] = self._ids.take_out(observed)
        return taken_out


def parsed(header: str) -> dict[str, Any]:
    """Return a Set-Cookie header as recordings show it."""
    pair, *attributes = (part.strip().partition("=") for part in header.split(";"))
    shown: dict[str, Any] = {name: value if mark else True for name, mark, value in attributes}
    return {"name": pair[0], "value": pair[2], "attributes": shown}
