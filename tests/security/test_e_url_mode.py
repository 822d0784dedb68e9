"""Requirements R36 to R40: ids in URLs."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import pytest

from httpsession import SessionConfig
from tests.security.wire import HOST

#: URLs that lead to the application at /urls, and where the id goes.
OWN = {
    "page": "page;jsessionid=@",
    "/urls/x?a=1#f": "/urls/x;jsessionid=@?a=1#f",
    "/urls/x;v=1": "/urls/x;v=1;jsessionid=@",
    "/urls/x;jsessionid=OLD": "/urls/x;jsessionid=@",
    f"http://{HOST}/urls/x": f"http://{HOST}/urls/x;jsessionid=@",
    f"HTTP://{HOST.upper()}/urls/x": f"HTTP://{HOST.upper()}/urls/x;jsessionid=@",
    "?q=1": "?q=1",
}
#: URLs that lead elsewhere, for a browser at least.
FOREIGN = [
    *("", "#f", "//evil/x", "/\\evil/x", "\\\\evil", "http:/\\evil", "http:\\\\evil/urls/", "///evil/urls/x"),
    *(f"http://{HOST}@evil/urls/", f"http://{HOST}.evil/urls/", "http://h.evil/urls/", f"https://{HOST}/urls/x"),
    *("/urls/../other", "/urls/%2e%2e/other", "/urls/.%2E/other", "/urlsx/x", "/other;jsessionid=OLD/x", "/"),
    *("javascript:alert(1)", "mailto:a@example.org", "data:text/html,x", " //evil/urls", "\t//evil", "\r\n//evil"),
    *("java\tscript:alert(1)", "/\t/evil/urls/x", "http:evil", "http:///evil/urls/x", "//evil\\@h.example:8080/urls/x"),
    *("http://evil#@h.example:8080/urls/x", "http://h.example:80/urls/x", "//user@evil:8080/urls", "blob:http://x/"),
    *("/urls/..;jsessionid=OLD/other", "/urls%2f..%2fother", "/urls/\\../other", "ws://evil/urls/x"),
]


@pytest.fixture
def session_id(server):
    """The id of a session whose client sends no cookies."""
    return server.client("/urls").with_session(user="anna").id


def linked(server, session_id, url):
    """Return what the application makes of a link, for a client that sent the id in the URL."""
    return server.ask("GET", f"/urls/link;jsessionid={session_id}?u={quote(url, safe='')}").json


class TestLinks:
    """R36 and R37."""

    def test_own(self, server, session_id):
        """A link into the application has the id, once, before query and fragment (R36)."""
        for url, expected in OWN.items():
            expected = expected.replace("@", session_id)
            assert linked(server, session_id, url) == expected
            assert linked(server, session_id, expected) == expected, "once more is the same"

    def test_foreign(self, server, session_id):
        """No link that a browser may take for another site's has the id (R36, R37)."""
        for url in FOREIGN:
            assert linked(server, session_id, url) == url

    def test_client_with_cookies(self, server):
        """A client that sends its id in a cookie gets it in no link (R36)."""
        client = server.client("/urls").with_session()
        assert client.get("/link?u=page").json == "page"

    def test_dead_session(self, server, session_id):
        """No link has the id of a session that has ended (R36)."""
        server.ask("POST", f"/urls/logout;jsessionid={session_id}")
        assert linked(server, session_id, "page") == "page"

    def test_path_of_the_request(self, server, session_id):
        """A request whose path looks like another host gets no link and no redirect to that host (R37)."""
        for path in ("//evil.example/urls/link", "//evil.example/..//urls/link", "/urls//evil.example/link"):
            answer = server.ask("GET", f"{path};jsessionid={session_id}?u=x")
            located = answer.json if answer.status == 200 else ""
            assert urlsplit(located).netloc == ""

    def test_redirect(self, server, session_id):
        """A redirect into the application has the id, and one to another site does not (R37)."""
        for url, has_id in {"/urls/x": True, "//evil.example/urls": False, "http://h.evil/urls": False}.items():
            target = f"/urls/redir;jsessionid={session_id}?u={quote(url, safe='')}"
            (location,) = server.ask("GET", target).all("Location")
            assert (session_id in location) == has_id


