"""The names of the session attributes, in one place: a misspelt name would be a silent None."""


class SessionConst:
    """Names of session attributes."""

    #: The name of the member who is logged in.
    LOGIN_MEMBER = "login_member"
    #: What ``is_new`` said in the request that made the session.
    WAS_NEW = "was_new"
    #: How many pages the member has seen.
    PAGES_SEEN = "pages_seen"
