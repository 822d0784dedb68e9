"""The id in cookies: reading the Cookie header byte by byte, writing Set-Cookie, and requests with bad ids."""

from __future__ import annotations

import functools
import time
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

import pytest
from freezegun import freeze_time
from hypothesis import example, given, settings
from hypothesis import strategies as st

from httpsession import SessionConfig, SessionCookieConfig
from httpsession.ids import key_of
from httpsession.tracking.cookie import CookieTracking
from tests.support.browser import CookieJar
from tests.support.site import Site
from tests.support.waiting import within

ID = "0123456789ABCDEF" * 2


@pytest.fixture
def site():
    """A site that tracks by cookie."""
    with Site() as site:
        yield site


def joined(site, cookie, **environ):
    """Return the id of the session that a request with this Cookie header joins, None if it joins none."""

    def view(request):
        session = request.get_session(False)
        return None if session is None else session.id

    return site.ask("/", view, cookie=cookie, **environ).value


def attributes_of(set_cookie):
    """Return the attributes of a Set-Cookie header, names in lower case."""
    pairs = (part.strip().partition("=") for part in set_cookie.split(";")[1:])
    return {name.lower(): value for name, _, value in pairs}


def latin1(text):
    """Return *text* as a server puts its UTF-8 bytes into the environ."""
    return text.encode().decode("latin-1")


