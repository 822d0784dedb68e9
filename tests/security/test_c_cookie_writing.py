"""Requirements R21 to R28: what a response says about the session, to browsers and to caches."""

from __future__ import annotations

import re

import pytest

from httpsession import SessionConfig, SessionCookieConfig

ID = "[0-9A-F]{32}"
EVIL = ["\r\nX-Evil: 1", "\nX-Evil: 1", "\x00", ";Domain=evil.example", "\u010a", "\ud800", "\x7f", "\x85"]


class TestSetCookie:
    """R21 to R24."""

    @pytest.mark.parametrize(
        ("mount", "https", "expected"),
        [
            ("", False, f"JSESSIONID={ID}; HttpOnly; Path=/; SameSite=Lax"),
            ("", True, f"JSESSIONID={ID}; Secure; HttpOnly; Path=/; SameSite=Lax"),
            ("/urls", False, f"JSESSIONID={ID}; HttpOnly; Path=/urls; SameSite=Lax"),
            ("/hardened", True, f"__Host-JSESSIONID={ID}; Secure; HttpOnly; Path=/; SameSite=Lax"),
        ],
    )
    def test_attributes(self, server, mount, https, expected):
        """The cookie has the attributes of the documentation and no others (R21)."""
        (cookie,) = server.client(mount, https=https).post("/set", k="a", v="1").cookies
        assert re.fullmatch(expected, cookie)

    @pytest.mark.parametrize(
        "header",
        [
            "X-Forwarded-Protocol: https",
            "X-Forwarded-Scheme: https",
            "X-Url-Scheme: https",
            "Forwarded: proto=https;host=evil.example",
            "Front-End-Https: on",
        ],
    )
    def test_forwarded(self, here, header):
        """The package reads no forwarded header: the server decides what is https (R28)."""
        (cookie,) = here.ask("GET", "/new", headers=[header, "X-Forwarded-Host: evil.example"]).cookies
        assert "Secure" not in cookie
        assert "evil" not in cookie

    @pytest.mark.parametrize("text", EVIL, ids=ascii)
    def test_settings(self, text):
        """No text that would break out of the header is a setting of the cookie (R23)."""
        for setting in ("name", "path", "domain", "same_site"):
            given = {"name": f"a{text}", "path": f"/{text}", "domain": f"a.example{text}", "same_site": f"Lax{text}"}
            with pytest.raises(ValueError, match=setting):
                SessionCookieConfig(**{setting: given[setting]})
        with pytest.raises(ValueError, match="attributes"):
            SessionCookieConfig(attributes={"Priority": f"High{text}"})
        with pytest.raises(ValueError, match="attributes"):
            SessionCookieConfig(attributes={f"Priority{text}": "High"})

    def test_urls(self, server):
        """No text that is encoded as a URL begins a line, and none with a control character is given the id (R23)."""
        session_id = server.client("/urls").with_session().id
        texts = {"%0d%0aX-Evil:%201": 0, "%00": 0, "a%0ab": 0, "%C4%8A": 1, "%ED%A0%80": 1, "%E5%98%8D": 1}
        for text, count in texts.items():
            answer = server.ask("GET", f"/urls/link;jsessionid={session_id}?u=/urls/x{text}")
            assert (answer.status, answer.all("X-Evil")) == (200, [])
            assert answer.body.count(session_id.encode()) == count, text

    def test_only_when_needed(self, server):
        """A session has its cookie set once, and by no read, write or request that does not ask (R24)."""
        client = server.client()
        assert len(client.post("/set", k="a", v="1").cookies) == 1
        for path in ("/peek", "/none", "/get?k=a", "/id", "/set?k=b&v=2", "/new", "/add?k=n") * 2:
            assert client.get(path).cookies == []

    @pytest.mark.parametrize(
        ("do", "cookies"),
        [("create,rotate,rotate", 1), ("create,set,rotate", 1), ("create,end", 0), ("create,rotate,end", 0)],
    )
    def test_several(self, server, do, cookies):
        """One response sets the cookie once, or not at all if the session has ended in it (R24)."""
        answer = server.client().post("/several", do=do)
        assert len(answer.cookies) == cookies

    def test_end_and_new(self, server):
        """A session that is ended and followed by a new one in one response has the new id in the one cookie (R24)."""
        client = server.client().with_session()
        before = client.id
        assert len(client.post("/several", do="end,create,set").cookies) == 1
        assert client.id != before
        assert client.get("/peek").json == {"a": 1}


