"""The names of the session attributes, in one place: a misspelt name would silently give None."""


class SessionConst:
    """Names of session attributes."""

    #: The name of the member who is logged in.
    LOGIN_MEMBER = "login_member"
    #: The value of ``is_new`` in the request that created the session.
    WAS_NEW = "was_new"
    #: The number of pages that the member has seen.
    PAGES_SEEN = "pages_seen"
