"""The session tests of the Servlet TCK: by class, each with the members that it is about, or why it is not portable.

Left out are repetitions: the same tests with the configuration in a web.xml or in a web-fragment.
"""

from __future__ import annotations

_STATE = "IllegalStateExceptionTest"
_LISTENERS_OF_LISTENERS = (
    "Not portable: wants an UnsupportedOperationException in a ServletContextListener that another listener has added; "
    "there are no ServletContextListeners here"
)
_PUSH = "Not portable: about HTTP/2 pushes, which WSGI does not have"
NOT_PORTABLE = "Not portable: "
_ADDED = "ServletContext.addListener(T)"
_MODES = "setSessionTrackingModes(Set<SessionTrackingMode>)"
_CREATED = "HttpSessionListener.sessionCreated(HttpSessionEvent)"
_DESTROYED = "HttpSessionListener.sessionDestroyed(HttpSessionEvent)"
_ATTRIBUTE_ADDED = "HttpSessionAttributeListener.attributeAdded(HttpSessionBindingEvent)"
_ATTRIBUTE_REMOVED = "HttpSessionAttributeListener.attributeRemoved(HttpSessionBindingEvent)"
_ATTRIBUTE_REPLACED = "HttpSessionAttributeListener.attributeReplaced(HttpSessionBindingEvent)"

_REQUEST = {
    "getRequestedSessionIdNullTest": "getRequestedSessionId()",
    "getRequestedSessionIdTest1": "getRequestedSessionId()",
    "getRequestedSessionIdTest2": "getRequestedSessionId()",
    "getSessionTest": "getSession()",
    "getSessionTrueTest": "getSession(boolean)",
    "isRequestedSessionIdFromCookieTest": "isRequestedSessionIdFromCookie()",
    "isRequestedSessionIdFromURLTest": "isRequestedSessionIdFromURL()",
    "isRequestedSessionIdValidTest": "isRequestedSessionIdValid()",
}

