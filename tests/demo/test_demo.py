"""The steps of the demo, as a visitor goes through them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from email.message import Message

import pytest

from demo.steps import STEPS
from tests.demo.visitor import Page, Visitor

OTTO = ("otto", "paper-boat")
MINA = ("mina", "green-kettle")
ZOE = ("zoe", "seven-lanterns")

PAGES = ["/", *(f"{step.path}/" for step in STEPS), *(f"{step.path}/login" for step in STEPS)]
FORMS = [
    *(f"{step.path}/logout" for step in STEPS),
    "/cookie/forge",
    "/everywhere/elsewhere",
    "/everywhere/end",
    *(f"/info/{name}" for name in ("create", "set", "remove", "timeout", "invalidate")),
]
TRACKED = [step.path for step in STEPS if step.path.startswith("/tracking/")]


def session_id(page: Page) -> str:
    """Return the id in the one cookie that a page sets."""
    (cookie,) = page.cookies
    match = re.match(r"JSESSIONID=([0-9A-F]{32});", cookie)
    assert match is not None
    return match[1]


def shown(page: Page, name: str) -> str:
    """Return what the info page says of the session."""
    match = re.search(rf"<dt>{name}</dt><dd>(?:<code>)?([^<]*)", page.html)
    assert match is not None
    return match[1].strip()


class TestAllPages:
    """Promises of every page."""

    @pytest.mark.parametrize("path", PAGES)
    def test_a_stranger_gets_the_page_and_no_cookie(self, visitor: Visitor, path: str) -> None:
        """Looking makes no session, neither at home nor at the login form; a form has a cookie for its token."""
        page = visitor.get(path)

        assert (page.status, page.cookies) == (200, [])
        assert ("Set-Cookie" in page.headers) == (bool(page.forms) and not path.startswith("/tracking/url"))

    @pytest.mark.parametrize("path", [*PAGES, "/nowhere", "/v3/account"])
    def test_the_browser_is_told_to_be_careful(self, visitor: Visitor, path: str) -> None:
        """No scripts, no frames, no guessing of types, no ids in the Referer of other sites; of errors, too (R92)."""
        self.check_headers(visitor.get(path).headers)

    @pytest.mark.parametrize("path", ["/v2/logout", "/nowhere"])
    def test_refused_forms_have_the_headers_of_pages(self, visitor: Visitor, path: str) -> None:
        """Also a response that no page of the demo has made is not framed and not guessed at (R92)."""
        page = visitor.post(path, {}, {})

        assert page.status in (403, 404)
        self.check_headers(page.headers)

    def check_headers(self, headers: Message) -> None:
        """Check the headers of a response; each is there once."""
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        names = [name.lower() for name in headers if name != "Set-Cookie"]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize("path", PAGES)
    def test_no_page_needs_a_script(self, visitor: Visitor, path: str) -> None:
        """No page has a script, a style or a handler inside, which the policy would have to allow (R92)."""
        html = visitor.get(path).html

        assert re.findall(r"<script|<style|<[^>]* style=|<[^>]* on[a-z]+=|javascript:", html) == []

    @pytest.mark.parametrize("path", FORMS)
    def test_what_changes_something_is_not_done_by_get(self, visitor: Visitor, path: str) -> None:
        """A link or an image of another site can make a browser send a GET."""
        page = visitor.get(path)

        assert (page.status, page.headers["Allow"]) == (405, "POST")

    @pytest.mark.parametrize(
        "headers",
        [
            pytest.param({"Origin": "https://elsewhere.example"}, id="origin"),
            pytest.param({"Origin": "null"}, id="hidden-origin"),
            pytest.param({"Origin": "http://[bad"}, id="no-origin-at-all"),
            pytest.param({"Sec-Fetch-Site": "cross-site"}, id="fetch-metadata"),
        ],
    )
    def test_a_form_of_another_site_is_refused(self, visitor: Visitor, headers: dict[str, str]) -> None:
        """Another site cannot log a visitor in as another user."""
        form = visitor.get("/v2/login").form("/login")
        page = visitor.submit(form, headers, name=OTTO[0], password=OTTO[1])

        assert (page.status, page.cookies, page.text) == (403, [], "The request was refused.")

    @pytest.mark.parametrize("path", [*FORMS, *(f"{step.path}/login" for step in STEPS)])
    def test_a_form_without_a_token_is_refused(self, visitor: Visitor, path: str) -> None:
        """Each form has a token, which another site cannot know; without cookies it must name this site."""
        page = visitor.post(path, {"name": OTTO[0], "password": OTTO[1]}, {})

        assert (page.status, page.text) == (403, "The request was refused.")

    def test_a_form_of_this_site_is_taken(self, visitor: Visitor, demo_url: str) -> None:
        """Browsers name the origin with every form, also with those of the site itself."""
        headers = {"Origin": demo_url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}

        assert visitor.fill_in("/v2/login", headers, name=OTTO[0], password=OTTO[1]).status == 303

    def test_the_index_links_to_the_steps_in_order(self, visitor: Visitor) -> None:
        """Every step can be reached from the first page."""
        links = list(visitor.get("/").links.values())

        assert [f"{step.path}/" for step in STEPS] == links[1:]

    def test_each_step_leads_to_the_next(self, visitor: Visitor) -> None:
        """The links at the foot of the pages lead through all steps."""
        visited = [STEPS[0].path + "/"]
        while following := [url for text, url in visitor.get(visited[-1]).links.items() if text.startswith("Next")]:
            visited += following

        assert [f"{step.path}/" for step in STEPS] == visited

    @pytest.mark.parametrize("path", [step.path for step in STEPS])
    def test_a_step_shows_its_code(self, visitor: Visitor, path: str) -> None:
        """The code stands on the page, escaped."""
        code = visitor.get(f"{path}/").html.partition("<details>")[2]

        assert "def home(request: Request" in code
        assert "-&gt; Response:" in code

    @pytest.mark.parametrize("path", [step.path for step in STEPS])
    def test_a_mount_point_answers_without_its_slash(self, visitor: Visitor, path: str) -> None:
        """``/v2`` is what people type."""
        assert visitor.get(path).status == 200

    def test_the_cookies_of_the_steps_do_not_meet(self, visitor: Visitor) -> None:
        """Each cookie has the path of its step, so that logging in to one is logging in to no other."""
        for path, who in (("/cookie", OTTO), ("/v1", MINA), ("/v2", ZOE), ("/v3", OTTO), ("/tracking/cookie", MINA)):
            visitor.log_in(visitor.get(f"{path}/"), *who)

        assert {"/cookie", "/v1", "/v2", "/v3", "/tracking/cookie"} == {cookie.path for cookie in visitor.jar}
        assert "Otto Brandt" in visitor.get("/cookie/").text
        assert "Mina Park" in visitor.get("/v1/").text
        assert "Zoë O'Hara & Sons" in visitor.get("/v2/").text
        assert "Otto Brandt" in visitor.get("/v3/").text
        assert "Mina Park" in visitor.get("/tracking/cookie/").text
        assert "You have no session" in visitor.get("/info/").text


class TestBareCookie:
    """The login that is wrong."""

    def test_it_works(self, visitor: Visitor) -> None:
        """A user who logs in is greeted until the browser forgets the cookie."""
        home = visitor.follow(visitor.log_in(visitor.get("/cookie/"), *OTTO))
        assert "Hello, Otto Brandt" in home.text

        assert "Hello, stranger" in visitor.follow(visitor.submit(home.form("/logout"))).text

    def test_the_page_lets_the_visitor_forge_it(self, visitor: Visitor) -> None:
        """Without a password a client is the member that it names, and the page shows the cookie that did it."""
        home = visitor.follow(visitor.submit(visitor.get("/cookie/").form("/forge"), name="mina"))

        assert "Hello, Mina Park" in home.text
        assert "Your browser has sent member=mina" in home.text

    def test_a_copied_cookie_outlives_the_logout(self, visitor: Visitor) -> None:
        """The server knows of no session that it could end."""
        home = visitor.follow(visitor.log_in(visitor.get("/cookie/"), *OTTO))
        (copied,) = [f"{cookie.name}={cookie.value}" for cookie in visitor.session_cookies()]
        visitor.submit(home.form("/logout"))

        assert "Hello, Otto Brandt" in visitor.get("/cookie/", headers={"Cookie": copied}).text

    def test_a_forged_cookie_is_escaped(self, visitor: Visitor) -> None:
        """The page shows what it was sent, as text."""
        home = visitor.follow(visitor.submit(visitor.get("/cookie/").form("/forge"), name="<script>é;\r\n"))

        assert "<script>" not in home.html
        assert "member=<script>é" in home.text


class TestV1:
    """The session made by hand."""

    def test_login_and_logout(self, visitor: Visitor, new_visitor: Callable[..., Visitor]) -> None:
        """The cookie is a UUID; after the logout a copy of it opens nothing."""
        redirect = visitor.log_in(visitor.get("/v1/"), *MINA)
        (cookie,) = redirect.cookies
        match = re.match(r"my_session_id=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12});", cookie)
        assert match is not None
        copied = {"Cookie": f"my_session_id={match[1]}"}
        home = visitor.follow(redirect)
        assert "Hello, Mina Park" in home.text
        assert "Hello, Mina Park" in new_visitor().get("/v1/", headers=copied).text

        assert "Hello, stranger" in visitor.follow(visitor.submit(home.form("/logout"))).text
        assert "Hello, stranger" in new_visitor().get("/v1/", headers=copied).text

    def test_a_forged_id_is_nobody(self, visitor: Visitor) -> None:
        """An id cannot be guessed, and a name is no id."""
        assert "Hello, stranger" in visitor.get("/v1/", headers={"Cookie": "my_session_id=mina"}).text


class TestV2:
    """The login on HttpSession."""

    def test_login_and_logout(self, visitor: Visitor, new_visitor: Callable[..., Visitor]) -> None:
        """The whole way: a stranger, one cookie, a greeting, a stranger again, and the old cookie opens nothing."""
        home = visitor.get("/v2/")
        assert ("Hello, stranger" in home.text, []) == (True, home.cookies)

        redirect = visitor.log_in(home, *OTTO)
        assert redirect.status == 303
        old = session_id(redirect)
        assert f"JSESSIONID={old}; HttpOnly; Path=/v2; SameSite=Lax" == redirect.cookies[0]
        home = visitor.follow(redirect)
        assert ("Hello, Otto Brandt" in home.text, []) == (True, home.cookies)

        redirect = visitor.submit(home.form("/logout"))
        assert redirect.status == 303
        assert "Max-Age=0" in redirect.cookies[0]
        assert "Hello, stranger" in visitor.follow(redirect).text
        page = new_visitor().get("/v2/", headers={"Cookie": f"JSESSIONID={old}"})
        assert ("Hello, stranger" in page.text, []) == (True, page.cookies)

    def test_a_second_login_changes_the_id(self, visitor: Visitor, new_visitor: Callable[..., Visitor]) -> None:
        """An id from before a login opens nothing after it."""
        old = session_id(visitor.log_in(visitor.get("/v2/"), *OTTO))
        new = session_id(visitor.fill_in("/v2/login", name=MINA[0], password=MINA[1]))

        assert old != new
        assert "Hello, Mina Park" in visitor.get("/v2/").text
        assert "Hello, stranger" in new_visitor().get("/v2/", headers={"Cookie": f"JSESSIONID={old}"}).text

    def test_a_planted_id_is_not_adopted(self, visitor: Visitor) -> None:
        """A login with an id made by the client gets another id."""
        planted = "0" * 32
        form = visitor.get("/v2/login").form("/login")
        (cookie,) = visitor.jar
        cookies = {"Cookie": f"JSESSIONID={planted}; {cookie.name}={cookie.value}"}
        redirect = visitor.submit(form, cookies, name=MINA[0], password=MINA[1])

        assert planted != session_id(redirect)

    def test_logging_out_twice_changes_nothing(self, visitor: Visitor) -> None:
        """The session is over, and its tokens with it."""
        home = visitor.follow(visitor.log_in(visitor.get("/v2/"), *OTTO))
        assert visitor.submit(home.form("/logout")).status == 303
        second = visitor.submit(home.form("/logout"))

        assert (second.status, second.cookies) == (403, [])


class TestV3:
    """The login with ``@session_attribute``."""

    def test_the_view_gets_the_attribute(self, visitor: Visitor) -> None:
        """Home greets the member, and a member has an account."""
        home = visitor.follow(visitor.log_in(visitor.get("/v3/"), *ZOE))
        assert "Hello, Zoë O'Hara & Sons" in home.text
        assert "Zoë O&#39;Hara &amp; Sons" in home.html

        account = visitor.get(home.links["your account"])
        assert (account.status, "You are the one called zoe" in account.text) == (200, True)
        assert "Hello, stranger" in visitor.follow(visitor.submit(account.form("/logout"))).text

    def test_a_required_attribute_that_is_missing_is_a_bad_request(self, visitor: Visitor) -> None:
        """The answer names the attribute, and no session is made."""
        page = visitor.get(visitor.get("/v3/").links["your account"])

        assert (page.status, page.cookies) == (400, [])
        assert "the session attribute 'login_member', which is not set" in page.text


class TestInfo:
    """The page on which one can watch a session."""

    @pytest.fixture
    def home(self, visitor: Visitor) -> Page:
        """Return the page of a session that was just made."""
        return visitor.follow(visitor.submit(visitor.get("/info/").form("/create")))

    def test_what_a_session_knows(self, visitor: Visitor, home: Page) -> None:
        """All properties are shown; ``is_new`` is true until the client comes back."""
        (cookie,) = visitor.session_cookies()

        assert cookie.value == shown(home, "id")
        assert shown(home, "max_inactive_interval") == "60 seconds"
        assert re.fullmatch(r"[0-9:]{8} UTC", shown(home, "creation_time"))
        assert shown(home, "creation_time") <= shown(home, "last_accessed_time")
        assert shown(home, "is_new") == "False"
        assert shown(home, "principal") == "None"
        assert "was_new True" in home.text
        assert re.search(r"expires at [0-9:]{8} UTC", home.text)

    def test_attributes_are_set_and_removed(self, visitor: Visitor, home: Page) -> None:
        """Each form ends in a redirect to the page, which shows the change."""
        home = visitor.follow(visitor.submit(home.form("/set"), name="color", value="green"))
        assert "color green" in home.text
        home = visitor.follow(visitor.submit(home.form("/set"), name="color", value="blue"))
        assert "color blue" in home.text
        assert "green" not in home.text.partition("Remove")[0]

        removals = [form for form in home.forms if form.action.endswith("/remove")]
        (remove,) = [form for form in removals if form.fields["name"] == "color"]
        assert "color blue" not in visitor.follow(visitor.submit(remove)).text

    def test_attributes_are_escaped(self, visitor: Visitor, home: Page) -> None:
        """Names and values are text, in the table and in the form that removes them."""
        name, value = '"><script>x', "<img src=x onerror=alert(1)>{0}"
        home = visitor.follow(visitor.submit(home.form("/set"), name=name, value=value))

        assert "<script>" not in home.html
        assert "<img" not in home.html
        assert f"{name} {value}" in home.text
        assert name in [form.fields.get("name") for form in home.forms]

    def test_too_much_is_refused(self, visitor: Visitor, home: Page) -> None:
        """The demo keeps a few short attributes of each visitor."""
        assert visitor.submit(home.form("/set"), name="x" * 201).status == 400
        pages = [visitor.submit(home.form("/set"), name=f"name{number}") for number in range(20)]

        assert [page.status for page in pages] == [303] * 19 + [400]

    def test_a_session_expires(self, visitor: Visitor, home: Page) -> None:
        """One second without a request and at most one more, and it is gone; the server's own clock is at work."""
        home = visitor.follow(visitor.submit(home.form("/timeout"), seconds="1"))
        assert shown(home, "max_inactive_interval") == "1 seconds"

        time.sleep(2.2)
        page = visitor.get("/info/")
        assert "You have no session" in page.text
        assert visitor.submit(home.form("/set"), name="too", value="late").status == 303
        assert "You have no session" in visitor.get("/info/").text

    def test_a_session_slides(self, visitor: Visitor, home: Page) -> None:
        """Requests keep it alive for longer than its timeout."""
        home = visitor.follow(visitor.submit(home.form("/timeout"), seconds="2"))
        for _ in range(3):
            time.sleep(0.8)
            assert shown(home, "id") == shown(visitor.get("/info/"), "id")

    def test_a_session_that_does_not_time_out(self, visitor: Visitor, home: Page) -> None:
        """Zero and less mean never."""
        home = visitor.follow(visitor.submit(home.form("/timeout"), seconds="0"))

        assert shown(home, "max_inactive_interval") == "0: never"
        assert "The session stays." in home.text

    @pytest.mark.parametrize("seconds", ["", "soon", "1.5", "86401", "9" * 5000])
    def test_a_timeout_is_a_number_of_seconds(self, visitor: Visitor, home: Page, seconds: str) -> None:
        """Anything else is refused, and the session stays as it is."""
        assert visitor.submit(home.form("/timeout"), seconds=seconds).status == 400
        assert shown(visitor.get("/info/"), "max_inactive_interval") == "60 seconds"

    def test_login_changes_the_id_and_the_principal(self, visitor: Visitor, home: Page) -> None:
        """Attributes stay at the first login, and are gone when another user logs in."""
        otto = visitor.follow(visitor.log_in(home, *OTTO))
        assert (shown(otto, "principal"), "was_new True" in otto.text) == ("otto", True)
        form = visitor.get(otto.links["Log in as another member"]).form("/login")
        mina = visitor.follow(visitor.submit(form, name=MINA[0], password=MINA[1]))
        assert (shown(mina, "principal"), "was_new True" in mina.text) == ("mina", False)
        assert len({shown(page, "id") for page in (home, otto, mina)}) == 3

    def test_invalidate(self, visitor: Visitor, home: Page) -> None:
        """The session is over, its tokens with it, and the browser told to forget its cookie."""
        redirect = visitor.submit(home.form("/invalidate"))

        assert "Max-Age=0" in redirect.cookies[0]
        assert "You have no session" in visitor.follow(redirect).text
        assert visitor.submit(home.form("/invalidate")).status == 403


