"""The demo: every step at its own path, with its own sessions."""

from werkzeug.middleware.dispatcher import DispatcherMiddleware

from . import bare_cookie, everywhere, index, info, tracking, v1, v2, v3

application = DispatcherMiddleware(
    index.application,
    {
        "/cookie": bare_cookie.application,
        "/v1": v1.application,
        "/v2": v2.application,
        "/v3": v3.application,
        "/info": info.application,
        "/everywhere": everywhere.application,
        "/tracking/cookie": tracking.by_cookie,
        "/tracking/url": tracking.by_url,
        "/tracking/both": tracking.by_both,
    },
)
