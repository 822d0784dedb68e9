"""The recorded configurations, as this package is configured for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from httpsession import SessionConfig, SessionCookieConfig, SessionManager

RECORDINGS = Path(__file__).parent / "recordings"

#: Configurations that stand for something only Tomcat has, and why they are not played.
LEFT_OUT = {
    "max2": "Tomcat refuses every session above its cap; here those whose client never came back are given up first",
    "samesiteattr": "SameSite=None without Secure is refused, since no browser keeps such a cookie (R22)",
    "override": "Tomcat's context.xml overrules the application's own configuration",
    "usehttponly": "Tomcat's context.xml overrules the application's own configuration",
    "absredirect": "whether Tomcat makes Location absolute, which is no matter of sessions",
    "ctxa": "Tomcat's context.xml makes it adopt ids that a client sends",
    "ctxb": "Tomcat's context.xml makes it adopt ids that a client sends",
    "ctxtrust": "Tomcat's context.xml makes it adopt ids that a client sends",
    "notify": "switches of Tomcat for what a rebinding of the same object tells listeners",
}

#: Settings of Tomcat's that this package has, too.
COOKIE_SETTINGS: dict[str, dict[str, Any]] = {"samesite": {"same_site": "Lax"}, "slash": {"path": "/slash/"}}


def load_configs() -> dict[str, dict[str, Any]]:
    """Return what ``configs.json`` says."""
    configs: dict[str, dict[str, Any]] = json.loads((RECORDINGS / "configs.json").read_text())
    return configs


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
    settings |= COOKIE_SETTINGS.get(name, {})
    return SessionConfig(
        max_inactive_interval=recorded.get("sessionTimeout", 30) * 60,
        tracking_modes=recorded.get("trackingModes", ["COOKIE", "URL"]),
        cookie=SessionCookieConfig(**settings, attributes=attributes),
        expire_cookie=False,
        sweep_interval=None,
    )


def make_manager(name: str, recorded: dict[str, Any], listeners: list[Any]) -> SessionManager:
    return SessionManager(config=session_config(name, recorded), listeners=listeners)