class TestEverywhere:
    """The sessions of a member."""

    def test_logging_out_everywhere_else(self, new_visitor: Callable[..., Visitor]) -> None:
        """A member logged in at three places sees them all and ends the other two; another member stays."""
        at_home, at_work, on_the_way, other = (new_visitor() for _ in range(4))
        for visitor in (at_home, at_work, on_the_way):
            visitor.log_in(visitor.get("/everywhere/"), *ZOE)
        other.log_in(other.get("/everywhere/"), *MINA)

        home = at_home.get("/everywhere/")
        assert (home.text.count("UTC this one"), home.text.count("UTC End")) == (1, 2)
        home = at_home.follow(at_home.submit(home.form("/elsewhere")))
        assert "Hello, Zoë O'Hara & Sons" in home.text
        assert (home.text.count("UTC this one"), home.text.count("UTC End")) == (1, 0)
        for visitor in (at_work, on_the_way):
            assert "Hello, stranger" in visitor.get("/everywhere/").text
        assert "Hello, Mina Park" in other.get("/everywhere/").text

    def test_the_list_opens_no_session(self, visitor: Visitor) -> None:
        """The page holds no id, and a stranger sees no list."""
        assert "Where you are logged in" not in visitor.get("/everywhere/").text
        redirect = visitor.log_in(visitor.get("/everywhere/"), *OTTO)

        home = visitor.follow(redirect)
        assert "Where you are logged in" in home.text
        assert session_id(redirect) not in home.html

    def test_a_stranger_ends_nothing(self, visitor: Visitor) -> None:
        """The forms do nothing for a visitor who is not logged in, but has a token."""
        token = visitor.get("/everywhere/login").form("/login").fields["csrf_token"]

        for form in ("elsewhere", "end"):
            page = visitor.post(f"/everywhere/{form}", {"csrf_token": token, "handle": "0" * 40})
            assert page.headers["Location"] == "/everywhere/"

    def test_ending_one(self, new_visitor: Callable[..., Visitor]) -> None:
        """A member ends one other session, and not that of another member, whose handle is no use (R81)."""
        at_home, at_work, other = (new_visitor() for _ in range(3))
        for visitor, member in ((at_home, OTTO), (other, MINA), (new_visitor(), MINA)):
            visitor.log_in(visitor.get("/everywhere/"), *member)
        foreign = re.findall(r'name="handle" value="(\w+)"', other.get("/everywhere/").html)
        token = at_home.get("/everywhere/").form("/elsewhere").fields["csrf_token"]
        for handle in foreign:
            assert at_home.post("/everywhere/end", {"csrf_token": token, "handle": handle}).status == 303
        assert set(foreign) <= set(re.findall(r'value="(\w+)"', other.get("/everywhere/").html))

        at_home.submit(at_home.get("/everywhere/").form("/elsewhere"))
        at_work.log_in(at_work.get("/everywhere/"), *OTTO)
        home = at_home.follow(at_home.submit(at_home.get("/everywhere/").form("/end")))
        assert ("Hello, Otto" in home.text, "UTC End" in home.text) == (True, False)
        assert "Hello, stranger" in at_work.get("/everywhere/").text


