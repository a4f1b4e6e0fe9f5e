"""What a browser gets: a page that tells a student what to type, and the teacher's page.

Each page is one address: its newest part is ``?part``, a preview is ``?picture=UUID``, and its forms go to itself. A key is
shown once, in a form; then a cookie stands for it, which no script reads and no other site sends.
"""

from __future__ import annotations

import functools
import time
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from nbkit.classroom.accounting import Accounting
from nbkit.classroom.roster import TEACHER, Classroom, Student
from nbkit.classroom.sessions import Session, Sessions
from nbkit.classroom.views import (
    HEADERS,
    ClassState,
    PictureItem,
    StudentState,
    login_page,
    start_page,
    student_part,
    teacher_page,
    teacher_part,
)
from nbkit.errors import NbkitError, NoImage
from nbkit.measures.preview import make_preview
from nbkit.offline.forms import FormError, is_secure, read_form, see_other
from nbkit.request.price import MICRO

PREVIEW_PIXELS, PREVIEWS_KEPT = 256, 256
NEWEST, OWN_NEWEST = 24, 8


class Facts(Protocol):
    """What the pages show beside the file of the class."""

    @property
    def is_offline(self) -> bool:
        """Whether prices are list prices, and no money."""

    def address(self, request: Request) -> str:
        """Of this server, as a student types it."""

    def queue(self) -> list[tuple[str, str, int]]:
        """Everybody who waits: student, taskUUID, place."""

    def picture(self, uuid: str) -> bytes | None:
        """The bytes of a picture; ``None`` if it is not here."""


def routes(classroom: Classroom, facts: Facts) -> list[Route]:
    """The pages of a class.

    Args:
        classroom: whose students and teacher log in.
        facts: of the server.
    """
    pages = _Pages(classroom, facts)
    return [
        Route("/", pages.start, methods=["GET", "POST"]),
        Route("/teacher", pages.teacher, methods=["GET", "POST"]),
    ]