class TestPathParameter:
    """R38."""

    @pytest.mark.parametrize(
        ("target", "path", "is_found"),
        [
            ("/urls/id;jsessionid=@", "/id", True),
            ("/urls/id;jsessionid=@;v=1", "/id;v=1", True),
            ("/urls/id;v=1;jsessionid=@", "/id;v=1", True),
            ("/urls/id;jsessionid=@;jsessionid=@", "/id", True),
            ("/urls/id;JSESSIONID=@", "/id;JSESSIONID=@", False),
            ("/urls/id%3Bjsessionid=@", "/id;jsessionid=@", False),
            ("/urls/id;xjsessionid=@", "/id;xjsessionid=@", False),
            ("/urls/id;jsessionid%3D@", "/id;jsessionid=@", False),
        ],
    )
    def test_stripped(self, server, session_id, target, path, is_found):
        """Exactly the parameter of this name is read, and stripped from what the application sees (R38)."""
        answer = server.ask("GET", target.replace("@", session_id))
        path = path.replace("@", session_id)
        if path == "/id":
            assert answer.json["path"] == path
            assert answer.json["from"] == [False, is_found]
        else:
            assert (answer.status, answer.body.decode()) == (404, f'"{path}"'), "no page has this path"

    def test_rule_for_a_path(self, server, session_id):
        """A rule for a path sees the path that is routed, wherever the parameter is (R38)."""
        for target in ("/urls/a;jsessionid=@/b", "/urls/a;v=1;jsessionid=@/b", "/urls/a/b;jsessionid=@"):
            body = server.ask("GET", target.replace("@", session_id)).body.decode()
            assert body in ('"/a/b"', '"/a;v=1/b"')

    def test_two_ids(self, server, session_id):
        """Of two ids in a path the first that is alive is taken (R38)."""
        unknown = "A" * 32
        for first, second in ((unknown, session_id), (session_id, unknown)):
            found = server.ask("GET", f"/urls/get;jsessionid={first};jsessionid={second}?k=user").json
            assert found == "anna"


class TestLeaks:
    """R39."""

    def test_headers(self, server, session_id):
        """Each response to a URL with an id keeps it from caches and from other sites (R39)."""
        for path in ("peek", "none", "redir", "missing", "link", "style/error", "style/generator", "style/public"):
            answer = server.ask("GET", f"/urls/{path};jsessionid={session_id}?u=/urls/x")
            assert answer.all("Referrer-Policy") == ["same-origin"], path
            assert "no-store" in answer.words("Cache-Control"), path

    def test_log(self, here):
        """No id of a URL is logged (R39, R88)."""
        session_id = here.client("/urls").with_session().id
        here.ask("POST", f"/urls/login;jsessionid={session_id}?u=anna")
        here.ask("GET", f"/urls/logout;jsessionid={session_id}")
        assert here.log()
        assert session_id not in here.log()


class TestLogin:
    """R40."""

    def test_planted(self, server):
        """An id that an attacker planted in a URL is worth nothing after the login of the victim (R40)."""
        planted = server.client("/urls").with_session(cart="bait").id
        answer = server.ask("POST", f"/urls/login;jsessionid={planted}?u=victim")
        assert answer.new_id != planted
        assert server.ask("GET", f"/urls/id;jsessionid={planted}").json["principal"] is None
        assert not server.has(planted, mount="/urls")
        assert server.has(answer.new_id, mount="/urls")

    def test_stream_that_was_opened_before(self, server):
        """A request that the attacker has under way while the victim logs in learns nothing (R40)."""
        attacker = server.client("/urls").with_session()
        with attacker.slow("read") as answers:
            server.ask("POST", f"/urls/login;jsessionid={attacker.id}?u=victim")
        assert answers[0].cookies == []
        assert not server.has(attacker.id, mount="/urls")

    def test_refused(self, serve_here, store):
        """With allow_url_login=False a login by URL alone gets 403 and one line, and an event tells of it (R40)."""
        configs = {"": lambda: SessionConfig(tracking_modes=["COOKIE", "URL"], allow_url_login=False)}
        server = serve_here(store, configs)
        planted = server.client().with_session().id
        answer = server.ask("POST", f"/login;jsessionid={planted}?u=victim")
        assert (answer.status, answer.cookies) == (403, [])
        assert answer.body == b"The request is not allowed.\n"
        assert server.log().count("session_login_by_url") == 1
        assert server.ask("POST", "/login?u=victim", cookie=f"JSESSIONID={planted}").json == "victim"
