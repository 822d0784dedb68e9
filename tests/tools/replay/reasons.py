"""The D and R numbers that differences are declared with; S numbers are in docs/reference/servlet.md."""

from __future__ import annotations

#: Where containers differ from the specification or from one another, and what is chosen here; security requirements.
REASONS = {
    "D1": "what is an access: any request with the id, whether or not the application asks for the session",
    "D2": "the last accessed time: when the previous request arrived",
    "D3": "idle time: from the end of the last request that is under way",
    "D4": "a session in use does not time out",
    "D5": "cookie and URL with an id each: the first that is valid, cookies first",
    "D6": "several session cookies: the first that is valid; if none is, the first",
    "D11": "an exception from a listener goes to the application, and no further listener of that event is told",
    "D12": "the requested id after a change of the id: it stays what the client sent, and is not valid any more",
    "D15": "which URLs are given the id: those of the application, whose context path ends at a slash",
    "D17": "a URL that has an id already: a stale one is replaced",
    "D18": "the empty URL: it stays empty",
    "D19": "several ids in path parameters: the first that is valid, in any segment",
    "D22": "a session created and invalidated in one request: no cookie",
    "D23": "a change of the id after commit: refused, since the client could not be told",
    "D25": "the cookie's name when none was set: the one that is used",
    "D26": "HttpOnly when nothing was set: on",
    "D30": "a session-timeout of zero: it is zero, and sessions never time out",
    "D32": "the value of an attribute-replaced event: the old one, always",
    "D33": "the value of a value-unbound event: the object that was unbound, always",
    "R22": "a configuration that is unsafe or cannot work is refused at once, by a message that names the settings",
    "R32": "a pair without an equals sign is a value without a name, as in browsers: never the session cookie",
    "R33": "there are no quoted strings in cookies: a quote is a character like others",
    "R38": "only the session's own path parameter is read, and taken out of the path; others are left as they are",
    "R41": "stores keep a digest in place of the id, by which nothing opens",
}