class _Pages:
    def __init__(self, classroom: Classroom, facts: Facts) -> None:
        self._class, self._facts = classroom, facts
        self._accounting, self._sessions = Accounting(classroom.database), Sessions()
        self._messages: dict[str, str] = {}  # what the last press of a session did
        # A preview is made once, however many look.
        self._preview = functools.lru_cache(PREVIEWS_KEPT)(self._make_preview)

    # -- students ----------------------------------------------------------------------------------------------

    async def start(self, request: Request) -> Response:
        try:
            return await self._start(request)
        except FormError as error:
            return self._start_page(request, 400, message=str(error))

    async def _start(self, request: Request) -> Response:
        session = self._session(request, of_teacher=False)
        if request.method == "POST":
            form = await read_form(request)
            return (
                self._log_out(session)
                if form.get("do") == "logout"
                else await self._log_in(request, form, of_teacher=False)
            )
        student = session.student if session else None
        if "picture" in request.query_params:
            return _html("", 401) if student is None else await self._picture(request, student)
        if "part" in request.query_params and student is None:
            return _html("", 401)
        state = "" if student is None else student_part(await self._student_state(student))
        return _html(state) if "part" in request.query_params else self._start_page(request, state=state)

    def _start_page(self, request: Request, status: int = 200, *, state: str = "", message: str = "") -> Response:
        return _html(start_page(self._class.name, self._facts.address(request), state, message), status)

    async def _student_state(self, name: str) -> StudentState:
        queue = self._facts.queue()
        places = [place for student, _, place in queue if student == name]

        def read() -> StudentState:
            budget, paused, account = self._accounting.account(name)
            return StudentState(
                name, budget, account.spent, account.held, self._accounting.left(name), paused,
                self._accounting.counts(name)[1], places, len(queue), self._pictures(OWN_NEWEST, name),
            )  # fmt: skip

        return await run_in_threadpool(read)

    # -- the teacher -------------------------------------------------------------------------------------------

    async def teacher(self, request: Request) -> Response:
        try:
            return await self._teacher(request)
        except FormError as error:
            return _html(login_page(self._class.name, str(error)), 400)

    async def _teacher(self, request: Request) -> Response:
        session = self._session(request, of_teacher=True)
        if request.method == "POST":
            return await self._teacher_form(request, session)
        if session is None:
            asks = "part" in request.query_params or "picture" in request.query_params
            return _html("", 401) if asks else _html(login_page(self._class.name))
        if "picture" in request.query_params:
            return await self._picture(request)
        state = await self._class_state(session)
        if "part" in request.query_params:
            return _html(teacher_part(state))
        return _html(teacher_page(state, self._messages.pop(session.token, "")))

    async def _teacher_form(self, request: Request, session: Session | None) -> Response:
        form = await read_form(request)
        if session is None:
            return await self._log_in(request, form, of_teacher=True)
        if form.get("token") != session.form_token:
            return _html(login_page(self._class.name, "That form was too old. Log in again."), 403)
        if form.get("do") == "logout":
            return self._log_out(session)
        self._messages[session.token] = await run_in_threadpool(self._change, form)
        return see_other(HEADERS)

    async def _class_state(self, session: Session) -> ClassState:
        waiting = len(self._facts.queue())
        room = self._class
        return await run_in_threadpool(
            lambda: ClassState(
                name=room.name,
                report=room.report(),
                account=room.account,
                total=room.total,
                rules=room.policy.sentences(),
                latencies=room.latencies(),
                waiting=waiting,
                pictures=self._pictures(NEWEST),
                is_offline=self._facts.is_offline,
                form_token=session.form_token,
                now=time.time(),
            )
        )

    def _change(self, form: dict[str, str]) -> str:
        """Do what a button says; returns what was done, or why not."""
        do, name = form.get("do"), form.get("student", "")
        try:
            if do in ("pause", "resume"):
                self._class.set(name, paused=do == "pause")
                return f"{name} is paused." if do == "pause" else f"{name} goes on."
            if do in ("pause-all", "resume-all"):
                for student in self._class.students():
                    self._class.set(student.name, paused=do == "pause-all")
                return "Everybody is paused." if do == "pause-all" else "Everybody goes on."
            usd = _amount(form.get("usd", ""))
            if do == "budget":
                self._class.set(name, budget=usd)
                return f"{name} may spend ${usd:,.2f} in all."
            if do == "raise-all":
                for student in self._class.students():
                    self._class.set(student.name, budget=student.budget / MICRO + usd)
                return f"Every budget is ${usd:,.2f} higher."
        except NbkitError as error:
            return str(error)
        return "Nothing was changed."

    # -- both --------------------------------------------------------------------------------------------------

    def _session(self, request: Request, *, of_teacher: bool) -> Session | None:
        session = self._sessions.find(request.cookies.get(self._cookie(of_teacher=of_teacher)))
        return session if session is not None and (session.student is None) == of_teacher else None

    def _cookie(self, *, of_teacher: bool) -> str:
        """The name of a cookie: cookies do not know ports, and a teacher may try a student's key."""
        return f"nbkit-{self._class.organization_uuid[:8]}-{'teacher' if of_teacher else 'student'}"

    async def _log_in(self, request: Request, form: dict[str, str], *, of_teacher: bool) -> Response:
        def refused(message: str, status: int) -> Response:
            if of_teacher:
                return _html(login_page(self._class.name, message), status)
            return self._start_page(request, status, message=message)

        host = request.client.host if request.client else ""
        found = await run_in_threadpool(self._class.who, form.get("key", ""))
        wait = self._sessions.wrong_keys.seconds_to_wait(host)
        if wait and found is None:  # behind a hub, all of a class is one host
            answer = refused("Too many wrong keys. Wait a little, then try again.", 429)
            answer.headers["Retry-After"] = str(int(wait) + 1)
            return answer
        if found is None:
            self._sessions.wrong_keys.note(host)
            return refused("Nobody in this class has this key. Is each character as on the paper?", 403)
        if of_teacher and found != TEACHER:
            return refused("This is a student's key.", 403)
        if not of_teacher and not isinstance(found, Student):
            return refused("This is the teacher's key. The teacher's page takes it; the link is below.", 403)
        session = self._sessions.begin(found.name if isinstance(found, Student) else None)
        answer = see_other(HEADERS)
        # Without a path, the cookie is for the page's own folder: a hub has many servers under one name.
        answer.set_cookie(
            self._cookie(of_teacher=of_teacher), session.token, path=None, httponly=True, samesite="strict",
            secure=is_secure(request),
        )  # fmt: skip
        return answer

    def _log_out(self, session: Session | None) -> Response:
        if session is not None:
            self._sessions.end(session.token)
            self._messages.pop(session.token, None)
        return see_other(HEADERS)

    async def _picture(self, request: Request, student: str | None = None) -> Response:
        name = request.query_params["picture"]

        def read() -> bytes | None:
            if student is not None and name not in {one.uuid for one in self._pictures(OWN_NEWEST, student)}:
                return None
            return self._preview(name)

        data = await run_in_threadpool(read)
        if data is None:
            return Response(status_code=404, headers=HEADERS)
        return Response(
            data, media_type="image/jpeg", headers=HEADERS | {"Cache-Control": "private, max-age=3600, immutable"}
        )

    def _make_preview(self, uuid: str) -> bytes | None:
        data = self._facts.picture(uuid)
        try:
            return None if data is None else make_preview(data, PREVIEW_PIXELS)
        except NoImage:
            return None

    def _pictures(self, number: int, student: str | None = None) -> list[PictureItem]:
        return [PictureItem(**item) for item in self._class.last_pictures(number, student)]


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, headers=HEADERS)


def _amount(text: str) -> float:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return float("nan")  # which no budget can be, and the error says so
