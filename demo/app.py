"""The demo: every step at its own path, with its own sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.middleware.dispatcher import DispatcherMiddleware

from . import bare_cookie, everywhere, index, info, tracking, v1, v2, v3
from .web import SafeHeaders

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: The steps by their paths.
mounts: dict[str, WSGIApplication] = {
    "/cookie": bare_cookie.application,
    "/v1": v1.application,
    "/v2": v2.application,
    "/v3": v3.application,
    "/info": info.application,
    "/everywhere": everywhere.application,
    "/tracking/cookie": tracking.by_cookie,
    "/tracking/url": tracking.by_url,
    "/tracking/both": tracking.by_both,
}
application = SafeHeaders(DispatcherMiddleware(index.application, mounts))