#: What Unicode, C or other parsers take for a blank and browsers do not.
ODD_BLANKS = [
    *map(latin1, "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029"),
    *map(latin1, "\u202f\u205f\u3000\u200b\ufeff"),
    *("\x85", "\xa0", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f", "\x00", "\n", "\r"),
]


class TestReading:
    """Which sessions a Cookie header opens (R30 to R35)."""

    @pytest.mark.parametrize(
        "header",
        [
            "JSESSIONID={0}",
            "JSESSIONID={0};",
            ";JSESSIONID={0}",
            ";;JSESSIONID={0};;",
            " JSESSIONID={0} ",
            "\tJSESSIONID\t=\t{0}\t",
            "a=b; JSESSIONID={0}; c=d",
            "a=b;JSESSIONID={0};c=d",
            "a=b;\t JSESSIONID={0}",
            "a; JSESSIONID={0}",
            "=a; JSESSIONID={0}",
            "=; JSESSIONID={0}",
            "a=b=c; JSESSIONID={0}",
            "$Version=1; JSESSIONID={0}; $Path=/",
            'a="b; JSESSIONID={0}; c"',
            'a="b\\"; JSESSIONID={0}; c"',
            'a="; JSESSIONID={0}',
            "a=\xff\xfe; JSESSIONID={0}",
            "a={{{0}}}; JSESSIONID={0}",
            "jsessionid=x; JSESSIONID={0}",
            "XJSESSIONID=x; JSESSIONIDX=y; JSESSIONID={0}",
            "JSESSIONID; JSESSIONID={0}",
            "JSESSIONID=; JSESSIONID={0}",
            'JSESSIONID="x"; JSESSIONID={0}',
            "JSESSIONID=x; JSESSIONID={0}; JSESSIONID=y",
        ],
    )
    def test_read(self, site, header):
        """The pair is what stands between semicolons, less blanks and tabs; a quote is a character as any other."""
        session_id = site.new_id()
        assert joined(site, header.format(session_id)) == session_id

    @pytest.mark.parametrize(
        "header",
        [
            "",
            ";",
            "=",
            "JSESSIONID",
            "JSESSIONID=",
            "JSESSIONID={lower}",
            'JSESSIONID="{0}"',
            "JSESSIONID='{0}'",
            'JSESSIONID="{0}',
            '$Version=1; JSESSIONID="{0}"; $Path=/',
            'JSESSIONID="\\{octal}"',
            "=JSESSIONID={0}",
            " = JSESSIONID={0}",
            "=={0}",
            "={0}",
            "JSESSIONID=={0}",
            "JSESSIONID:{0}",
            "JSESSIONID {0}",
            "J SESSIONID={0}",
            "jsessionid={0}",
            "JSessionId={0}",
            "XJSESSIONID={0}",
            "JSESSIONIDX={0}",
            "JSESSIONID.={0}",
            "$JSESSIONID={0}",
            "J%53ESSIONID={0}",
            "JSESSIONID%3D{0}",
            "a=b, JSESSIONID={0}",
            "a=b,JSESSIONID={0}",
            "a=b JSESSIONID={0}",
            "a=JSESSIONID={0}",
            "JSESSIONID={0},",
            "JSESSIONID={0}, a=b",
            "JSESSIONID={0}.node1",
            "JSESSIONID={0}!1",
            "JSESSIONID={0}%00",
            "JSESSIONID={0} {0}",
            "JSESSIONID={0}{0}",
            "JSESSIONID={0}0",
            "JSESSIONID={short}",
            "JSESSIONID={spaced}",
            "JSESSIONID={quoted}",
        ],
    )
    def test_not_read(self, site, header):
        """Another name, another form of value, another separator: no session, and nothing is raised."""
        session_id = site.new_id()
        header = header.format(
            session_id,
            lower=session_id.lower() if session_id.lower() != session_id else session_id[:-1],
            short=session_id[:-1],
            spaced=f"{session_id[:16]} {session_id[16:]}",
            quoted=f"%{ord(session_id[0]):02X}{session_id[1:]}",
            octal=f"{ord(session_id[0]):03o}{session_id[1:]}",
        )
        assert joined(site, header) is None

    @pytest.mark.parametrize("blank", ODD_BLANKS, ids=ascii)
    def test_odd_blanks(self, site, blank):
        """Only blank and tab are trimmed: what other parsers take for blanks makes another name or value (R31)."""
        session_id = site.new_id()
        for header in (
            f"{blank}JSESSIONID={session_id}",
            f"a=b;{blank}JSESSIONID={session_id}",
            f"JSESSIONID{blank}={session_id}",
            f"JSESSIONID={blank}{session_id}",
            f"JSESSIONID={session_id}{blank}",
            f"a=b{blank}JSESSIONID={session_id}",
            f"a=b; {blank} JSESSIONID={session_id}",
        ):
            assert joined(site, header) is None
            assert joined(site, f"{header}; JSESSIONID={session_id}") == session_id

    @pytest.mark.parametrize(
        "sent", ["_%5FHost-id", "%5F_Host-id", "_[Host-id", "..Host-id", "__host-id", "  __Host_id", "=__Host-id"]
    )
    def test_mangled_prefix(self, sent):
        """No other name turns into one with a prefix, which only a secure site of this very host can set (R31, R32)."""
        with Site(cookie=SessionCookieConfig(name="__Host-id", secure=True, path="/")) as site:
            session_id = site.new_id(scheme="https")
            assert joined(site, f"__Host-id={session_id}") == session_id
            assert joined(site, f"{sent}={session_id}") is None

    @pytest.mark.parametrize("name", ["S.D", "a+b", "$x", "x|y", "a*", "^", "S!D~", "`'"])
    def test_name_with_special_characters(self, name):
        """A name is taken literally, also where it would mean something else in a pattern."""
        with Site(cookie=SessionCookieConfig(name=name)) as site:
            session_id = site.new_id()
            assert joined(site, f"a=b; {name}={session_id}") == session_id
            for other in ("SxD", "aab", "ab", "x", "y", "", "a", f"x{name}", f"{name}x"):
                assert joined(site, f"{other}={session_id}") is None

    def test_first_valid_wins(self, site):
        """Of several the first one that opens a session does, wherever it stands (S130)."""
        first, second = site.new_id(), site.new_id()
        assert joined(site, f"JSESSIONID={first}; JSESSIONID={second}") == first
        assert joined(site, f"JSESSIONID={second}; JSESSIONID={first}") == second
        assert joined(site, f"JSESSIONID={ID}; JSESSIONID=bad; JSESSIONID={second}; JSESSIONID={first}") == second
        assert joined(site, f"JSESSIONID={first}; JSESSIONID={first}") == first

    def test_requested_id_of_several(self, site):
        """The requested id is that of the session joined; where there is none, the first, as it was sent."""
        session_id = site.new_id()

        def view(request):
            return request.requested_session_id, request.is_requested_session_id_valid

        assert site.ask("/", view, cookie=f"JSESSIONID={ID}; JSESSIONID={session_id}").value == (session_id, True)
        assert site.ask("/", view, cookie=f'JSESSIONID="x"; JSESSIONID={ID}').value == ('"x"', False)
        assert site.ask("/", view, cookie=f"JSESSIONID={ID}; JSESSIONID=y").value == (ID, False)

    @pytest.mark.parametrize("name", ["JSESSIONID={}", 'JSESSIONID="{}"', " JSESSIONID = {} "])
    @pytest.mark.parametrize("value", [ID, "x", "0" * 5000, "\xff", "a=b", "../x", "%00"])
    def test_requested_id_is_verbatim(self, site, name, value):
        """The requested id is what the client sent, good or bad, less the blanks around it (S6)."""
        requested = site.ask("/", lambda r: r.requested_session_id, cookie=name.format(value)).value
        assert requested == name.partition("=")[2].format(value).strip()

    def test_nameless_cookie_is_not_requested(self, site):
        """A browser sends ``JSESSIONID`` without ``=`` for a cookie that has this value and no name (R32)."""
        answer = site.ask(
            "/", lambda r: (r.requested_session_id, r.is_requested_session_id_from_cookie), cookie="JSESSIONID"
        )
        assert answer.value == (None, False)

    def test_at_most_four_lookups(self, site):
        """Four candidates are looked up: the fourth is found, the fifth is not (R34)."""
        session_id = site.new_id()
        for bogus, found in ((3, session_id), (4, None), (200, None)):
            header = "; ".join([f"JSESSIONID={n:032X}" for n in range(bogus)] + [f"JSESSIONID={session_id}"])
            assert joined(site, header) == found

    def test_what_is_no_candidate_does_not_count(self, site):
        """Values that are no ids cost no lookup, however many there are."""
        session_id = site.new_id()
        header = "JSESSIONID=bad; JSESSIONID; " * 200 + f"JSESSIONID={session_id}"
        assert joined(site, header) == session_id

    @pytest.mark.parametrize("asks", [True, False])
    @pytest.mark.parametrize(("bogus", "alive"), [(3, True), (4, False)])
    def test_what_is_not_looked_up_is_not_kept_alive(self, bogus, alive, asks):
        """A session whose id is the fifth is not used by the request, so it idles, whether it is asked for or not."""
        with Site(max_inactive_interval=100) as site, freeze_time("2026-01-01") as clock:
            session_id = site.new_id()
            clock.tick(60)
            header = "; ".join([f"JSESSIONID={n:032X}" for n in range(bogus)] + [f"JSESSIONID={session_id}"])
            site.ask("/", (lambda r: r.get_session(False)) if asks else (lambda r: None), cookie=header)
            clock.tick(60)
            assert joined(site, f"JSESSIONID={session_id}") == (session_id if alive else None)

    @pytest.mark.parametrize(
        "unit",
        [
            ";",
            " ",
            "\t",
            "; ",
            "=",
            '"',
            '\\"',
            "JSESSIONID",
            "JSESSIONID=",
            "JSESSIONID ",
            ";JSESSIONID",
            ";JSESSIONID=",
            f";JSESSIONID={ID[:-1]}",
            f";JSESSIONID={ID}",
            ";JSESSIONID = ",
            "; JSESSIONID" + " " * 500 + "=" + " " * 500,
            " " * 1000 + ";",
        ],
        ids=ascii,
    )
    def test_long_headers(self, unit):
        """Reading takes time in proportion to the length: 1 MiB in milliseconds; in its square, it would take hours."""
        read = CookieTracking(SessionConfig())
        header = (unit * (2**20 // len(unit) + 1))[: 2**20]

        with within(20):
            read.find_ids(header)
            if "  " not in header and "\t" not in header:
                read.find_ids_plainly(header)
            read.sent(header)

    def test_a_long_header_is_still_read(self, site):
        """The session is found at the end of 64 KiB of other things."""
        session_id = site.new_id()
        assert joined(site, "a=b; " * 13_000 + f"JSESSIONID={session_id}") == session_id

    def test_off(self):
        """With COOKIE mode off no cookie is read (S91)."""
        with Site(tracking_modes={"url"}) as site:
            session_id = site.new_id()
            assert joined(site, f"JSESSIONID={session_id}") is None


def model_of_reading(header, name):
    """Return the values of *name* in a Cookie header as RFC 6265bis has servers see them, character by character."""
    values = []
    for pair in header.split(";"):
        start, end = 0, len(pair)
        while start < end and pair[start] in " \t":
            start += 1
        while end > start and pair[end - 1] in " \t":
            end -= 1
        pair = pair[start:end]
        if "=" not in pair:
            continue
        at = pair.index("=")
        key, value = pair[:at], pair[at + 1 :]
        while key and key[-1] in " \t":
            key = key[:-1]
        while value and value[0] in " \t":
            value = value[1:]
        if key == name:
            values.append(value)
    return values


def is_id(value):
    """Return whether *value* has the form of an id of 16 bytes."""
    return len(value) == 32 and all(character in "0123456789ABCDEF" for character in value)


@functools.cache
def live():
    """A site and the ids of two of its sessions, for all examples."""
    site = Site()
    return site, (site.new_id(), site.new_id())


PIECES = st.sampled_from(
    [
        *(
            ";",
            ";",
            "=",
            "=",
            ",",
            " ",
            "\t",
            '"',
            "\\",
            "\\073",
            "$Version=1",
            "$Path",
            "%3D",
            "\x0b",
            "\x0c",
            "\x85",
            "\xa0",
        ),
        *("JSESSIONID", "JSESSIONID", "JSESSIONID=", "jsessionid", "XJSESSIONID", "JSESSIONIDX", "a=b", "\0", "\r\n"),
        *("<1>", "<1>", "<2>", ID, ID.lower(), ID[:-1], f'"{ID}"', latin1("\u2003"), latin1("\u3000")),
    ]
)
headers = st.lists(st.one_of(PIECES, PIECES, st.text(st.characters(max_codepoint=255), max_size=3)), max_size=24)


class TestReadingModel:
    """F1: any header at all is read as the model reads it."""

    @settings(deadline=None, max_examples=400)
    @given(headers.map("".join), st.sampled_from(["JSESSIONID", "S.D", "a"]))
    @example("JSESSIONID", "JSESSIONID")
    @example(f"a=b;{ID}=JSESSIONID;=JSESSIONID={ID};JSESSIONID = {ID}\t;JSESSIONID={ID}\n", "JSESSIONID")
    def test_ids_and_values(self, header, name):
        """The well-formed ids, and all values in order and verbatim, are those of the model.

        So are the ids that the faster search finds in the headers that it is for.
        """
        tracking = CookieTracking(SessionConfig(cookie=SessionCookieConfig(name=name)))
        header = header.replace("JSESSIONID", name)
        values = model_of_reading(header, name)
        ids = [value for value in values if is_id(value)]
        assert tracking.find_ids(header) == ids
        plain = header.replace("\t", "")
        while "  " in plain:
            plain = plain.replace("  ", " ")
        assert tracking.find_ids_plainly(plain) == tracking.find_ids(plain)
        assert tracking.sent(header) == values

    @settings(deadline=None, max_examples=300)
    @given(headers.map("".join))
    @example("JSESSIONID=<1>;JSESSIONID=<2>")
    @example(f"JSESSIONID={ID};" * 4 + "JSESSIONID=<1>")
    def test_which_session(self, header):
        """The session is that of the first of four well-formed ids that is alive; no header makes one or fails."""
        site, (first, second) = live()
        header = header.replace("<1>", first).replace("<2>", second)
        candidates = [value for value in model_of_reading(header, "JSESSIONID") if is_id(value)][:4]
        expected = next((value for value in candidates if value in (first, second)), None)
        created = site.manager.stats().created
        answer = site.ask("/", lambda r: getattr(r.get_session(False), "id", None), cookie=header)
        assert answer.value == expected
        assert not answer.set_cookies
        assert site.manager.stats().created == created


class TestWriting:
    """The Set-Cookie header of a new session (R21, R23, R24)."""

    def new(self, scheme="http", script_name="", headers=(), **settings):
        """Return id and Set-Cookie header of a new session with these cookie settings."""
        with Site(cookie=SessionCookieConfig(**settings)) as site:
            answer = site.ask(
                "/", lambda r: r.get_session().id, scheme=scheme, script_name=script_name, headers=headers
            )
        (set_cookie,) = answer.set_cookies
        return answer.value, set_cookie

    def test_default(self):
        """HttpOnly, Lax, Path, no Domain, kept until the browser is closed, Secure over https (R21)."""
        session_id, set_cookie = self.new()
        assert set_cookie.startswith(f"JSESSIONID={session_id};")
        assert attributes_of(set_cookie) == {"httponly": "", "samesite": "Lax", "path": "/"}
        _, set_cookie = self.new("https")
        assert attributes_of(set_cookie) == {"httponly": "", "samesite": "Lax", "path": "/", "secure": ""}

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({"http_only": False}, {"samesite": "Lax", "path": "/"}),
            ({"same_site": None}, {"httponly": "", "path": "/"}),
            ({"same_site": "Strict"}, {"httponly": "", "samesite": "Strict", "path": "/"}),
            ({"secure": True}, {"httponly": "", "samesite": "Lax", "path": "/", "secure": ""}),
            ({"path": "/a"}, {"httponly": "", "samesite": "Lax", "path": "/a"}),
            ({"domain": "example.com"}, {"httponly": "", "samesite": "Lax", "path": "/", "domain": "example.com"}),
            (
                {"partitioned": True, "same_site": "None", "secure": True},
                {"httponly": "", "samesite": "None", "path": "/", "secure": "", "partitioned": ""},
            ),
            (
                {"attributes": {"Priority": "High", "Flag": ""}},
                {"httponly": "", "samesite": "Lax", "path": "/", "priority": "High", "flag": ""},
            ),
        ],
    )
    def test_setting(self, settings, expected):
        """Each setting is an attribute, or the lack of one, and no attribute comes twice."""
        _, set_cookie = self.new(**settings)
        assert attributes_of(set_cookie) == expected
        assert set_cookie.count(";") == len(expected)

    def test_further_attributes(self):
        """Unknown attributes are written as they are given, those without a value as flags (S82)."""
        _, set_cookie = self.new(attributes={"Priority": "High", "Flag": ""})
        assert set_cookie.endswith("; Priority=High; Flag")

    def test_secure_is_never_for_plain_http(self):
        """With ``secure="auto"`` what counts is the scheme that the server tells, no header of the client (R28)."""
        with Site() as site:
            for header in ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_SSL", "HTTP_FORWARDED"):
                answer = site.ask("/", lambda r: r.get_session(), **{header: "https"})
                assert "secure" not in attributes_of(answer.set_cookies[0])

    def test_secure_false(self):
        """``secure=False`` is what it says, over https too."""
        assert "secure" not in attributes_of(self.new("https", secure=False)[1])

    @freeze_time("2026-01-01 12:00:00")
    def test_max_age(self):
        """Max-Age comes with the Expires that says the same (S79)."""
        attributes = attributes_of(self.new(max_age=3600)[1])
        assert attributes["max-age"] == "3600"
        assert attributes["expires"] == "Thu, 01 Jan 2026 13:00:00 GMT"

    def test_expires_moves_on(self):
        """The Expires of a later cookie is later: it is not rendered once for all."""
        with Site(cookie=SessionCookieConfig(max_age=60)) as site, freeze_time("2026-01-01 12:00:00") as clock:
            first = site.ask("/", lambda r: r.get_session()).set_cookies[0]
            clock.move_to("2026-01-01 13:00:00")
            second = site.ask("/", lambda r: r.get_session()).set_cookies[0]
        assert attributes_of(first)["expires"] == "Thu, 01 Jan 2026 12:01:00 GMT"
        assert attributes_of(second)["expires"] == "Thu, 01 Jan 2026 13:01:00 GMT"

    def test_no_max_age(self):
        """-1 leaves out both (S79)."""
        assert not {"max-age", "expires"} & attributes_of(self.new(max_age=-1)[1]).keys()

    def test_domain_without_its_dot(self):
        """A leading dot means nothing to browsers and is not written."""
        assert attributes_of(self.new(domain=".example.com")[1])["domain"] == "example.com"

    def test_path_of_the_setting(self):
        """A path in the configuration wins over the mount point."""
        assert attributes_of(self.new(script_name="/app", path="/")[1])["path"] == "/"

    @pytest.mark.parametrize(
        "mount",
        [
            "/app",
            "/a/b",
            "/a%20b",
            "/caf%C3%A9",
            "/%E6%97%A5%E6%9C%AC",
            "/a%25b",
            "/100%25",
            "/a%2525",
            "/%FF",
            "/a~b",
            "/a'b",
            "/a(b)",
            "/a!$&*+,=:@b",
            "/a%22b",
            "/a%3Cb",
        ],
    )
    def test_path_of_the_mount_point(self, mount):
        """The cookie comes back to the mount point, in the form that the browser has it in, and to nowhere else."""
        script_name = decoded(mount)
        _, set_cookie = self.new(script_name=script_name)
        jar = CookieJar()
        assert jar.receive(set_cookie, path=f"{mount}/page")
        assert jar.header(f"{mount}/other")
        assert jar.header(mount)
        assert not jar.header("/elsewhere")
        assert not jar.header(f"{mount}2")

    @pytest.mark.parametrize("mount", ["/a;b", "/;Domain=evil.example", "/a; HttpOnly", "/a\r\nX-Evil: 1", "/a\x00"])
    def test_mount_point_that_is_no_path_of_a_cookie(self, mount):
        """A mount point with a semicolon or a control character adds no attribute and no header (R23)."""
        with Site() as site:
            _, set_cookie = self.new(script_name=mount)
            assert set(attributes_of(set_cookie)) == {"httponly", "samesite", "path"}
            assert set_cookie.isprintable()
            answer = site.ask("/", lambda r: r.get_session(), script_name=mount)
            assert [name for name, _ in answer.headers] == ["Content-Type", "Set-Cookie", "Cache-Control", "Vary"]

    @pytest.mark.parametrize("name", ["SESSION-ID", "MY-SESSION-ID", "SESSION-IDS", "SID", "id", "JSESSIONID"])
    def test_any_name(self, name):
        """The header begins with the name, whatever it is, and the id stands in it once."""
        session_id, set_cookie = self.new(name=name)
        assert set_cookie.startswith(f"{name}={session_id};")
        assert set_cookie.count(session_id) == 1

    @pytest.mark.parametrize("place", ["/SESSION-ID", "/x/SESSION-ID"])
    def test_any_path(self, place):
        """The id stands in no other place of the header, whatever path or attribute is in it."""
        for where in ({"path": place}, {"attributes": {"X": place}}):
            session_id, set_cookie = self.new(**where)
            assert set_cookie.count(session_id) == 1
            assert place in set_cookie
        session_id, set_cookie = self.new(script_name=place)
        assert attributes_of(set_cookie)["path"] == place

    def test_only_when_needed(self, site):
        """Ten requests that read get no cookie (R24); creation and each change of the id get one."""
        created = site.ask("/", lambda r: r.get_session().id)
        assert len(created.set_cookies) == 1
        cookie = f"JSESSIONID={created.value}"
        for _ in range(10):
            assert not site.ask("/", lambda r: r.get_session().get_attribute("a"), cookie=cookie).set_cookies
        assert not site.ask("/", lambda r: r.get_session().set_attribute("a", 1), cookie=cookie).set_cookies
        assert len(site.ask("/", lambda r: r.change_session_id(), cookie=cookie).set_cookies) == 1

    def test_created_and_changed_twice(self, site):
        """A creation and two changes of the id in one request make one cookie, with the last id (R24)."""

        def view(request):
            request.get_session()
            request.change_session_id()
            return request.change_session_id()

        answer = site.ask("/", view)
        assert [cookie.partition(";")[0] for cookie in answer.set_cookies] == [f"JSESSIONID={answer.value}"]

    def test_created_and_invalidated(self, site):
        """A session that begins and ends in one request leaves no cookie at all."""
        assert not site.ask("/", lambda r: r.get_session().invalidate()).set_cookies

    def test_invalidated_and_created(self, site):
        """A session that ends and one that begins in one request: one cookie, the new one's."""
        cookie = f"JSESSIONID={site.new_id()}"

        def view(request):
            request.get_session().invalidate()
            return request.get_session().id

        answer = site.ask("/", view, cookie=cookie)
        assert [cookie.partition(";")[0] for cookie in answer.set_cookies] == [f"JSESSIONID={answer.value}"]

    @pytest.mark.parametrize("name", ["Set-Cookie", "set-cookie", "SET-COOKIE"])
    @pytest.mark.parametrize(
        "value",
        [
            "JSESSIONID=app; Path=/",
            "JSESSIONID=; HttpOnly; Path=/; Max-Age=0",
            "JSESSIONID=app; path=/",
            "JSESSIONID=app;Path = /",
            "JSESSIONID=app",
            "JSESSIONID =app; Path=/",
            " JSESSIONID=app; Path=/",
        ],
    )
    def test_cookie_of_the_application(self, site, name, value):
        """If the application sets the same cookie itself, in whatever spelling, ours takes its place (R24).

        A cookie without a path is the same here, since the request is one for ``/``.
        """
        answer = site.ask(
            "/",
            lambda r: r.get_session().id,
            headers=[(name, value), (name, "JSESSIONID2=x"), (name, "a=JSESSIONID=b; Path=/")],
        )
        assert [cookie.partition(";")[0] for cookie in answer.set_cookies] == [
            "JSESSIONID2=x",
            "a=JSESSIONID=b",
            f"JSESSIONID={answer.value}",
        ]

    @pytest.mark.parametrize("scope", ["Path=/inner", "Path=/; Domain=example.com"])
    def test_another_cookie_of_the_same_name(self, site, scope):
        """A cookie of that name for another path or domain is another cookie, as an inner application has it (S134)."""
        answer = site.ask("/", lambda r: r.get_session(), headers=[("Set-Cookie", f"JSESSIONID=inner; {scope}")])
        assert len(answer.set_cookies) == 2

    def test_application_cookie_without_a_session(self, site):
        """Where no cookie of ours is due the application's headers are left alone."""
        assert site.ask("/", headers=[("Set-Cookie", "JSESSIONID=app")]).set_cookies == ["JSESSIONID=app"]

    @pytest.mark.parametrize(
        "value",
        [
            "x\r\nX-Evil: 1",
            "x\nSet-Cookie: a=b",
            "x\0",
            "x;Domain=evil",
            "\N{LATIN CAPITAL LETTER C WITH DOT ABOVE}",
            "\ud800",
            "\x7f",
            "\x1f",
        ],
        ids=ascii,
    )
    @pytest.mark.parametrize("setting", ["name", "domain", "path", "same_site", "attribute", "attribute name"])
    def test_no_header_injection(self, setting, value):
        """Text that could end the attribute or the header is refused at construction (R23)."""
        settings = {setting: f"/{value}" if setting == "path" else value}
        if setting.startswith("attribute"):
            settings = {"attributes": {"A": value} if setting == "attribute" else {value: "x"}}
        with pytest.raises(ValueError, match="SessionCookieConfig"):
            SessionCookieConfig(**settings)


def decoded(path):
    """Return a path of a request line as it is in the environ."""
    return unquote_to_bytes(path).decode("latin-1")


EXPIRING = [
    {},
    {"name": "SID"},
    {"path": "/"},
    {"domain": "example.com"},
    {"domain": ".example.com", "path": "/app"},
    {"max_age": 3600},
    {"secure": True},
    {"http_only": False, "same_site": None},
    {"name": "__Host-id", "secure": True, "path": "/"},
    {"name": "__HOST-ID", "secure": True, "path": "/"},
    {"name": "__Secure-id", "secure": True},
    {"partitioned": True, "secure": True, "same_site": "None"},
    {"attributes": {"Priority": "High"}},
]


class TestExpiring:
    """The cookie that makes the client forget (R18)."""

    def invalidate(self, site, cookie, **environ):
        """End the session; return the Set-Cookie headers."""
        return site.ask("/", lambda r: r.get_session(False).invalidate(), cookie=cookie, **environ).set_cookies

    @pytest.mark.parametrize("settings", EXPIRING, ids=repr)
    @pytest.mark.parametrize("script_name", ["", "/app", latin1("/caf\N{LATIN SMALL LETTER E WITH ACUTE}")], ids=ascii)
    def test_a_browser_forgets(self, settings, script_name):
        """A browser that took the cookie takes the expiring one as well, for the same cookie, and has none then."""
        environ = {"scheme": "https", "script_name": script_name}
        with Site(cookie=SessionCookieConfig(**settings)) as site:
            jar = CookieJar()
            answer = site.ask("/", lambda r: r.get_session().id, **environ)
            assert jar.receive(answer.set_cookies[0], https=True, now=time.time())
            ((name, *_),) = jar.cookies
            (expiring,) = self.invalidate(site, f"{name}={answer.value}", **environ)
            assert jar.receive(expiring, https=True, now=time.time())
            assert not jar.cookies
            assert answer.value not in expiring

    def test_what_it_says(self):
        """It has no value, Max-Age=0, and an Expires that is past for any clock that is about right."""
        with Site() as site, freeze_time("2026-01-01 12:00:00"):
            (expiring,) = self.invalidate(site, f"JSESSIONID={site.new_id()}")
        assert expiring.startswith("JSESSIONID=;")
        attributes = attributes_of(expiring)
        assert attributes["max-age"] == "0"
        assert parsedate_to_datetime(attributes["expires"]).year < 2026

    def test_once(self, site):
        """Only the response to the request that ends the session carries it."""
        cookie = f"JSESSIONID={site.new_id()}"
        assert len(self.invalidate(site, cookie)) == 1
        assert not site.ask("/", lambda r: r.get_session(False), cookie=cookie).set_cookies

    def test_takes_the_place_of_the_applications(self, site):
        """A cookie of that name from the application goes, as at a creation."""
        set_cookies = self.invalidate(
            site, f"JSESSIONID={site.new_id()}", headers=[("Set-Cookie", "JSESSIONID=app; Path=/")]
        )
        assert len(set_cookies) == 1
        assert "Max-Age=0" in set_cookies[0]

    def test_not_wanted(self):
        """``expire_cookie=False`` leaves the client its cookie, as containers do."""
        with Site(expire_cookie=False) as site:
            assert self.invalidate(site, f"JSESSIONID={site.new_id()}") == []

    def test_not_without_a_cookie(self):
        """A session that came in the URL is no cookie to be forgotten, nor is one that a cookie did not open."""
        with Site(tracking_modes={"cookie", "url"}) as site:
            path = f"/;jsessionid={site.new_id()}"
            assert not site.ask(path, lambda r: r.get_session(False).invalidate()).set_cookies


class TestSecureOverHttp:
    """R28: a cookie that is Secure by configuration, in a request that came over http."""

    @pytest.fixture
    def warnings(self, caplog):
        """Returns the warnings about it so far."""
        return lambda: [record for record in caplog.records if "SessionCookieConfig.secure" in record.getMessage()]

    @pytest.mark.parametrize("max_age", [-1, 60])
    def test_said_once(self, warnings, max_age):
        """The first such cookie makes a warning, which names the setting and what happens."""
        with Site(cookie=SessionCookieConfig(secure=True, max_age=max_age)) as site:
            assert [len(site.ask("/", lambda r: r.get_session()).set_cookies) for _ in range(3)] == [1] * 3

        (warning,) = warnings()
        assert warning.levelname == "WARNING"
        assert "secure is True, but a request came over http" in warning.getMessage()

    @pytest.mark.parametrize(("secure", "scheme"), [(True, "https"), ("auto", "http"), (False, "http")])
    def test_not_said(self, warnings, secure, scheme):
        """A cookie that the client keeps is no matter for the log."""
        with Site(cookie=SessionCookieConfig(secure=secure)) as site:
            site.ask("/", lambda r: r.get_session(), scheme=scheme)

        assert warnings() == []

    def test_not_said_without_a_cookie(self, warnings):
        """A request that is given no cookie came over http without harm."""
        with Site(cookie=SessionCookieConfig(secure=True)) as site:
            site.ask("/", lambda r: r.get_session(create=False))

        assert warnings() == []


BAD_IDS = [
    "",
    "a",
    "0" * 31,
    "0" * 33,
    "F" * 5_000,
    "F" * 100_000,
    "../x",
    "..%2fx",
    "a/b",
    "a\0b",
    "a\rb",
    "a\nb",
    "...",
    "%00",
    "\x80",
    "\xff" * 32,
    latin1("\N{FULLWIDTH DIGIT ONE}" * 32),
    latin1("\N{ARABIC-INDIC DIGIT ONE}" * 32),
    latin1("\N{KELVIN SIGN}" * 32),
    "\xb2" * 32,
    "__proto__",
    "*",
    "KEYS *",
    "g" * 32,
    "G" * 32,
    "a" * 32,
    "-" + "0" * 31,
    "+" + "0" * 31,
    "0x" + "0" * 30,
    "0" * 16 + "_" + "0" * 15,
    "0" * 31 + "\n",
    "0" * 32 + "\n",
    "None",
    "null",
    "' OR 1=1 --",
]


class TestBadIds:
    """A malformed, oversized, duplicated, unknown or expired id: no session, no exception, never adopted."""

    @pytest.mark.parametrize("bad", BAD_IDS, ids=lambda bad: ascii(bad)[:20])
    @pytest.mark.parametrize("form", ["JSESSIONID={}", "JSESSIONID={0}; JSESSIONID={0}", 'JSESSIONID="{}"'])
    def test_malformed(self, site, bad, form):
        """It opens nothing and is no session's id, not even of the one that is made then (R4, R6)."""

        def view(request):
            before = request.get_session(False)
            return before, request.is_requested_session_id_valid, request.get_session().id

        answer = site.ask("/", view, cookie=form.format(bad))
        before, valid, created = answer.value
        assert (before, valid) == (None, False)
        assert created not in (bad, bad.upper())
        assert answer.set_cookies[0].startswith(f"JSESSIONID={created};")

    @pytest.mark.parametrize(
        "bad", [bad for bad in BAD_IDS if not set("?#;/\0") & set(bad)], ids=lambda bad: ascii(bad)[:20]
    )
    def test_malformed_in_the_url(self, bad):
        """A malformed id in the path parameter opens nothing, either."""
        with Site(tracking_modes={"url"}) as site:
            answer = site.ask(f"/a;jsessionid={bad}", lambda r: (r.get_session(False), r.get_session().id))
        assert answer.value[0] is None
        assert answer.value[1] not in (bad, bad.upper())
        assert answer.environ["PATH_INFO"] == "/a"

    @pytest.mark.parametrize("how", ["unknown", "invalidated", "changed", "expired", "other site"])
    def test_not_alive(self, how):
        """The id of no session, and of one that is gone, opens nothing, is not made one again, and stays dead (R4)."""
        with Site() as site, Site() as other, freeze_time("2026-01-01") as clock:
            session_id = {"unknown": lambda: ID, "other site": other.new_id}.get(how, site.new_id)()
            cookie = f"JSESSIONID={session_id}"
            if how == "invalidated":
                site.ask("/", lambda r: r.get_session().invalidate(), cookie=cookie)
            elif how == "changed":
                site.ask("/", lambda r: r.change_session_id(), cookie=cookie)
            elif how == "expired":
                clock.tick(1800)
            alive = site.manager.stats().active
            assert joined(site, cookie) is None
            assert site.manager.stats().active <= alive
            answer = site.ask("/", lambda r: (r.requested_session_id, r.get_session().id), cookie=cookie)
            requested, created = answer.value
            assert requested == session_id
            assert created != session_id
            assert joined(site, cookie) is None
            assert joined(site, f"JSESSIONID={created}") == created

    def test_no_room_for_strangers(self, site):
        """A thousand unknown ids, asked for or not, leave no session and no cookie behind (R5)."""
        for number in range(1_000):
            cookie = f"JSESSIONID={number:032X}"
            assert not site.ask("/", lambda r: r.get_session(False), cookie=cookie).set_cookies
            assert not site.ask("/", cookie=cookie).set_cookies
            assert not site.ask("/", lambda r: r.logout(), cookie=cookie).set_cookies
        assert site.manager.sweep() == 0
        assert site.manager.stats().active == 0
        assert site.manager.stats().created == 0

    def test_key_is_no_id(self, site):
        """The key that a store knows a session by opens it neither in bytes nor in digits (R41)."""
        key = key_of(site.new_id())
        for forged in (key.hex().upper(), key.hex().upper()[:32], key.decode("latin-1")):
            assert joined(site, f"JSESSIONID={forged}") is None

    def test_state_does_not_leak_to_the_next_request(self, site):
        """A request without an id after one with an id gets no session, on the same middleware (Tomcat 2015-5346)."""
        cookie = f"JSESSIONID={site.new_id()}"
        assert joined(site, cookie) is not None
        assert joined(site, None) is None
        assert joined(site, "") is None
