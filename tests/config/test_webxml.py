"""``web.xml``: the ``session-config`` of every version, what is refused, what XML cannot do here (S68, S85, S142)."""

from __future__ import annotations

import encodings.aliases
import http.server
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpsession import ConfigError, SessionConfig, SessionCookieConfig, SessionTrackingMode
from tests.support.waiting import PATIENCE, SOON, within

COOKIE, URL, _ = SessionTrackingMode
NAMESPACES = {
    "2.4": "http://java.sun.com/xml/ns/j2ee",
    "2.5": "http://java.sun.com/xml/ns/javaee",
    "3.0": "http://java.sun.com/xml/ns/javaee",
    "3.1": "http://xmlns.jcp.org/xml/ns/javaee",
    "4.0": "http://xmlns.jcp.org/xml/ns/javaee",
    "5.0": "https://jakarta.ee/xml/ns/jakartaee",
    "6.0": "https://jakarta.ee/xml/ns/jakartaee",
    "6.1": "https://jakarta.ee/xml/ns/jakartaee",
}


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Return what reads a text or bytes as a web.xml."""
    path = tmp_path_factory.mktemp("webxml") / "web.xml"

    def read_text(text):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return SessionConfig.from_web_xml(path)

    return read_text


@pytest.fixture(scope="module")
def session(read):
    """Return what reads the inside of a session-config."""
    return lambda inside: read(f"<web-app><session-config>{inside}</session-config></web-app>")


@pytest.fixture(scope="module")
def cookie(session):
    """Return what reads the inside of a cookie-config."""
    return lambda inside: session(f"<cookie-config>{inside}</cookie-config>").cookie


def attribute(name, value):
    """Return the element for an attribute of the cookie."""
    return f"<attribute><attribute-name>{name}</attribute-name><attribute-value>{value}</attribute-value></attribute>"


class TestVersions:
    """Files of every version."""

    @pytest.mark.parametrize("version", NAMESPACES)
    def test_namespaces(self, read, version):
        """The namespaces from Java EE 1.4 to Jakarta EE 11 are read."""
        config = read(
            f'<?xml version="1.0" encoding="UTF-8"?><web-app xmlns="{NAMESPACES[version]}" version="{version}">'
            "<session-config><session-timeout>54</session-timeout></session-config></web-app>"
        )
        assert config.max_inactive_interval == 54 * 60

    def test_prefix(self, read):
        """The namespace may have a prefix; without any it is read as well."""
        inside = "session-config><{0}session-timeout>5</{0}session-timeout></{0}session-config></{0}web-app>"
        prefixed = f'<j:web-app xmlns:j="{NAMESPACES["6.0"]}"><j:{inside.format("j:")}'
        assert read(prefixed).max_inactive_interval == 300
        assert read("<web-app><" + inside.format("")).max_inactive_interval == 300

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "us-ascii"])
    def test_encodings(self, read, encoding):
        """The encodings of XML are read."""
        text = "<web-app><session-config><session-timeout>5</session-timeout></session-config></web-app>"
        data = f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding)
        assert read(data).max_inactive_interval == 300


class TestContents:
    """The meaning of the elements."""

    def test_all(self, session):
        """Each element sets the setting that it stands for (S85)."""
        config = session(
            """
            <session-timeout> 30 </session-timeout>
            <cookie-config id="c">
              <name>SID</name><domain>example.com</domain><path>/app</path><comment>old</comment>
              <http-only>false</http-only><secure>true</secure><max-age>60</max-age>
              <!-- attributes came with 6.0 -->
              <attribute><description>which</description>
                <attribute-name>SameSite</attribute-name><attribute-value>None</attribute-value></attribute>
              <attribute><attribute-name>Priority</attribute-name>
                <attribute-value><![CDATA[High]]></attribute-value></attribute>
              <attribute><attribute-name>Flag</attribute-name><attribute-value/></attribute>
            </cookie-config>
            <tracking-mode>COOKIE</tracking-mode><tracking-mode>URL</tracking-mode>
            """
        )
        expected = SessionCookieConfig(
            name="SID",
            domain="example.com",
            path="/app",
            http_only=False,
            secure=True,
            max_age=60,
            same_site="None",
            attributes={"Priority": "High", "Flag": ""},
        )
        assert config == SessionConfig(tracking_modes={COOKIE, URL}, cookie=expected)

    @pytest.mark.parametrize(("minutes", "seconds"), [("30", 1800), ("0", 0), ("-1", -1), ("-30", -30), ("+1", 60)])
    def test_timeout(self, session, minutes, seconds):
        """The timeout is in minutes; zero and less are never, as they are in seconds (S68)."""
        assert session(f"<session-timeout>{minutes}</session-timeout>").max_inactive_interval == seconds

    @pytest.mark.parametrize(
        "text",
        [
            "<web-app/>",
            "<web-app><session-config/></web-app>",
            "<web-app><session-config><cookie-config/></session-config></web-app>",
            "<web-app><servlet><session-config><x/></session-config></servlet></web-app>",
            "<web-app xmlns:x='urn:x'><x:session-config><x:x/></x:session-config></web-app>",
            "<web-app>text<listener>session-config</listener></web-app>",
        ],
    )
    def test_defaults(self, read, text):
        """Missing elements have this package's defaults; only the session-config of the web-app counts."""
        assert read(text) == SessionConfig()

    def test_distributable(self, read):
        """``distributable`` may be there, more than once, too (S142)."""
        config = read("<web-app><distributable/><distributable></distributable></web-app>")
        assert getattr(config, "distributable", True) is True
        assert getattr(read("<web-app/>"), "distributable", False) is False

    @pytest.mark.parametrize(("value", "expected"), [("", True), ("true", True), ("false", False)])
    def test_flags(self, cookie, value, expected):
        """An attribute with a setting is that setting; flags have no value, or true or false."""
        inside = "".join(attribute(name, value) for name in ("HttpOnly", "secure"))
        assert (cookie(inside).http_only, cookie(inside).secure) == (expected, expected)
        assert cookie(attribute("Partitioned", value) + "<secure>true</secure>").partitioned is expected

    def test_attributes_with_a_setting(self, cookie):
        """Attributes that have a setting become that setting, in any case of letters."""
        inside = attribute("max-AGE", "60") + attribute("Path", "/a") + attribute("DOMAIN", "a.example")
        assert cookie(inside) == SessionCookieConfig(max_age=60, path="/a", domain="a.example")


