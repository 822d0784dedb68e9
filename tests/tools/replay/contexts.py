"""The recorded configurations, as this package is configured for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from httpsession import SessionConfig, SessionCookieConfig, SessionManager

from .events import Binding


class RecordingError(Exception):
    """A file that is no recording; the message names the file and the line."""


RECORDINGS = Path(__file__).parent / "recordings"

#: Configurations that stand for something only Tomcat has, and why they are not played.
LEFT_OUT = {
    "max2": "Tomcat refuses every session above its cap; here those whose client never came back are given up first",
    "samesiteattr": "SameSite=None without Secure is refused, since no browser keeps such a cookie (R22)",
    "maxage0": "Max-Age=0 is refused: no browser keeps such a cookie, and each request would begin a session (R22)",
    "override": "Tomcat's context.xml overrules the application's own configuration",
    "usehttponly": "Tomcat's context.xml overrules the application's own configuration",
    "absredirect": "whether Tomcat makes Location absolute, which is no matter of sessions",
    "ctxa": "Tomcat's context.xml makes it adopt ids that a client sends",
    "ctxb": "Tomcat's context.xml makes it adopt ids that a client sends",
    "ctxtrust": "Tomcat's context.xml makes it adopt ids that a client sends",
    "notify": "switches of Tomcat for what a rebinding of the same object tells listeners",
}


def parse(text: str, where: Path | str) -> Any:
    """Return what *text*, which is JSON, says.

    Raises:
        RecordingError: it is none.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise RecordingError(f"{where}: no JSON: {error}") from error


def load_configs(folder: Path = RECORDINGS) -> dict[str, dict[str, Any]]:
    """Return what the ``configs.json`` in *folder* says, or that of the repository if there is none.

    Raises:
        RecordingError: it is no JSON.
    """
    path = folder / "configs.json"
    if not path.exists():
        path = RECORDINGS / "configs.json"
    configs: dict[str, dict[str, Any]] = parse(path.read_text(), path)
    return configs


def tomcat_setting(recorded: dict[str, Any], element: str, name: str) -> Any:
    """Return a setting of Tomcat's own, or None."""
    return recorded.get("tomcat", {}).get(element, {}).get(name)


def looks_first(recorded: dict[str, Any]) -> bool:
    """Whether the container itself looks for the session at the start of each request: its authenticator does."""
    valves = recorded.get("tomcat", {}).get("valves", ())
    return not any("Authenticator" in valve["className"] and valve.get("cache") == "false" for valve in valves)


def cookie_settings(name: str, recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of Tomcat's for the cookie that this package has, too."""
    settings: dict[str, Any] = {}
    same_site = tomcat_setting(recorded, "cookieProcessor", "sameSiteCookies")
    if same_site:
        settings["same_site"] = same_site.capitalize()
    if tomcat_setting(recorded, "context", "sessionCookiePathUsesTrailingSlash") == "true":
        settings["path"] = f"{context_path(name, recorded)}/"
    return settings


def context_path(name: str, recorded: dict[str, Any]) -> str:
    path: str = recorded.get("contextPath", f"/{name}")
    return path


def session_config(name: str, recorded: dict[str, Any]) -> SessionConfig:
    """Return the configuration that does as the recorded one: what Tomcat sets for an application that says nothing
    is both tracking modes, HttpOnly, no SameSite, and a cookie that is left alone when its session ends."""
    cookie = recorded.get("cookie", {})
    settings: dict[str, Any] = {
        "same_site": None,
        "domain": cookie.get("domain"),
        "path": cookie.get("path"),
        "secure": True if cookie.get("secure") else "auto",
        "max_age": cookie.get("max-age", -1),
        "name": cookie.get("name", "JSESSIONID"),
    }
    attributes = dict(recorded.get("cookieAttributes", {}))
    if "SameSite" in attributes:
        settings["same_site"] = attributes.pop("SameSite")
    settings |= cookie_settings(name, recorded)
    return SessionConfig(
        max_inactive_interval=recorded.get("sessionTimeout", 30) * 60,
        tracking_modes=recorded.get("trackingModes", ["COOKIE", "URL"]),
        cookie=SessionCookieConfig(**settings, attributes=attributes),
        expire_cookie=False,
        sweep_interval=None,
        types={"binding": Binding},
    )


def make_manager(name: str, recorded: dict[str, Any], listeners: list[Any], store: str) -> SessionManager:
    return SessionManager(store, config=session_config(name, recorded), listeners=listeners)