class TestCaches:
    """R25."""

    @pytest.mark.parametrize("known", [True, False])
    def test_vary(self, server, known):
        """Each response of a request that looked at its session varies by cookie, once (R25)."""
        for path in ("/peek", "/get?k=a", "/id", "/set?k=a&v=1", "/new", "/logout", "/rotate"):
            client = server.client().with_session() if known else server.client()
            answer = client.get(path)
            assert answer.all("Vary") == ["Cookie"], path
            assert ("no-store" in answer.words("Cache-Control")) == bool(answer.cookies), path

    def test_no_vary(self, server):
        """A response that has not to do with the session has none of its headers (R25, R50)."""
        client = server.client().with_session()
        answer = client.get("/none")
        assert not {name.lower() for name, _ in answer.headers} & {"vary", "set-cookie", "cache-control"}

    def test_public(self, server):
        """A page that calls itself public is not stored with the cookie, and varies where it is (R25)."""
        client = server.client()
        first, second = client.get("/style/public"), client.get("/style/public")
        assert first.all("Cache-Control") == ["no-store"]
        assert second.all("Cache-Control") == ["public, max-age=60"]
        assert first.words("Vary") == second.words("Vary") == {"accept", "cookie"}

    def test_shared_cache(self, server):
        """A cache between two users and the application gives neither the page of the other (R25)."""
        stored = {}

        def through_cache(client, path):
            cookie = client.jar.header(path)
            if (path, cookie) in stored:
                return stored[path, cookie]
            answer = client.get(path)
            if "no-store" not in answer.words("Cache-Control"):
                by_cookie = "cookie" in answer.words("Vary")
                assert by_cookie or path == "/none", "a page for all"
                stored[path, cookie] = answer
            return answer

        clients = {user: server.client().with_session(user=user) for user in ("anna", "bert")}
        for _ in range(2):
            for user, client in clients.items():
                through_cache(client, "/none")
                assert through_cache(client, "/get?k=user").json == user
                assert through_cache(server.client(), "/get?k=user").json is None
        assert stored, "the cache is used"
        assert not any(answer.cookies for answer in stored.values())


class TestEachWay:
    """R26 and R27: each way in which an application answers."""

    @pytest.mark.parametrize(
        ("style", "status"),
        [("generator", 200), ("write", 200), ("no_content", 204), ("not_modified", 304), ("error", 500)],
    )
    def test_style(self, server, style, status):
        """The cookie goes out in each way to answer, and the session is there when the client has it (R26)."""
        client = server.client()
        answer = client.get(f"/style/{style}")
        assert answer.status == status
        assert len(answer.cookies) == 1
        assert {"no-store"} <= answer.words("Cache-Control")
        late = {"late": 1} if style == "generator" else {}
        assert client.get("/peek").json == {"style": style, **late}

    def test_head(self, server):
        """A HEAD request gets the headers of GET, the cookie among them, and no body (R26)."""
        client = server.client()
        answer = client.ask("HEAD", "/style/generator")
        assert len(answer.cookies) == 1
        assert client.get("/peek").json["style"] == "generator"

    def test_crashed_login(self, server):
        """A login whose request crashes leaves the client as it was, and no half session (R27)."""
        client = server.client().with_session()
        before = client.id
        answer = client.post("/boom", login="anna")
        assert (answer.status, answer.cookies) == (500, [])
        assert b"secret" not in answer.body
        assert client.id == before
        assert client.get("/id").json["principal"] is None
        assert client.get("/peek").json == {"a": "1"}

    def test_crashed_creation(self, here):
        """A session whose creation crashes is in no store (R27)."""
        answer = here.client().post("/boom", login="anna")
        assert (answer.status, answer.cookies) == (500, [])
        assert here.active == 0

    def test_crash_keeps_attributes(self, server):
        """What a request has set before it crashes stays, as in a container (R27)."""
        client = server.client().with_session()
        assert client.post("/boom", login="").status == 500
        assert client.get("/peek").json == {"a": "1", "boom": 1}


def test_secure_over_http(serve_here, store):
    """A cookie that is always Secure says so over http too, and the log names the setting, once (R28)."""
    server = serve_here(store, {"": lambda: SessionConfig(cookie=SessionCookieConfig(secure=True))})
    for _ in range(3):
        (cookie,) = server.ask("GET", "/new").cookies
        assert "; Secure" in cookie
    assert server.log().count("SessionCookieConfig.secure is True") == 1
