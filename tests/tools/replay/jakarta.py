"""The operations of the recordings through ``httpsession.servlet``: set up, asked and heard by its names alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from httpsession import IllegalStateError, SessionConfig
from httpsession import SessionCookieConfig as Cookie
from httpsession.servlet import (
    HttpServletRequest,
    HttpServletResponse,
    HttpSession,
    HttpSessionAttributeListener,
    HttpSessionBindingEvent,
    HttpSessionBindingListener,
    HttpSessionEvent,
    HttpSessionIdListener,
    HttpSessionListener,
    IllegalArgumentException,
    IllegalStateException,
    ServletContext,
    SessionTrackingMode,
)

from .contexts import cookie_settings
from .events import Binding, Listener
from .servlet import Context, Native


def container(name: str, recorded: dict[str, Any]) -> SessionConfig:
    """Return what Tomcat does for an application that says nothing; the Servlet API has no setters for most of it."""
    cookie = Cookie(**{"same_site": None, **cookie_settings(name, recorded)})
    return SessionConfig(tracking_modes=["COOKIE", "URL"], cookie=cookie, expire_cookie=False, sweep_interval=None)


def in_java(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call, and see to it that an exception is Java's."""
    try:
        return call(*arguments)
    except (IllegalStateError, ValueError) as error:
        if not isinstance(error, IllegalStateException | IllegalArgumentException):
            raise AssertionError("the exception has no Java name") from error
        raise


@dataclass(frozen=True)
class Seen:
    """A session, or an event about one, as the log of events asks for it."""

    subject: Any

    @property
    def session(self) -> Seen:
        return Seen(self.subject.getSession())

    @property
    def name(self) -> str:
        return str(self.subject.getName())

    @property
    def value(self) -> Any:
        return self.subject.getValue()

    @property
    def id(self) -> str:
        return str(self.subject.getId())

    @property
    def attribute_names(self) -> Any:
        return self.subject.getAttributeNames()

    def get_attribute(self, name: str) -> Any:
        return self.subject.getAttribute(name)


@dataclass(eq=False)
class JakartaBinding(HttpSessionBindingListener, Binding):
    """A value that hears of being bound, in Java's words."""

    def valueBound(self, event: HttpSessionBindingEvent) -> None:
        self._heard("valueBound", Seen(event), "bound")

    def valueUnbound(self, event: HttpSessionBindingEvent) -> None:
        self._heard("valueUnbound", Seen(event), "unbound")


class JakartaListener(HttpSessionListener, HttpSessionIdListener, HttpSessionAttributeListener, Listener):
    """A listener of all registered kinds, with Java's methods."""

    def sessionCreated(self, se: HttpSessionEvent) -> None:
        self._of_session("sessionCreated", Seen(se).session)

    def sessionDestroyed(self, se: HttpSessionEvent) -> None:
        self._of_session("sessionDestroyed", Seen(se).session)

    def sessionIdChanged(self, event: HttpSessionEvent, old_session_id: str) -> None:
        Listener.session_id_changed(self, Seen(event), old_session_id)  # type: ignore[arg-type]

    def attributeAdded(self, event: HttpSessionBindingEvent) -> None:
        self._of_attribute("attributeAdded", Seen(event))

    def attributeRemoved(self, event: HttpSessionBindingEvent) -> None:
        self._of_attribute("attributeRemoved", Seen(event))

    def attributeReplaced(self, event: HttpSessionBindingEvent) -> None:
        self._of_attribute("attributeReplaced", Seen(event))


class Jakarta(Native):
    """The operations of the recordings, in Java's names."""

    LISTENER = JakartaListener
    BINDING = JakartaBinding
    #: Here what was not set is null, as in Tomcat.
    NOT_SHOWN = frozenset({"the session cookie's configuration: name and http_only"})

    REQUEST: ClassVar[dict[str, Callable[..., Any]]] = {
        name: getattr(HttpServletRequest, name, None) or getattr(HttpServletResponse, name) for name in Native.REQUEST
    }
    SESSION: ClassVar[dict[str, Callable[..., Any]]] = {
        **{name: getattr(HttpSession, name) for name in Native.SESSION},
        "getCreationTime": lambda session: session.getCreationTime() / 1000,
        "getLastAccessedTime": lambda session: session.getLastAccessedTime() / 1000,
    }

    def __init__(self, environ: dict[str, Any]) -> None:
        self._servlet_request = HttpServletRequest(environ)
        self._response = HttpServletResponse(environ)

    def get_session(self, create: bool = True) -> Any:
        return in_java(self._servlet_request.getSession, create)

    def on_request(self, name: str, *arguments: Any) -> Any:
        subject = self._servlet_request if hasattr(HttpServletRequest, name) else self._response
        return in_java(self.REQUEST[name], subject, *arguments)

    def on_session(self, session: Any, name: str, *arguments: Any) -> Any:
        return in_java(self.SESSION[name], session, *arguments)

    def is_own_context(self, session: Any) -> bool:
        return session.getServletContext() is self._servlet_request.getServletContext()

    def tracking_modes(self) -> list[str]:
        modes = self._servlet_request.getServletContext().getEffectiveSessionTrackingModes()
        return sorted(mode.name for mode in modes)

    def cookie_config(self) -> dict[str, Any]:
        cookie = self._servlet_request.getServletContext().getSessionCookieConfig()
        return {
            "domain": cookie.getDomain(),
            "httpOnly": cookie.isHttpOnly(),
            "maxAge": cookie.getMaxAge(),
            "name": cookie.getName(),
            "path": cookie.getPath(),
            "secure": cookie.isSecure(),
        }

    @staticmethod
    def context(application: Any, name: str, recorded: dict[str, Any], listeners: list[Any], store: str) -> Context:
        """Return *application* with sessions, configured by the setters. Tomcat makes every cookie HttpOnly."""
        types = {"binding": JakartaBinding}
        context = ServletContext(application, store, config=replace(container(name, recorded), types=types))
        if "sessionTimeout" in recorded:
            context.setSessionTimeout(recorded["sessionTimeout"])
        if "trackingModes" in recorded:
            context.setSessionTrackingModes({SessionTrackingMode[mode] for mode in recorded["trackingModes"]})
        cookie, given = context.getSessionCookieConfig(), recorded.get("cookie", {})
        setters = {
            "name": cookie.setName,
            "domain": cookie.setDomain,
            "path": cookie.setPath,
            "comment": cookie.setComment,
            "secure": cookie.setSecure,
            "max-age": cookie.setMaxAge,
        }
        for setting in setters.keys() & given.keys():
            setters[setting](given[setting])
        for attribute, value in recorded.get("cookieAttributes", {}).items():
            cookie.setAttribute(attribute, value)
        for listener in listeners:
            context.addListener(listener)
        return context