class TestTracking:
    """The same application, with ids in cookies, in URLs, and in both."""

    @pytest.mark.parametrize("path", ["/tracking/url", "/tracking/both"])
    def test_whoever_refuses_cookies_stays_logged_in_by_following_links(
        self, new_visitor: Callable[..., Visitor], path: str
    ) -> None:
        """The id is in the redirect, in the links and in the forms, and in none of them after the logout."""
        visitor = new_visitor(takes_cookies=False)
        redirect = visitor.log_in(visitor.get(f"{path}/"), *OTTO)
        assert redirect.status == 303
        match = re.fullmatch(rf"{path}/;jsessionid=([0-9A-F]{{32}})", redirect.headers["Location"])
        assert match is not None

        home = visitor.follow(redirect)
        assert "Hello, Otto Brandt" in home.text
        assert "is_requested_session_id_from_url True" in home.text
        second = visitor.get(home.links["the second page"])
        assert ("Hello, Otto Brandt" in second.text, "this session: 2" in second.text) == (True, True)
        home = visitor.get(second.links["Back to the first"])
        assert ("Hello, Otto Brandt" in home.text, "this session: 3" in home.text) == (True, True)

        redirect = visitor.submit(home.form("/logout"))
        assert f"{path}/" == redirect.headers["Location"]
        assert "Hello, stranger" in visitor.follow(redirect).text
        assert "Hello, stranger" in visitor.get(second.url).text

    def test_url_tracking_sets_no_cookie_and_reads_none(self, visitor: Visitor) -> None:
        """The cookie's name means nothing to this application."""
        redirect = visitor.log_in(visitor.get("/tracking/url/"), *OTTO)
        assert redirect.cookies == []
        session = redirect.headers["Location"].partition("=")[2]

        page = visitor.get("/tracking/url/", headers={"Cookie": f"JSESSIONID={session}"})
        assert "Hello, stranger" in page.text

    def test_cookie_tracking_writes_no_id_into_urls_and_reads_none(
        self, visitor: Visitor, new_visitor: Callable[..., Visitor]
    ) -> None:
        """A browser that refuses cookies is never logged in here."""
        redirect = visitor.log_in(visitor.get("/tracking/cookie/"), *OTTO)
        session = session_id(redirect)
        home = visitor.follow(redirect)
        assert redirect.headers["Location"] == "/tracking/cookie/"
        assert "Hello, Otto Brandt" in home.text
        assert "jsessionid" not in home.html.partition("<details>")[0]

        page = new_visitor().get(f"/tracking/cookie/second;jsessionid={session}")
        assert "Hello, Otto Brandt" not in page.text

    def test_with_both_the_id_leaves_the_urls_when_the_cookie_has_come_back(self, visitor: Visitor) -> None:
        """The redirect of the login carries the id, as the client may refuse cookies; the page after it does not."""
        redirect = visitor.log_in(visitor.get("/tracking/both/"), *OTTO)
        assert f"/tracking/both/;jsessionid={session_id(redirect)}" == redirect.headers["Location"]

        home = visitor.follow(redirect)
        assert "is_requested_session_id_from_cookie True" in home.text
        assert home.links["the second page"] == "/tracking/both/second"

    @pytest.mark.parametrize("path", TRACKED)
    def test_the_sessions_of_the_mounts_are_apart(self, new_visitor: Callable[..., Visitor], path: str) -> None:
        """An id of one application is worth nothing in another."""
        redirect = new_visitor().log_in(new_visitor().get("/tracking/both/"), *OTTO)
        session = session_id(redirect)
        cookie = {"Cookie": f"JSESSIONID={session}"}
        page = new_visitor().get(f"{path}/;jsessionid={session}", headers=cookie)

        assert ("Hello, Otto Brandt" in page.text) == (path == "/tracking/both")
