"""A headless Chromium, driven through a pipe by its DevTools protocol."""

from __future__ import annotations

import itertools
import json
import os
import select
import subprocess
from pathlib import Path
from typing import Any, Self


class Chromium:
    """A browser with one page, whose HTML and messages can be looked at and whose forms can be sent."""

    def __init__(self, program: str, profile: Path, *, takes_cookies: bool = True) -> None:
        if not takes_cookies:
            settings = {"profile": {"default_content_setting_values": {"cookies": 2}}}
            (profile / "Default").mkdir(parents=True)
            (profile / "Default" / "Preferences").write_text(json.dumps(settings))
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
        options += " --disable-component-update --disable-sync --disable-dev-shm-usage --remote-debugging-pipe"
        shell = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$@"'  # Chromium expects the pipe at 3 and 4
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", shell, "bash", program, *options.split(), f"--user-data-dir={profile}", "about:blank"],
            pass_fds=[to_browser, from_browser],
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._is_loaded = False
        #: The method of the latest request for a page.
        self.last_method = ""
        #: What the browser complained about, a violated Content-Security-Policy for one.
        self.complaints: list[str] = []
        self._attach()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.call("Browser.close", in_page=False)
        self._process.wait(timeout=20)
        os.close(self._write)
        os.close(self._read)

    def open(self, url: str) -> None:
        """Open a page and wait for it."""
        self._is_loaded = False
        self.call("Page.navigate", url=url)
        self._wait_for_page()

    def reload(self) -> None:
        """Reload the page, as its button does, and wait for it."""
        self._is_loaded = False
        self.call("Page.reload")
        self._wait_for_page()

    def click(self, selector: str) -> None:
        """Click what leads to another page, and wait for that."""
        self._is_loaded = False
        self.evaluate(f"setTimeout(() => document.querySelector({json.dumps(selector)}).click())")
        self._wait_for_page()

    def fill(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}")

    def text(self) -> str:
        """Return what can be read on the page."""
        return str(self.evaluate("document.querySelector('main').innerText"))

    def evaluate(self, script: str) -> Any:
        """Return the value of a script."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def call(self, method: str, *, in_page: bool = True, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if in_page:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next_message()).get("id") != number:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _attach(self) -> None:
        targets = self.call("Target.getTargets", in_page=False)["targetInfos"]
        (page,) = [target["targetId"] for target in targets if target["type"] == "page"]
        attached = self.call("Target.attachToTarget", in_page=False, targetId=page, flatten=True)
        self._session = attached["sessionId"]
        self.call("Page.enable")
        self.call("Network.enable")
        self.call("Log.enable")

    def _wait_for_page(self) -> None:
        while not self._is_loaded:
            self._next_message()

    def _next_message(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._read], [], [], 30)[0], "Chromium does not answer"
            chunk = os.read(self._read, 1 << 16)
            assert chunk, "Chromium has ended"
            self._buffer += chunk
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Page.loadEventFired":
            self._is_loaded = True
        elif message.get("method") == "Network.requestWillBeSent" and message["params"]["type"] == "Document":
            self.last_method = message["params"]["request"]["method"]
        elif message.get("method") == "Log.entryAdded":
            self.complaints.append(message["params"]["entry"]["text"])
        return message
