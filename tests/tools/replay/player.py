"""Plays a scenario against this package, and gives back what was observed in the form of the recording."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from freezegun.api import FrozenDateTimeFactory

from .compare import Exchange
from .contexts import context_path, looks_first
from .events import in_order
from .ids import Ids
from .jar import Jar
from .pace import REQUEST, STEP
from .servlet import Context, Native, Script, Stage
from .stores import Stores


def lower_named(step: dict[str, Any]) -> dict[str, Any]:
    """Return what was recorded of *step*; an id that was sent in lower case is there as it was, and gets its name."""
    names = sorted(set(re.findall(r"\{ID[0-9]+:lower\}", json.dumps(step.get("request")))))
    recorded = json.dumps(step["observed"])
    if len(names) == 1:
        recorded = re.sub(r"\b[0-9a-f]{32}\b", names[0], recorded)
    named: dict[str, Any] = json.loads(recorded)
    return named


class Player:
    """Plays one scenario."""

    def __init__(
        self, configs: dict[str, dict[str, Any]], clock: FrozenDateTimeFactory, api: type[Native], stores: Stores
    ) -> None:
        self._configs = configs
        self._clock = clock
        self._api = api
        self._stores = stores
        self._stage = Stage(clock, api.BINDING)
        self._ids = Ids()
        self._jars: dict[str, Jar] = {}
        self._contexts: dict[str, tuple[str, Context]] = {}
        #: When each request began and ended.
        self._times: list[tuple[float, float]] = []
        self._earlier: list[Exchange] = []
        self._scenario = ""

    def play(self, scenario: dict[str, Any]) -> Iterator[Exchange]:
        """Go through the requests of *scenario*: what was recorded of each, and what is observed now."""
        self._scenario = scenario["name"]
        for name in scenario["configs"]:
            recorded = self._configs[name]
            listeners = [self._api.LISTENER(self._stage.log, None), self._api.LISTENER(self._stage.log, "second")]
            some = listeners[: recorded.get("listeners", 1)]
            context = self._api.context(self._dispatch, name, recorded, some, self._stores.url())
            self._contexts[name] = context_path(name, recorded), context
        for step in scenario["steps"]:
            self._clock.tick(STEP)
            for _, context in self._contexts.values():
                self._stores.flush(context.manager)
            if "pause_ms" in step:
                self._clock.tick(step["pause_ms"] / 1000)
            elif "reap" in step:
                yield self._reap(step)
            else:
                yield from self._requests(step.get("parallel", [step]))
        for _, context in self._contexts.values():
            self._stage.log.begin([])
            context.manager.close()

    def _exchange(
        self, config: str, step: dict[str, Any], observed: dict[str, Any], sent: list[Any], together: list[Exchange]
    ) -> Exchange:
        exchange = Exchange(
            *(self._scenario, len(self._earlier) + 1, config, self._configs[config], self._contexts[config][0]),
            *self._ids.take_out(sent),
            *(lower_named(step), self._ids.take_out(observed), list(self._times), tuple(self._earlier), together),
        )
        self._earlier.append(exchange)
        together.append(exchange)
        return exchange

    @staticmethod
    def _dispatch(environ: dict[str, Any], start_response: Any) -> Any:
        return environ["tests.tools.replay.script"](environ, start_response)

    def _reap(self, step: dict[str, Any]) -> Exchange:
        events: list[dict[str, Any]] = []
        self._stage.log.begin(events)
        self._stage.log.at(-1)
        self._contexts[step["reap"]][1].manager.sweep()
        return self._exchange(step["reap"], step, {"events": in_order(events)}, ["", []], [])

    def _requests(self, steps: list[dict[str, Any]]) -> Iterator[Exchange]:
        prepared = [self._prepare(step["request"]) for step in steps]
        self._stage.is_parallel = len(steps) > 1
        self._clock.tick(REQUEST / 2)
        begin = self._clock().timestamp()
        if len(steps) == 1:
            self._send(*prepared[0])
        else:
            self._send_at_once(prepared)
        self._clock.tick(REQUEST / 2)
        self._times += [(begin, self._clock().timestamp())] * len(steps)
        for step, (_, _, script, _) in zip(steps, prepared, strict=True):
            recorded = step["observed"]
            self._ids.note([*recorded.get("events_before", ()), *recorded["events"]], script.events)
        together: list[Exchange] = []
        for step, (config, _, script, answer) in zip(steps, prepared, strict=True):
            self._jars[step["request"]["client"]].store(self._ids.put_in_all(step["observed"]["set_cookies"]))
            sent = [answer.pop("target"), script.ops]
            self._exchange(config, step, self._observed(script, answer), sent, together)
        yield from together

    def _prepare(self, request: dict[str, Any]) -> tuple[str, dict[str, Any], Script, dict[str, Any]]:
        target = self._ids.put_in(request["path"])
        jar = self._jars.setdefault(request["client"], Jar())
        cookies = jar.header(target) if request["cookies"] == "jar" else self._ids.put_in_all(request["cookies"])
        config = request["config"]
        script = Script(
            self._stage, config, self._ids.put_in_all(request["ops"]), looks_first(self._configs[config]), self._api
        )
        environ = self._environ(config, target, cookies, request.get("host", "app.example:8080"))
        environ["tests.tools.replay.script"] = script
        return config, environ, script, {"sent_cookies": cookies, "target": target}

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
        return observed


def parsed(header: str) -> dict[str, Any]:
    """Return a Set-Cookie header as recordings show it."""
    pair, *attributes = (part.strip().partition("=") for part in header.split(";"))
    shown: dict[str, Any] = {name: value if mark else True for name, mark, value in attributes}
    return {"name": pair[0], "value": pair[2], "attributes": shown}
