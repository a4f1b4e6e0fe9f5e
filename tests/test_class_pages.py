"""The pages of a class: what a student is told and sees, and the teacher's page, from a server on a real port."""

import re

import httpx
import pytest
from offline_tasks import new_uuid

from nbkit.classroom.roster import Classroom
from nbkit.classroom.serve import ClassServer
from nbkit.classroom.sessions import MAX_OF_ONE, SESSION_SECONDS, Sessions
from nbkit.offline.forms import WRONG_KEYS

HOSTILE = "<b>Eve</b>"
PROMPT = "A <script>alert(1)</script> fox"


@pytest.fixture
def room(tmp_path):
    """A class of three students, one of whom has a hostile name."""
    classroom, keys, teacher = Classroom.create(
        tmp_path / "class", [("Mia", None), ("Ben", 0.2), (HOSTILE, None)], 0.5, name="7b & friends"
    )
    classroom.keys, classroom.teacher_key = keys, teacher
    yield classroom
    classroom.close()


@pytest.fixture
def server(room):
    """A running server of that class."""
    with ClassServer(room.folder) as running:
        yield running


@pytest.fixture
def browse(server):
    """Opens browsers, each with cookies of its own."""
    opened = []

    def browse_one(**headers):
        opened.append(httpx.Client(base_url=server.url, follow_redirects=True, headers=headers, timeout=20))
        return opened[-1]

    yield browse_one
    for browser in opened:
        browser.close()


@pytest.fixture
def teacher(browse, room):
    """A browser in which the teacher is logged in."""
    browser = browse()
    assert browser.post("/teacher", data={"key": room.teacher_key}).status_code == 200
    return browser


def token_of(page):
    return re.search(r'name="token" value="([^"]+)"', page.text)[1]


def press(browser, do, path="/teacher", **fields):
    """Press a button of the teacher's page."""
    return browser.post(path, data={"token": token_of(browser.get(path)), "do": do} | fields)


def make_picture(server, key, prompt=PROMPT):
    """Have a picture made as a student; returns its UUID."""
    task = {
        "taskType": "imageInference", "taskUUID": new_uuid(), "model": "google:4@3", "positivePrompt": prompt,
        "width": 512, "height": 512,
    }  # fmt: skip
    answer = httpx.post(f"{server.url}/v1", json=[task], headers={"Authorization": f"Bearer {key}"}, timeout=20)
    return answer.json()["data"][0]["imageUUID"]


# -- students ----------------------------------------------------------------------------------------------------


def test_the_start_page_has_the_lines_to_type(browse, server):
    """With this server's address, and with what to do when it is away; the key is asked for and in no notebook."""
    page = browse().get("/").text
    assert f"NBKIT_ENGINE&quot;] = &quot;{server.url}&quot;" in page
    assert "getpass.getpass(" in page
    assert 'nbkit.Studio(engine="offline")' in page


@pytest.mark.parametrize("path", ["/hub/class/", "/"])
def test_a_prefix_of_a_proxy_is_in_the_address(browse, path):
    """Whether the proxy leaves the prefix in the path, or cuts it off and names it."""
    headers = {"X-Forwarded-Host": "school.example", "X-Forwarded-Proto": "https"}
    named = {} if path != "/" else {"X-Forwarded-Prefix": "/hub/class"}
    page = browse(**headers, **named).get(path).text
    assert "&quot;https://school.example/hub/class/v1&quot;" in page