IN_SESSION = "session-config"
IN_COOKIE = "session-config/cookie-config"
IN_ATTRIBUTE = "session-config/cookie-config/attribute"


class TestRefused:
    """Refusals, whose messages have file, element and value."""

    @pytest.mark.parametrize(
        ("inside", "message"),
        [
            ("<session-timeout>x</session-timeout>", f"{IN_SESSION}/session-timeout is 'x', but must be a whole"),
            ("<session-timeout>1.5</session-timeout>", f"{IN_SESSION}/session-timeout is '1.5', but must be a whole"),
            ("<session-timeout/>", f"{IN_SESSION}/session-timeout is '', but"),
            (f"<session-timeout>{'9' * 5000}</session-timeout>", f"{IN_SESSION}/session-timeout is '999"),
            (
                "<session-timeout>99999999</session-timeout>",
                rf"{IN_SESSION}/session-timeout is '99999999' \(5999999940 seconds\), but must be",
            ),
            ("<session-timeout>1<b/></session-timeout>", f"{IN_SESSION}/session-timeout is '<b>', but"),
            ("<session-timeout>1</session-timeout>" * 2, f"{IN_SESSION}/session-timeout is given twice"),
            ("<session-timout>1</session-timout>", f"{IN_SESSION}/session-timout is unknown; .*/session-timeout$"),
            ("30", "session-config is '30', but must be without a text"),
            ("30<cookie-config/>", "session-config is '30', but must be without a text"),
            ("<tracking-mode>COOKIES</tracking-mode>", f"{IN_SESSION}/tracking-mode is 'COOKIES', but must be COOKIE"),
            (
                "<tracking-mode>SSL</tracking-mode>",
                f"{IN_SESSION}/tracking-mode is 'SSL', but must be COOKIE or URL .SSL",
            ),
            ("<tracking-mode>cookie</tracking-mode>", f"{IN_SESSION}/tracking-mode is 'cookie'"),
            ("<tracking-mode/>", f"{IN_SESSION}/tracking-mode is '', but"),
            ("<cookie-config/><cookie-config/>", f"{IN_COOKIE} is given twice"),
            ("<name>SID</name>", f"{IN_SESSION}/name is unknown"),
            ("<x:session-timeout xmlns:x='urn:x'>1</x:session-timeout>", f"{IN_SESSION}/{{urn:x}}session-timeout is"),
        ],
    )
    def test_session(self, session, inside, message):
        """In session-config."""
        with pytest.raises(ConfigError, match=f"web.xml: {message}"):
            session(inside)

    @pytest.mark.parametrize(
        ("inside", "message"),
        [
            ("<http-only>yes</http-only>", f"{IN_COOKIE}/http-only is 'yes', but must be true or false"),
            ("<secure>1</secure>", f"{IN_COOKIE}/secure is '1', but must be true or false"),
            ("<secure>auto</secure>", f"{IN_COOKIE}/secure is 'auto', but must be true or false"),
            ("<max-age>1h</max-age>", f"{IN_COOKIE}/max-age is '1h', but must be a whole number"),
            ("<max-age>-2</max-age>", f"{IN_COOKIE}/max-age is '-2', but must be a whole number of seconds"),
            ("<name>a b</name>", f"{IN_COOKIE}/name is 'a b', but must be a cookie name"),
            ("<name/>", f"{IN_COOKIE}/name is '', but must be a cookie name"),
            ("<name>A</name><name>B</name>", f"{IN_COOKIE}/name is given twice"),
            ("<domain>localhost</domain>", f"{IN_COOKIE}/domain is 'localhost', but must be None or a domain"),
            ("<path>app</path>", f"{IN_COOKIE}/path is 'app', but must be"),
            ("<samesite>Lax</samesite>", f"{IN_COOKIE}/samesite is unknown; .* is {IN_COOKIE}/"),
            ("<name>__Host-a</name><secure>true</secure>", f"{IN_COOKIE}/path is None, but must be '/'"),
            ("<attribute/>", f"{IN_ATTRIBUTE} is without attribute-name"),
            ("<attribute><attribute-name>a</attribute-name></attribute>", f"{IN_ATTRIBUTE} is without attribute-value"),
            (attribute("a", "b") + attribute("A", "c"), f"{IN_ATTRIBUTE} A is given twice"),
            (attribute("a", "b;c"), f"{IN_ATTRIBUTE} is .*'b;c'.*, but must be strings"),
            (attribute("Expires", "b"), f"{IN_ATTRIBUTE} is .*, but must be named .* 'Expires'"),
            (attribute("SameSite", "x"), f"{IN_ATTRIBUTE} SameSite is 'x', but must be none, lax, strict"),
            (attribute("Secure", "x"), f"{IN_ATTRIBUTE} Secure is 'x', but must be true or false"),
            ("<secure>true</secure>" + attribute("Secure", ""), f"{IN_COOKIE}/secure and {IN_ATTRIBUTE} Secure are"),
            (
                attribute("SameSite", "None"),
                f"{IN_COOKIE}/secure is 'auto', but must be True, .* for {IN_ATTRIBUTE} SameSite='None'",
            ),
        ],
    )
    def test_cookie(self, cookie, inside, message):
        """In cookie-config."""
        with pytest.raises(ConfigError, match=f"web.xml: {message}"):
            cookie(inside)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "not well-formed: no element found"),
            ("session-config", "not well-formed: syntax error: line 1"),
            ("<web-app>", "not well-formed: no element found"),
            ("<web-app></session-config>", "not well-formed: mismatched tag"),
            ("<web-app/><web-app/>", "not well-formed: junk after document element"),
            ("<web-app>&a;</web-app>", "not well-formed: undefined entity"),
            ("<web-app><session-config>&a;</session-config></web-app>", "not well-formed: undefined entity"),
            (b"<web-app>\xff</web-app>", "not well-formed: "),
            (b"<web-app>\0</web-app>", "not well-formed: "),
            ("<beans/>", "the root is 'beans', but must be web-app"),
            ("<web-fragment/>", "the root is 'web-fragment', but must be web-app"),
            ("<web-app xmlns='urn:x'/>", "the root is '{urn:x}web-app', but must be web-app"),
            ("<session-config/>", "the root is 'session-config', but must be web-app"),
            ("<web-app><session-config/><session-config/></web-app>", "session-config is given twice"),
            ("<web-app><distributable>yes</distributable></web-app>", "distributable is 'yes', but must be without"),
            ("<web-app><distributable><a/></distributable></web-app>", "distributable is '<a>', but must be without"),
        ],
    )
    def test_file(self, read, text, message):
        """In the file as a whole; two session-config elements are one too many (S142)."""
        with pytest.raises(ConfigError, match=f"web.xml: {message}"):
            read(text)

    def test_no_file(self, tmp_path):
        """A file that cannot be read is named, with the reason."""
        with pytest.raises(ConfigError, match=r"nowhere\.xml: cannot be read: No such file"):
            SessionConfig.from_web_xml(tmp_path / "nowhere.xml")
        with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
            SessionConfig.from_web_xml(str(tmp_path))
        with pytest.raises(ConfigError, match="cannot be read: embedded null"):
            SessionConfig.from_web_xml("a\0b")

    # Decoding all 256 bytes by it is something of which Python warns, which is an error here.
    @pytest.mark.parametrize("encoding", sorted({*encodings.aliases.aliases.values(), "x"} - {"unicode_escape"}))
    def test_strange_encodings(self, read, encoding):
        """A file is read by the encoding that it names, or refused."""
        try:
            config = read(f'<?xml version="1.0" encoding="{encoding}"?><web-app/>')
        except ConfigError as error:
            assert "not well-formed: " in str(error)  # noqa: PT017 (either is right)
        else:
            assert config == SessionConfig()


