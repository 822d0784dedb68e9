"""The members of the session API in Servlet 6.1, where they are in httpsession, and the behaviours that show them.

This is written by hand; what it says is checked. Each type has rows: the member in Java; its native name, an expression
of names of httpsession; the numbers of behaviours. The name in httpsession.servlet is that in Java.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """A method, a constructor or a constant of Java's."""

    owner: str
    java: str
    #: Such as ``HttpSession.id``, ``SessionConfig(cookie=...)``; "" if only httpsession.servlet has it.
    native: str
    behaviours: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name without the parameters; that of the type for a constructor."""
        return self.java.partition("(")[0]

    @property
    def key(self) -> str:
        """The name as the list of TCK tests has it."""
        return f"{self.owner}.{self.java}"


def _members(owner: str, rows: str) -> tuple[Member, ...]:
    cells = [[cell.strip() for cell in row.split("|")] for row in rows.strip().splitlines()]
    return tuple(Member(owner, java, native, tuple(map(int, numbers.split()))) for java, native, numbers in cells)


#: The types in the order of the page.
TYPES: dict[str, tuple[Member, ...]] = {
    owner: _members(owner, rows)
    for owner, rows in {
        "HttpServletRequest": """
            getSession()                     | RequestSession.get_session                         | 1 2
            getSession(boolean)              | RequestSession.get_session                         | 2 3 4 5 135
            changeSessionId()                | RequestSession.change_session_id                   | 14 15 16 17
            getRequestedSessionId()          | RequestSession.requested_session_id                | 6 7 129 130
            isRequestedSessionIdValid()      | RequestSession.is_requested_session_id_valid       | 8 9 10 11
            isRequestedSessionIdFromCookie() | RequestSession.is_requested_session_id_from_cookie | 12 13
            isRequestedSessionIdFromURL()    | RequestSession.is_requested_session_id_from_url    | 12 13
            getServletContext()              | RequestSession.servlet_context                     | 71
        """,
        "HttpServletResponse": """
            encodeURL(String)         | RequestSession.encode_url          | 114 115 116 117 118 119 120 121 122 123 124
            encodeRedirectURL(String) | RequestSession.encode_redirect_url | 114 117 121 123
            isCommitted()             | RequestSession.is_committed        | 5
        """,
        "HttpSession": """
            getId()                      | HttpSession.id                    | 20 59
            getCreationTime()            | HttpSession.creation_time         | 21 23 39
            getLastAccessedTime()        | HttpSession.last_accessed_time    | 22 23 24 25 26 39
            getServletContext()          | HttpSession.servlet_context       | 27
            setMaxInactiveInterval(int)  | HttpSession.max_inactive_interval | 28 29 31
            getMaxInactiveInterval()     | HttpSession.max_inactive_interval | 28 30
            getAttribute(String)         | HttpSession.get_attribute         | 32 37 39
            getAttributeNames()          | HttpSession.attribute_names       | 33 34 39
            setAttribute(String, Object) | HttpSession.set_attribute         | 35 36 37 39 50 138
            removeAttribute(String)      | HttpSession.remove_attribute      | 37 38 39
            invalidate()                 | HttpSession.invalidate            | 39 40 55 56 57 60 61 64
            isNew()                      | HttpSession.is_new                | 41 42 43
            getAccessor()                | HttpSession.accessor              | 45
        """,
        "HttpSession.Accessor": """
            access(Consumer<HttpSession>) | Accessor.access | 46 47 48
        """,
        "ServletContext": """
            getSessionCookieConfig()                            | SessionConfig.cookie                  | 71 85
            setSessionTrackingModes(Set<SessionTrackingMode>)   | SessionConfig(tracking_modes=...)        | 89 90 91
            getDefaultSessionTrackingModes()                    | SessionConfig().tracking_modes        | 87
            getEffectiveSessionTrackingModes()                  | SessionConfig.tracking_modes          | 88
            setSessionTimeout(int)                              | SessionConfig(max_inactive_interval=...) | 68 69
            getSessionTimeout()                                 | SessionConfig.max_inactive_interval   | 68
            addListener(T)                                      | SessionManager(listeners=...)            | 93
            addListener(Class)                                  | SessionManager(listeners=...)            | 93
        """,
        "SessionCookieConfig": """
            setName(String)              | SessionCookieConfig(name=...)        | 72 83 84
            getName()                    | SessionCookieConfig.name          | 73
            setDomain(String)            | SessionCookieConfig(domain=...)      | 72 74
            getDomain()                  | SessionCookieConfig.domain        | 74
            setPath(String)              | SessionCookieConfig(path=...)        | 72 75
            getPath()                    | SessionCookieConfig.path          | 75
            setComment(String)           |                                   | 72 76
            getComment()                 |                                   | 76
            setHttpOnly(boolean)         | SessionCookieConfig(http_only=...)   | 72 77
            isHttpOnly()                 | SessionCookieConfig.http_only     | 77
            setSecure(boolean)           | SessionCookieConfig(secure=...)      | 72 78
            isSecure()                   | SessionCookieConfig.secure        | 78
            setMaxAge(int)               | SessionCookieConfig(max_age=...)     | 72 79
            getMaxAge()                  | SessionCookieConfig.max_age       | 79
            setAttribute(String, String) | SessionCookieConfig(attributes=...)  | 72 80 82
            getAttribute(String)         | SessionCookieConfig.as_attributes | 80
            getAttributes()              | SessionCookieConfig.as_attributes | 81
        """,
        "SessionTrackingMode": """
            COOKIE          | SessionTrackingMode.COOKIE | 86 91
            URL             | SessionTrackingMode.URL    | 86 91
            SSL             | SessionTrackingMode.SSL    | 86 92
            valueOf(String) | SessionTrackingMode[name]  | 86
            values()        | list(SessionTrackingMode)  | 86
        """,
        "HttpSessionEvent": """
            HttpSessionEvent(HttpSession) | HttpSessionEvent(session) | 113
            getSession()                  | HttpSessionEvent.session  | 95
        """,
        "HttpSessionBindingEvent": """
            HttpSessionBindingEvent(HttpSession, String)         | HttpSessionBindingEvent(session, name)        | 102
            HttpSessionBindingEvent(HttpSession, String, Object) | HttpSessionBindingEvent(session, name, value) | 102
            getSession()                                         | HttpSessionBindingEvent.session               | 102
            getName()                                            | HttpSessionBindingEvent.name | 98 102
            getValue()                                           | HttpSessionBindingEvent.value | 98 102
        """,
        "HttpSessionListener": """
            sessionCreated(HttpSessionEvent)   | HttpSessionListener.session_created   | 94 95 108 109
            sessionDestroyed(HttpSessionEvent) | HttpSessionListener.session_destroyed | 52 53 57 58 61 63 66 96 108 110
        """,
        "HttpSessionIdListener": """
            sessionIdChanged(HttpSessionEvent, String) | HttpSessionIdListener.session_id_changed | 15 105
        """,
        "HttpSessionAttributeListener": """
            attributeAdded(HttpSessionBindingEvent)    | HttpSessionAttributeListener.attribute_added    | 97 98 99 101
            attributeRemoved(HttpSessionBindingEvent)  | HttpSessionAttributeListener.attribute_removed  | 57 97 98 99
            attributeReplaced(HttpSessionBindingEvent) | HttpSessionAttributeListener.attribute_replaced | 97 98 103
        """,
        "HttpSessionBindingListener": """
            valueBound(HttpSessionBindingEvent)   | HttpSessionBindingListener.value_bound   | 62 100 101 103 104
            valueUnbound(HttpSessionBindingEvent) | HttpSessionBindingListener.value_unbound | 57 58 59 62 100 104
        """,
        "HttpSessionActivationListener": """
            sessionWillPassivate(HttpSessionEvent) | HttpSessionActivationListener.session_will_passivate | 106
            sessionDidActivate(HttpSessionEvent)   | HttpSessionActivationListener.session_did_activate   | 107
        """,
    }.items()
}

#: What there is no native name for, and why.
NOT_NATIVE = {
    "SessionCookieConfig.setComment(String)": "cookies have no comments since RFC 6265",
    "SessionCookieConfig.getComment()": "cookies have no comments since RFC 6265",
}

#: What is not there, and why.
NOT_OFFERED = {
    "`ServletContext.addListener(String)`": "Java finds a class by its name: import it, and hand it to `addListener`",
    "`ServletContext.createListener(Class)`": "lets a container inject resources: call the class",
    "the session methods of `HttpServletRequestWrapper` and `HttpServletResponseWrapper`": (
        "a WSGI middleware stands in their place: it may hand on a copy of the environ, in which the session is (S18)"
    ),
    "`HttpServletRequest.newPushBuilder()`, `PushBuilder.sessionId(String)`": "WSGI has no HTTP/2 pushes",
    "`@WebListener`, the `listener` elements of a `web.xml`": "nothing is looked for: hand listeners to `addListener`",
}
