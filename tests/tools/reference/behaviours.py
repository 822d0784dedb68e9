"""The behaviours S1 to S145: a short name for each, and why some have no test.

The tests of S24 are the functions named ``test_s24_...``.
"""

from __future__ import annotations

#: The names, one line for each, S1 first.
NAMES = dict(
    enumerate(
        """
        getSession() makes a session if there is none
        getSession(true) gives one session throughout a request, and again in the next
        getSession(false) makes nothing and sends nothing
        after invalidate() the request has no session, or a new one, under one cookie
        no session is made after the response is committed
        the requested id is what the client sent, verbatim
        the requested id stays what the client sent
        without an id the requested id is not valid
        an id is valid in its own context only, and while its session lives
        an invalidation makes the requested id invalid within the request
        asking whether the id is valid makes no session and is no access
        whether the id came in a cookie
        whether the id came in the URL
        changeSessionId() without a session raises
        changeSessionId() keeps the session and tells the listeners before it returns
        the old id is dead, and the client is sent the new one
        changeSessionId() neither creates nor destroys
        a middleware in between changes nothing
        applications that call each other have sessions of their own
        getId() works when the session is over
        the creation time
        the last accessed time
        in the request that makes it, last accessed is created
        the last access is when the previous request arrived
        attributes are no access
        any request with the id is an access, asked for or not
        the context of a session
        the interval is in seconds, and works when the session is over
        an interval of zero or less: never
        the interval of a new session is that of the context
        a changed interval takes effect at once
        getAttribute() gives the value or null
        getAttributeNames() gives each name once
        the names are a snapshot
        setAttribute() binds or replaces
        setting null removes
        null as a name
        removing what is not there does nothing
        what raises when the session is over, and what does not
        a second invalidate() raises
        a session is new in the request that makes it
        a session is not new once the client came back with its id
        isNew() raises when the session is over
        a session object is used within its request only
        getAccessor() gives access from outside of requests
        an accessor counts as a request
        an accessor raises when the session is over or its id has changed
        what the consumer of an accessor raises is passed on
        threads may use the attributes of one session at once
        setAttribute() against invalidate(): bound and unbound, or refused
        the timeout slides; idle exactly as long as the interval is over
        an expired session ends where it is found
        a sweep ends sessions without a request
        a session in use does not time out
        a new request does not see a session that is being invalidated
        other requests under way are told that the session is over
        the order of events when a session ends
        what can be read in which event of the end
        the id can be read in valueUnbound()
        invalidate() in a callback of the end changes nothing
        a session is destroyed once, whichever thread does it
        valueBound() before the value can be read, valueUnbound() after
        a timeout tells the same as an invalidation
        an ended session is gone from the store; what becomes of the cookie
        a login keeps the session, the end of the session logs out
        closing the context ends its sessions and tells the listeners
        sessions outlive a restart of the application
        the timeout of the context is in minutes; zero or less: never
        the timeout cannot be set once the context is initialised
        the timeout of the context is for sessions made later
        getSessionCookieConfig() gives the same object each time
        the cookie cannot be set up once the context is initialised
        the name of the cookie is null if it was not set
        no domain unless it was set
        the path is that of the context unless it was set
        comments have no effect
        HttpOnly
        Secure: always, or when the request is
        Max-Age comes with Expires; by default neither
        attributes and setters agree
        getAttributes() is a read-only map without regard to case
        unknown attributes are sent; an empty value makes a flag
        what is no name of a cookie is refused
        the name of the cookie is that of the path parameter
        the cookie-config of a web.xml is as good as setters
        COOKIE, URL and SSL
        the default tracking modes
        the effective tracking modes
        tracking modes cannot be set once the context is initialised
        tracking modes that do not go together are refused
        a mode that is off is off
        tracking by the TLS session
        listeners are added before the context is initialised; others are refused
        sessionCreated() in the order of registration
        a new session can be used in sessionCreated()
        sessionDestroyed() in the reverse order
        attributeAdded(), attributeReplaced(), attributeRemoved()
        the value of an event; when replaced the old one
        attribute listeners in the order of registration
        valueBound() and valueUnbound() come in pairs
        values hear before attribute listeners
        what a binding event carries
        binding the same object again
        one value under two names
        sessionIdChanged() after the change, with the old id
        sessionWillPassivate() before, sessionDidActivate() after serialising
        sessionDidActivate() is called on the copy
        a listener need not implement anything
        what a listener raises reaches the application
        what a listener raises does not stop the sweep
        one listener for all threads
        events stay in their process
        an event needs a session
        where the id goes in a URL
        when URLs stay as they are
        in the first response URLs have the id, beside the cookie
        null and fragments stay as they are
        foreign URLs stay as they are
        other schemes and bad URLs stay as they are
        an id that is in the URL already
        the empty URL
        an absolute URL without a path gets one
        relative URLs; a redirect above the root raises
        fragments, queries and other path parameters
        the application does not see the path parameter
        the name of the path parameter matches exactly
        other path parameters do not matter
        the path parameter sent twice
        cookie and path parameter both sent
        several session cookies
        the name of the cookie matches exactly
        redirects of the container keep the id
        HTTP/2 pushes carry the id
        contexts share no sessions, even of one id
        an id made up by the client is not adopted
        an invalidation ends one context's session
        ids are random
        in a distributable context what cannot be stored is refused
        one process at a time handles a session
        what attributes share is still shared after serialising
        what cannot be serialised is unbound when a session is written
        distributable twice is once; two session-configs are an error
        windows and tabs of a client are one session
        the cookie is sent once, before the commit
        no session is made by an include after the commit
        """.strip().splitlines(),
        start=1,
    )
)
NAMES = {number: name.strip() for number, name in NAMES.items()}

#: Why a behaviour has no test.
WITHOUT = {
    44: "a rule for applications: a container need not notice",
    70: "cannot be otherwise: the timeout is fixed by the first request, before there is a session",
    132: "a container's own: WSGI has no redirects that the application does not make",
    133: "a container's own: WSGI has no pushes",
    139: "chosen otherwise: several may, each request with a snapshot; changes are merged by attribute",
    140: "chosen otherwise: each attribute is written by itself; what two share comes back as two equal objects",
    141: "chosen otherwise: with `distributable`, or in a shared store, they are refused where they are set (S138)",
}