def laughs(inside="<web-app>&l9;</web-app>"):
    """Return a document of 1 KB whose entity makes a billion laughs."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE web-app [<!ENTITY l0 "laugh">{entities}]>{inside}'


@pytest.fixture
def visits():
    """Return the requests that a web server of ours has seen, whose port is the first in the list."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            self.send_error(404)

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        seen.append(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield seen
        server.shutdown()
        thread.join()


class TestHarmless:
    """Features of XML that are refused here."""

    @pytest.mark.parametrize(
        "inside",
        [
            "<web-app>&l9;</web-app>",
            "<web-app a='&l9;'/>",
            "<web-app><session-config><session-timeout>&l9;</session-timeout></session-config></web-app>",
        ],
    )
    def test_billion_laughs(self, read, inside):
        """Entities that make much of little are refused before they make anything."""
        tracemalloc.start()
        try:
            with within(SOON), pytest.raises(ConfigError, match=r"web\.xml: <!DOCTYPE web-app> is refused"):
                read(laughs(inside))
            assert tracemalloc.get_traced_memory()[1] < 2**20
        finally:
            tracemalloc.stop()

    def test_quadratic_blowup(self, read):
        """A long entity that is used often is refused."""
        with within(SOON), pytest.raises(ConfigError, match="DOCTYPE"):
            read(f'<!DOCTYPE a [<!ENTITY a "{"a" * 100_000}">]><web-app>{"&a;" * 100_000}</web-app>')

    @pytest.mark.parametrize(
        "doctype",
        [
            '<!DOCTYPE web-app SYSTEM "{url}">',
            '<!DOCTYPE web-app PUBLIC "-//Sun Microsystems, Inc.//DTD Web Application 2.3//EN" "{url}">',
            '<!DOCTYPE web-app [<!ENTITY x SYSTEM "{url}">]>',
            '<!DOCTYPE web-app [<!ENTITY % x SYSTEM "{url}"> %x;]>',
            '<!DOCTYPE web-app [<!ENTITY x "5">]>',
            "<!DOCTYPE web-app []>",
            "<!DOCTYPE web-app>",
        ],
    )
    def test_doctype(self, read, visits, tmp_path, doctype):
        """A DOCTYPE is refused, whatever it declares; nothing is loaded, neither from a server nor from a file."""
        (tmp_path / "secret").write_text("55")
        text = "<web-app><session-config><session-timeout>&x;</session-timeout></session-config></web-app>"
        for url in (f"http://127.0.0.1:{visits[0]}/x", (tmp_path / "secret").as_uri()):
            with pytest.raises(ConfigError, match=r"web\.xml: <!DOCTYPE web-app> is refused") as caught:
                read(doctype.format(url=url) + text)
            assert "55" not in str(caught.value).partition("DOCTYPE")[2]
        assert len(visits) == 1

    def test_nothing_is_included(self, read, visits):
        """Neither schema locations nor XInclude nor stylesheets are followed."""
        url = f"http://127.0.0.1:{visits[0]}/x"
        config = read(
            f'<?xml-stylesheet href="{url}"?><web-app xmlns="{NAMESPACES["6.0"]}" '
            f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="{NAMESPACES["6.0"]} {url}">'
            f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{url}"/></web-app>'
        )
        assert config == SessionConfig()
        assert len(visits) == 1

    def test_depth(self, read):
        """A file that is nested deeply is read, or refused, without an end to the stack."""
        deep = "<a>" * 100_000 + "</a>" * 100_000
        assert read(f"<web-app>{deep}</web-app>") == SessionConfig()
        with pytest.raises(ConfigError, match="session-config/a is unknown"):
            read(f"<web-app><session-config>{deep}</session-config></web-app>")

    def test_size(self, read):
        """A long text is read in time that grows with its length, not with the square of it."""
        with within(PATIENCE), pytest.raises(ConfigError, match="but must be None or a domain"):
            read(
                "<web-app><session-config><cookie-config>"
                f"<domain>{'&#97;' * 1_000_000}</domain></cookie-config></session-config></web-app>"
            )


TAGS = ("web-app", "session-config", "session-timeout", "cookie-config", "name", "secure", "attribute", "tracking-mode")
PIECES = [
    *(f"<{tag}>" for tag in TAGS),
    *(f"</{tag}>" for tag in TAGS),
    *(f"<{tag}/>" for tag in TAGS),
    *("<attribute-name>", "</attribute-name>", "<!--", "-->", "<![CDATA[", "]]>", "&amp;", "&x;", "&#0;", "&#49;"),
    *("<!DOCTYPE web-app", "[", "<!ENTITY x 'y'>", "]>", '<?xml version="1.0"?>', "30", "COOKIE", "true", " ", "\0"),
    f' xmlns="{NAMESPACES["6.0"]}"',
]


class TestAnything:
    """Files with random contents."""

    @staticmethod
    def check(read, data):
        """Read *data*, which must give a configuration or a ConfigError."""
        try:
            config = read(data)
        except ConfigError as error:
            assert "web.xml: " in str(error)  # noqa: PT017 (either is right)
        else:
            assert isinstance(config, SessionConfig)

    @given(data=st.binary())
    def test_bytes(self, read, data):
        """Bytes give a configuration or a ConfigError, never another exception."""
        self.check(read, data)

    @given(pieces=st.lists(st.sampled_from(PIECES) | st.text(max_size=5)))
    def test_pieces(self, read, pieces):
        """Pieces of XML in any order give a configuration or a ConfigError."""
        self.check(read, "".join(pieces).encode(errors="replace"))

    @given(
        inside=st.recursive(
            st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="<&\ufffe\uffff")),
            lambda inner: st.lists(
                st.tuples(st.sampled_from((*TAGS, "attribute-name", "attribute-value")), inner), max_size=4
            ).map(lambda parts: "".join(f"<{tag}>{text}</{tag}>" for tag, text in parts)),
        )
    )
    def test_elements(self, session, inside):
        """And so do our elements, well-formed, with any text in any order."""
        self.check(session, inside)