def test_a_student_sees_the_own_state(browse, room, server):
    """What is left, and the own pictures; another student's preview is not served."""
    mine = make_picture(server, room.keys["Mia"])
    other = make_picture(server, room.keys["Ben"], "A boat")
    browser = browse()
    page = browser.post("/", data={"key": room.keys["Mia"].upper()}).text
    assert re.search(r"\$0\.4\d+ left of \$0\.50", page)
    assert mine in page
    assert other not in page
    part = browser.get("/?part")
    assert (part.status_code, mine in part.text) == (200, True)
    picture = browser.get(f"/?picture={mine}")
    assert (picture.headers["Content-Type"], picture.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    assert browser.get(f"/?picture={other}").status_code == 404
    browser.post("/", data={"do": "logout"})
    assert browser.get("/?part").status_code == 401
    assert "left of" not in browser.get("/").text


def test_a_student_sees_a_pause(browse, room):
    """The teacher's pause is said where the student looks."""
    room.set("Mia", paused=True)
    assert "has paused your key" in browse().post("/", data={"key": room.keys["Mia"]}).text


def test_wrong_keys_are_refused_and_then_have_to_wait(browse, room):
    """After some, the answer says how long; whoever has a right key behind the same proxy gets in all the same."""
    browser = browse()
    statuses = [browser.post("/", data={"key": f"mia-{number}"}).status_code for number in range(WRONG_KEYS)]
    assert set(statuses) == {403}
    late = browser.post("/teacher", data={"key": "teacher-0"})
    assert (late.status_code, int(late.headers["Retry-After"]) > 0) == (429, True)
    assert not browser.cookies
    assert browser.post("/teacher", data={"key": room.teacher_key}).status_code == 200


def test_a_key_opens_its_own_page_only(browse, room):
    """A student's key does not open the teacher's page, nor the teacher's key a student's state."""
    browser = browse()
    assert browser.post("/teacher", data={"key": room.keys["Mia"]}).status_code == 403
    assert browser.post("/", data={"key": room.teacher_key}).status_code == 403
    browser.post("/", data={"key": room.keys["Mia"]})
    assert browser.get("/teacher?part").status_code == 401
    assert "<table" not in browser.get("/teacher").text


# -- the teacher -------------------------------------------------------------------------------------------------


def test_the_teacher_sees_the_class(teacher, room, server):
    """Who may be stuck, money, students, the newest pictures and the rules, all of it escaped."""
    uuid = make_picture(server, room.keys[HOSTILE])
    make_picture(server, room.keys["Ben"])
    room.set("Ben", budget=0.0)
    page = teacher.get("/teacher").text
    assert "7b &amp; friends" in page
    assert "<strong>Ben</strong><span>nothing left</span>" in page
    assert "Not connected yet (1):</span> Mia" in page
    assert "&lt;b&gt;Eve&lt;/b&gt;" in page
    assert "&lt;script&gt;alert(1)" in page
    assert HOSTILE not in page
    assert "<script>alert" not in page
    assert "list prices, nothing is charged" in page
    assert "Every picture is checked" in page
    assert teacher.get(f"/teacher?picture={uuid}").headers["Content-Type"] == "image/jpeg"
    assert teacher.get("/teacher?picture=../class.sqlite").status_code == 404


def test_the_teacher_changes_students(teacher, room):
    """Pause, budget, both for all; the page says what was done, once."""
    assert "Mia is paused." in press(teacher, "pause", student="Mia").text
    assert "Mia is paused." not in teacher.get("/teacher").text
    assert room.student("mia").paused
    press(teacher, "resume", student="Mia")
    press(teacher, "budget", student=HOSTILE, usd="1,25")
    press(teacher, "raise-all", usd="0.25")
    assert {one.name: one.budget for one in room.students()} == {"Mia": 750_000, "Ben": 450_000, HOSTILE: 1_500_000}
    press(teacher, "pause-all")
    assert all(one.paused for one in room.students())
    press(teacher, "resume-all")
    assert not any(one.paused for one in room.students())


def test_a_press_that_cannot_be_done_says_so(teacher, room):
    """Nothing is changed, and the page stays."""
    before = room.students()
    token = token_of(teacher.get("/teacher"))
    budgets = [{"do": "budget", "student": "Mia", "usd": usd} for usd in ("much", "-1", "inf", "nan", "")]
    for fields in (*budgets, {"do": "pause", "student": "Nobody"}, {"do": "explode"}, {}):
        page = teacher.post("/teacher", data={"token": token} | fields)
        assert (page.status_code, 'class="notice" role="status">' in page.text) == (200, True), fields
    assert room.students() == before


def test_no_other_site_can_press_a_button(teacher, browse, room):
    """A form needs the session, its token, and a browser that does not call it another site's."""
    token = token_of(teacher.get("/teacher"))
    form = {"do": "pause-all", "token": token}
    assert browse().post("/teacher", data=form).status_code == 403
    assert teacher.post("/teacher", data=form | {"token": "guessed"}).status_code == 403
    assert teacher.post("/teacher", data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 400
    assert not any(one.paused for one in room.students())


def test_a_form_that_is_none_is_refused(browse):
    """Too long, no text, too many fields."""
    browser = browse(**{"Content-Type": "application/x-www-form-urlencoded"})
    for body in (b"key=" + b"a" * 20_000, b"\xff\xfe", b"&".join([b"a=1"] * 50), b"key=%ff"):
        for path in ("/", "/teacher"):
            assert browser.post(path, content=body).status_code == 400, body[:20]


def test_the_cookie_is_for_the_server_only(server, room):
    """No script reads it, no other site sends it, and behind TLS it never goes without."""
    for headers in ({}, {"X-Forwarded-Proto": "https"}, {"Origin": "https://school.example"}):
        answer = httpx.post(f"{server.url}/teacher", data={"key": room.teacher_key}, headers=headers)
        cookie = answer.headers["Set-Cookie"]
        assert (answer.status_code, answer.headers["Location"]) == (303, "?")
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert ("Secure" in cookie) == bool(headers)
        assert room.teacher_key not in cookie


def test_the_teachers_page_works_under_a_prefix(browse, room):
    """Its forms, its parts and its redirects name no path at all."""
    for path in ("/hub/user/mia@school.example/teacher", "/hub/class/teacher/", "/teacher/"):
        browser = browse()
        assert "<table" in browser.post(path, data={"key": room.teacher_key}).text
        assert "Ben is paused." in press(browser, "pause", path=path, student="Ben").text
        assert browser.get(f"{path}?part").status_code == 200
        assert not re.search(r'(?:action|formaction)=|(?:src|href)="/', browser.get(path).text)


def test_a_page_loads_nothing_from_outside_and_has_no_key(teacher, browse, room, server):
    """The policy allows its own script and style only; no page has a key, or its hash."""
    make_picture(server, room.keys["Mia"])
    student = browse()
    student.post("/", data={"key": room.keys["Mia"]})
    pages = [teacher.get("/teacher"), teacher.get("/teacher?part"), student.get("/"), browse().get("/teacher")]
    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)
        assert not any(key in page.text for key in (*room.keys.values(), room.teacher_key))
        assert " style=" not in page.text
        assert " onclick=" not in page.text


def test_the_page_refreshes_itself_without_a_script(teacher):
    """A browser that runs none loads the page again."""
    assert '<noscript><meta http-equiv="refresh"' in teacher.get("/teacher").text


def test_log_out_ends_the_session(teacher):
    """The cookie opens nothing any more."""
    press(teacher, "logout")
    assert teacher.get("/teacher?part").status_code == 401


def test_a_session_has_an_end():
    """After a day at school, a new login is needed."""
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    session = sessions.begin(None)
    assert sessions.find(session.token) is session
    now[0] = SESSION_SECONDS
    assert sessions.find(session.token) is None
    assert session.token not in repr(session)


def test_no_student_logs_others_out():
    """Many logins of one student end that student's oldest sessions, and nobody else's."""
    sessions = Sessions()
    teacher = sessions.begin(None)
    first, *_, last = [sessions.begin("Mia") for _ in range(MAX_OF_ONE + 1)]
    assert [sessions.find(one.token) for one in (teacher, first, last)] == [teacher, None, last]