#: By the class of the TCK, and the type that members without a type belong to: the tests and what they are about.
TCK: dict[tuple[str, str], dict[str, str]] = {
    ("HttpSessionTests", "HttpSession"): {
        "getCreationTimeTest": "getCreationTime()",
        f"getCreationTime{_STATE}": "getCreationTime()",
        "getIdTestServlet": "getId()",
        f"getId{_STATE}": "getId()",
        "getLastAccessedTimeTest": "getLastAccessedTime()",
        "getLastAccessedTimeSetGetTest": "getLastAccessedTime()",
        f"getLastAccessedTime{_STATE}": "getLastAccessedTime()",
        "expireHttpSessionTest": "setMaxInactiveInterval(int), getLastAccessedTime()",
        "getMaxInactiveIntervalTest": "getMaxInactiveInterval()",
        "setMaxInactiveIntervalTest": "setMaxInactiveInterval(int)",
        "getAttributeNamesTest": "getAttributeNames()",
        f"getAttributeNames{_STATE}": "getAttributeNames()",
        "getAttributeTest": "getAttribute(String)",
        f"getAttribute{_STATE}": "getAttribute(String)",
        "getServletContextTest": "getServletContext()",
        "invalidateTest": "invalidate()",
        f"invalidate{_STATE}": "invalidate()",
        "isNewTest": "isNew()",
        f"isNew{_STATE}": "isNew()",
        "removeAttributeTest": "removeAttribute(String)",
        "removeAttributeDoNothingTest": "removeAttribute(String)",
        f"removeAttribute{_STATE}": "removeAttribute(String)",
        "setAttributeTest": "setAttribute(String, Object)",
        "setAttributeNullTest": "setAttribute(String, Object)",
        f"setAttribute{_STATE}": "setAttribute(String, Object)",
    },
    ("HttpSessionxTests", "HttpSession"): {
        "getMaxInactiveIntervalTest": "getMaxInactiveInterval(), setMaxInactiveInterval(int)",
        "expireHttpSessionTest": "setMaxInactiveInterval(int)",
        "expireHttpSessionxTest": "setMaxInactiveInterval(int)",
        "expireHttpSessionxriTest": "setMaxInactiveInterval(int)",
        "expireHttpSessionxri1Test": "setMaxInactiveInterval(int)",
        "expireHttpSessionxrfTest": "setMaxInactiveInterval(int)",
        "invalidateHttpSessionTest": "invalidate(), HttpServletRequest.isRequestedSessionIdValid()",
        "invalidateHttpSessionxTest": "invalidate(), HttpServletRequest.isRequestedSessionIdValid()",
    },
    ("HttpServletRequestTests", "HttpServletRequest"): {
        **_REQUEST,
        "getSessionFalseTest": "getSession(boolean)",
        "sessionTimeoutTest": "getSession(boolean), HttpSession.setMaxInactiveInterval(int)",
    },
    ("HttpServletRequestWrapperTests", "HttpServletRequest"): {
        **_REQUEST,
        "isRequestedSessionIdFromCookieTest1": "isRequestedSessionIdFromCookie()",
        "changeSessionIDTest": "changeSessionId()",
        "changeSessionIDTest1": "changeSessionId()",
    },
    ("HttpServletRequest31Tests", "HttpServletRequest"): {"changeSessionIDTest": "changeSessionId()"},
    ("HttpSessionListenerTests", "HttpSessionListener"): {
        "createdTest": "sessionCreated(HttpSessionEvent)",
        "destroyedTest": "sessionDestroyed(HttpSessionEvent)",
    },
    ("HttpSessionAttributeListenerTests", "HttpSessionAttributeListener"): {
        "attributeAddedTest": "attributeAdded(HttpSessionBindingEvent)",
        "attributeRemovedTest": "attributeRemoved(HttpSessionBindingEvent)",
        "attributeReplacedTest": "attributeReplaced(HttpSessionBindingEvent)",
    },
    ("HttpSessionBindingListenerTests", "HttpSessionBindingListener"): {
        "boundTest": "valueBound(HttpSessionBindingEvent)",
        "unBoundTest": "valueUnbound(HttpSessionBindingEvent)",
    },
    ("HttpSessionBindingEventTests", "HttpSessionBindingEvent"): {
        "addedTest": "getName(), getValue(), getSession()",
        "removedTest": "getName(), getValue(), getSession()",
        "replacedTest": "getName(), getValue(), getSession()",
        "constructor_StringTest": "HttpSessionBindingEvent(HttpSession, String)",
        "constructor_String_ObjectTest": "HttpSessionBindingEvent(HttpSession, String, Object)",
    },
    ("HttpSessionEventTests", "HttpSessionEvent"): {
        "getSessionTest": "getSession()",
        "constructorTest": "HttpSessionEvent(HttpSession)",
    },
    ("HttpSessionIdListenerTests", "HttpSessionIdListener"): {
        "changeSessionIDTest1": "sessionIdChanged(HttpSessionEvent, String), HttpServletRequest.changeSessionId()",
    },
    ("HttpSessionListener40Tests", "HttpSessionListener"): {
        "defaultMethodsTest": "sessionCreated(HttpSessionEvent), sessionDestroyed(HttpSessionEvent)",
    },
    ("HttpSessionAttributeListener40Tests", ""): {
        "defaultMethodsTest": f"{_ATTRIBUTE_ADDED}, {_ATTRIBUTE_REMOVED}, {_ATTRIBUTE_REPLACED}",
    },
    ("HttpSessionBindingListener40Tests", "HttpSessionBindingListener"): {
        "defaultMethodsTest": "valueBound(HttpSessionBindingEvent), valueUnbound(HttpSessionBindingEvent)",
    },
    ("HttpSessionActivationListener40Tests", "HttpSessionActivationListener"): {
        "defaultMethodsTest": "sessionWillPassivate(HttpSessionEvent), sessionDidActivate(HttpSessionEvent)",
    },
    ("ServletContext303Tests", "ServletContext"): {
        "negativeaddHListenerClassTest": "addListener(Class)",
        "negativeaddHListenerStringTest": "addListener(Class)",
        "negativeaddHAListenerClassTest": "addListener(Class)",
        "negativeaddHAListenerStringTest": "addListener(Class)",
    },
    ("ServletContext304Tests", "ServletContext"): {"addListenerTest": f"{_ADDED}, {_CREATED}, {_DESTROYED}"},
    ("ServletContext305Tests", "ServletContext"): {
        "addListenerTest": f"{_ADDED}, {_ATTRIBUTE_ADDED}, {_ATTRIBUTE_REMOVED}"
    },
    ("WebListenerTests", ""): {
        "HttpSessionListenerTest": f"{_CREATED}, {_DESTROYED}",
        "HttpSessionAttributeListenerTest": f"{_ATTRIBUTE_ADDED}, {_ATTRIBUTE_REMOVED}, {_ATTRIBUTE_REPLACED}",
    },
    ("SessionCookieConfigTests", "SessionCookieConfig"): {
        "constructortest1": (
            "setName(String), getName(), setComment(String), getComment(), setPath(String), getPath(), "
            "setDomain(String), getDomain(), setMaxAge(int), getMaxAge(), setHttpOnly(boolean), isHttpOnly(), "
            "setSecure(boolean), isSecure(), setAttribute(String, String), getAttribute(String)"
        ),
        "setNameTest": "setName(String)",
        "setCommentTest": "setComment(String)",
        "setPathTest": "setPath(String)",
        "setDomainTest": "setDomain(String)",
        "setMaxAgeTest": "setMaxAge(int)",
        "setHttpOnlyTest": "setHttpOnly(boolean)",
        "setSecureTest": "setSecure(boolean)",
        "setAttributeTest": "setAttribute(String, String)",
    },
    ("SessionTrackingModeTests", "ServletContext"): {
        "setSessionTrackingModes": f"{_MODES}, getEffectiveSessionTrackingModes()"
    },
    ("SessionTrackingMode1Tests", "ServletContext"): {f"setSessionTrackingModes{one}": _MODES for one in "1234"},
    ("SessionTrackingMode2Tests", "ServletContext"): {"setSessionTrackingModes5": _MODES},
    ("SessionTrackingMode3Tests", "ServletContext"): {"setSessionTrackingModes6": _MODES},
    ("SessionTrackingMode4Tests", "ServletContext"): {"setSessionTrackingModes7": _MODES},
    ("ServletContext30Tests", "SessionTrackingMode"): {
        "getDefaultSessionTrackingModes": "ServletContext.getDefaultSessionTrackingModes()",
        "sessionTrackingModesValueOfTest": "valueOf(String)",
        "sessionTrackingModesValuesTest": "values()",
    },
    ("ServletContext40Tests", "ServletContext"): {
        "changeSessionTimeoutTest": "setSessionTimeout(int), getSessionTimeout()",
        "setSessionTimeoutContextInitialized": "setSessionTimeout(int)",
        "setSessionTimeoutContextListenerInTLD": _LISTENERS_OF_LISTENERS,
        "getEffectiveSessionTrackingModes": "getEffectiveSessionTrackingModes()",
    },
    ("GetSessionCookieconfigTests", "ServletContext"): {"getSessionCookieConfigTest": _LISTENERS_OF_LISTENERS},
    ("SetSessionTrackingModesTests", "ServletContext"): {"setSessionTrackingModesTest": _LISTENERS_OF_LISTENERS},
    ("GetDefaultSessionTrackingModesTests", "ServletContext"): {
        "getDefaultSessionTrackingModes": "getDefaultSessionTrackingModes()"
    },
    ("GetEffectiveSessionTrackingModesTests", "ServletContext"): {
        "getEffectiveSessionTrackingModes": "getEffectiveSessionTrackingModes()"
    },
    ("ServerPushTests", ""): {"serverPushSessionTest": _PUSH, "serverPushSessionTest2": _PUSH},
}


def members_of(owner: str, about: str) -> tuple[str, ...]:
    """Return the keys of the members that a test is about; none if it is not portable."""
    if about.startswith(NOT_PORTABLE):
        return ()
    names = [name.strip() for name in about.replace("), ", ")\n").splitlines()]
    return tuple(name if "." in name.partition("(")[0] else f"{owner}.{name}" for name in names)
