"""An audience votes over real sockets: the code, blind pages, one vote for each phone and pair, sides, the reveal, the end."""

import contextlib
import html
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from judged_log import write_pictures

import nbkit
from nbkit import errors
from nbkit.audience.ballot import Ballot
from nbkit.audience.pages import COOKIE
from nbkit.audience.views import HEADERS
from nbkit.comparison.choosing import pairs_for_all
from nbkit.comparison.judging import Judging
from nbkit.measures.facts import header_size
from nbkit.offline.forms import WRONG_KEYS, WrongKeys
from nbkit.widgets.arena.arena import Arena

QUESTION = "Which is <b>calmer</b> & why?"
PROMPT = 'A lantern, the sign reads "CANARY"'


@pytest.fixture
def log(tmp_path):
    log, log.by_name = write_pictures(tmp_path / "runs", (0.27, 0.83), (711, 712, 713))
    yield log
    log.close()


@pytest.fixture
def arena(log):
    arena = Arena(Judging(log, log.to_frame(), "temperature", question=QUESTION))
    yield arena
    arena.close()


@pytest.fixture
def phone():
    """Makes phones: clients with cookies of their own, which follow redirects and keep every answer."""
    with contextlib.ExitStack() as stack:

        def make(voting, *, joins=True, **options):
            one = stack.enter_context(httpx.Client(base_url=voting.url, follow_redirects=True, timeout=20, **options))
            one.answers = []
            one.event_hooks = {"response": [lambda answer: one.answers.append((answer, answer.read()))]}
            return join(one, voting) if joins else one

        yield make


def join(phone, voting):
    phone.post("/", data={"code": voting.code}).raise_for_status()
    return phone


def pair_of(page):
    """The number of the pair that a page asks about; ``None`` where it asks nothing."""
    found = re.search(r'name="pair" value="(\d+)"', page)
    return int(found[1]) if found else None


def vote(phone, choice="1", pair=None):
    """Vote on the pair that is shown, or on another one, and return the next page."""
    pair = pair_of(phone.get("/").text) if pair is None else pair
    return phone.post("/", data={"pair": pair, "choice": choice})


def test_a_phone_votes_on_each_pair_once_and_each_vote_is_a_judgement(arena, log, phone):
    """It sees which pair of how many it is, then thanks; the rows have the rater, the pictures as shown, and seconds."""
    voting = arena.open(pairs=4)
    one = phone(voting)
    assert "Pair 1 of 4" in one.get("/").text
    shown = []
    for choice in ("1", "2", "tie", "1"):
        page = one.get("/").text
        shown.append(re.findall(r"\?picture=([\w-]+)", page))
        page = vote(one, choice).text
    assert "Thank you" in page
    frame = log.judgements
    assert len(set(frame.rater)) == 1
    assert re.fullmatch("phone [0-9a-f]{16}", frame.rater[0])
    assert set(frame.question) == {QUESTION}
    assert frame.seconds.between(0, 60).all()
    assert [row.outcome for row in frame.itertuples()] == [
        frame.shown[0][0],
        frame.shown[1][1],
        "tie",
        frame.shown[3][0],
    ]
    assert {tuple(sorted(row)) for row in frame.shown} <= {
        tuple(sorted((a, b))) for (s, _), a in log.by_name.items() for (t, _), b in log.by_name.items() if s != t
    }
    assert (voting.phones, voting.votes, voting.pairs) == (1, 4, 4)
    assert log.ranking(by="temperature", question=QUESTION).judgements == 4


def test_nothing_is_shown_without_the_code(arena, phone):
    """Not even the question; a picture whose address somebody knows neither, nor does a made-up cookie help."""
    voting = arena.open()
    stranger, one = phone(voting, joins=False), phone(voting)
    picture = re.search(r"\?picture=[\w-]+", one.get("/").text)[0]
    for cookies in ({}, {COOKIE: "a" * 43}):
        stranger.cookies.update(cookies)
        answers = [stranger.get("/"), stranger.get(f"/{picture}"), stranger.get("/?state"), vote(stranger, pair=0)]
        for answer in answers:
            assert 'name="code"' in answer.text
            assert "calmer" not in answer.text
        assert [answer.status_code for answer in answers] == [200, 401, 401, 403]
    assert voting.votes == 0


def test_wrong_codes_are_refused_and_then_have_to_wait(arena, phone):
    """A code with spaces is right; after many wrong ones the right one has to wait, too, and who has joined goes on."""
    voting = arena.open()
    one, stranger = phone(voting), phone(voting, joins=False)
    spaced = f"{voting.code[:3]} {voting.code[3:]} "
    assert "Pair 1" in phone(voting, joins=False).post("/", data={"code": spaced}).text
    wrong = f"{(int(voting.code) + 1) % 10**6:06}"
    for _ in range(WRONG_KEYS):
        assert stranger.post("/", data={"code": wrong}).status_code == 403
    refused = stranger.post("/", data={"code": voting.code})
    assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (429, True)
    assert "Pair 2" in vote(one).text


def test_no_byte_tells_a_setting_before_the_reveal(tmp_path, phone):
    """Neither pages, headers and addresses nor pictures, whose files have the settings as metadata and as a line of pixels."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    sweep = studio.sweep(PROMPT, temperature=[0.27, 0.83], seed=[7110711, 7120712], resolution="0.5K")
    frame = sweep.start().wait().to_frame()
    arena = studio.arena(frame, by="temperature")
    voting = arena.open()
    one = phone(voting)
    page = one.get("/").text
    while (pair := pair_of(page)) is not None:
        for address in re.findall(r"\?picture=[\w-]+", page):
            assert one.get(f"/{address}").headers["Content-Type"] == "image/jpeg"
        page = vote(one, pair=pair).text
    one.get("/?state")
    secrets = ["0.27", "0.83", "7110711", "7120712", "CANARY", "temperature", "offline", "0.5K", "nbkit-runs"]
    secrets += [*frame.imageUUID, *frame.taskUUID, *frame.file]
    said = b"".join(f"{answer.url}{answer.headers}".encode() + body for answer, body in one.answers)
    assert len(said) > 50_000
    assert [secret for secret in secrets if secret.encode() in said] == []
    pictures = [body for answer, body in one.answers if answer.headers.get("Content-Type") == "image/jpeg"]
    originals = [image for run in studio.log.get_runs(list(frame.taskUUID)).values() for image in run.images]
    assert all(b"Exif" not in body and b"http" not in body for body in pictures)
    width, height = header_size(pictures[0])
    assert height / width < originals[0].height / originals[0].width  # the line of settings is cut off
    studio.close()
    assert "ended" in repr(voting)


def test_the_size_of_a_picture_does_not_tell_its_resolution(tmp_path, phone):
    """Smaller ones are enlarged, so that all have the same pixels on the long side."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    voting = studio.arena([studio.generate(PROMPT, seed=7, resolution=one) for one in ("0.5K", "1K", "2K")]).open()
    one, seen = phone(voting), {}
    while (pair := pair_of(page := one.get("/").text)) is not None:
        for address in re.findall(r"\?picture=[\w-]+", page):
            seen[address] = header_size(one.get(f"/{address}").content)
        vote(one, pair=pair)
    assert [max(size) for size in seen.values()] == [1024, 1024, 1024]
    studio.close()


def test_a_phone_that_votes_at_two_kernels_votes_once_on_each_pair(arena, log, phone):
    """Both have opened a vote on the same pictures with the same question: the log takes the first answer of each phone."""
    other = Arena(Judging(log, log.to_frame(), "temperature", question=QUESTION))
    here, there = arena.open(), other.open()
    one = phone(here)
    also = phone(there, cookies=dict(one.cookies))  # a browser sends cookies to every port of a host
    for answers in (one, also, one, also):
        vote(answers, "tie")
    frame = log.judgements
    assert len(frame) == len({frozenset(row) for row in frame.shown}) == 2
    assert frame.rater.nunique() == 1
    vote(phone(there))
    assert len(log.judgements) == 3
    other.close()


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/other", 404), ("DELETE", "/", 405)])
def test_what_is_no_page_has_the_headers_of_every_page(arena, phone, method, path, status):
    """And no text."""
    answer = phone(arena.open()).request(method, path)
    assert (answer.status_code, answer.content) == (status, b"")
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_the_addresses_of_one_ipv6_network_share_their_wrong_codes():
    """A host may have any address of its network; in IPv4 each address counts for itself."""
    wrong = WrongKeys(lambda: 0.0)
    for number in range(WRONG_KEYS):
        wrong.note(f"2001:db8:0:7::{number + 1:x}")
        wrong.note("::ffff:10.0.0.7")
    assert wrong.seconds_to_wait("2001:db8:0:7:ffff::1") > 0
    assert wrong.seconds_to_wait("::ffff:10.0.0.7") > 0
    assert wrong.seconds_to_wait("2001:db8:0:8::1") == wrong.seconds_to_wait("::ffff:10.0.0.8") == 0


def test_a_second_vote_on_a_pair_changes_nothing(arena, log, phone):
    """Neither one after the back button nor several at the same time; and a reload asks for the same pair again."""
    voting = arena.open()
    one = phone(voting)
    first = one.get("/").text
    assert one.get("/").text == first
    with ThreadPoolExecutor(8) as threads:
        pages = list(threads.map(lambda _: vote(one, "1", pair=0), range(8)))
    assert {page.status_code for page in pages} == {200}
    assert vote(one, "2", pair=0).text == one.get("/").text
    frame = log.judgements
    assert len(frame) == 1
    assert frame.outcome[0] == frame.shown[0][0]


def test_an_answer_that_is_none_is_refused(arena, log, phone):
    """Another pair, another choice, a form of another site, one that is too large: nothing is written, the pair stays."""
    one = phone(arena.open())
    for data in (
        {"pair": 0, "choice": "3"},
        {"pair": 99, "choice": "1"},
        {"pair": "x", "choice": "1"},
        {"choice": "1"},
    ):
        answer = one.post("/", data=data)
        assert (answer.status_code, pair_of(answer.text)) == (400, 0)
    assert one.post("/", data={"pair": 0, "choice": "1"}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 400
    assert one.post("/", content=b"x" * 20_000).status_code == 400
    assert log.judgements.empty


def test_thirty_phones_behind_one_address_vote_on_twelve_pairs_at_once(tmp_path, phone):
    """360 votes, each stored once, nobody waits long; sides are balanced for each pair, whatever phones prefer."""
    log, _ = write_pictures(tmp_path / "runs", (0.2, 0.4, 0.6, 0.8), (1, 2))
    arena = Arena(Judging(log, log.to_frame(), "temperature"))
    voting = arena.open(pairs=12)
    phones = [phone(voting) for _ in range(30)]
    took = []

    def votes(one):
        page = one.get("/").text
        while (pair := pair_of(page)) is not None:
            began = time.perf_counter()
            page = vote(one, "1", pair).raise_for_status().text  # always the first picture
            took.append(time.perf_counter() - began)

    with ThreadPoolExecutor(30) as threads:
        list(threads.map(votes, phones))
    frame = log.judgements
    assert (voting.phones, voting.votes, len(frame)) == (30, 360, 360)
    assert Counter(frame.rater).most_common(31)[-1][1] == 12
    assert frame.rater.nunique() == 30
    sides = Counter((frozenset(row.shown), row.outcome) for row in frame.itertuples())
    assert set(sides.values()) == {15}
    assert len({frozenset(row) for row in frame.shown}) == 12
    assert sorted(took)[int(0.95 * len(took))] < 2
    arena.close()
    log.close()


def test_the_reveal_ends_the_vote_and_shows_settings_and_shares(arena, log, phone):
    """A phone that is on another page is told by ``?state``; a vote afterwards changes nothing."""
    voting = arena.open(pairs=2)
    with pytest.raises(errors.NbkitError, match="nobody has voted yet"):
        voting.reveal()
    one, other = phone(voting), phone(voting)
    for who in (one, other):
        page = who.get("/").text
        while (pair := pair_of(page)) is not None:
            page = vote(who, "tie" if who is other else "1", pair).text
    late = phone(voting)
    assert late.get("/?state").text == "open"
    ranking = voting.reveal()
    assert ranking.judgements == 4
    assert late.get("/?state").text == "revealed"
    page = vote(late, pair=0).text
    assert "2 phones voted" in page
    assert "Share of votes, by temperature" in page
    assert ">0.27<" in page
    assert ">0.83<" in page
    assert "of 4 votes" in page
    assert all(line.split(" (")[0] in html.unescape(page) for line in ranking.sentences)
    assert len(log.judgements) == 4
    assert "calmer" in page
    assert "<b>" not in page


def test_a_vote_that_is_being_written_is_in_what_is_revealed_and_a_later_one_nowhere(log, monkeypatch):
    """What the phones are shown is what the log holds."""
    judging = Judging(log, log.to_frame(), "temperature", question=QUESTION)
    ballot = Ballot(judging, 3)
    early, late = ballot.join("a", set()), ballot.join("b", set())
    begun, ends, record = threading.Event(), threading.Event(), judging.record

    def slow_record(*arguments):
        begun.set()
        assert ends.wait(20)
        return record(*arguments)

    monkeypatch.setattr(judging, "record", slow_record)
    with ThreadPoolExecutor() as pool:
        vote = pool.submit(ballot.write, early, 0, 0)
        assert begun.wait(20)
        revealed = pool.submit(ballot.reveal)
        with pytest.raises(TimeoutError):
            revealed.result(0.1)
        ends.set()
        assert vote.result(20)
        assert revealed.result(20).judgements == 1
    assert not ballot.write(late, 0, 1)
    assert (len(log.judgements), ballot.result.phones, sum(ballot.result.pairs[0].votes)) == (1, 1, 1)


@pytest.mark.parametrize(("settings", "pictures", "number"), [(3, 1, 2), (12, 1, 12), (4, 3, 30), (400, 1, 30)])
def test_settings_and_pictures_meet_equally_often_and_no_pair_twice(settings, pictures, number):
    """Also where there are many more pictures than an audience can see."""
    items = [range(i * pictures, (i + 1) * pictures) for i in range(settings)]
    pairs = pairs_for_all(items, number, np.random.default_rng(7))
    assert len(set(map(frozenset, pairs))) == len(pairs) == number
    met = Counter(frozenset(place // pictures for place in pair) for pair in pairs)
    assert all(len(pair) == 2 for pair in met)
    possible = min(number, settings * (settings - 1) // 2)
    assert len(met) == possible
    assert max(met.values()) - min(met.values()) <= 1
    asked = Counter(place // pictures for pair in pairs for place in pair)
    assert max(asked.values()) - min(asked.values()) <= 1
    shown = Counter(place for pair in pairs for place in pair)
    assert max(shown.values()) <= -(-max(asked.values()) // pictures) + 1


def test_settings_whose_pictures_are_gone_take_nobodys_place():
    """However many of them there are."""
    items = [[place] if place in (17, 423, 801) else [] for place in range(1000)]
    pairs = pairs_for_all(items, 2, np.random.default_rng(7))
    assert {place for pair in pairs for place in pair} == {17, 423, 801}
    assert pairs_for_all([[], [5]], 2, np.random.default_rng(7)) == []


def test_after_the_end_no_address_answers(arena, log, phone):
    """``close()`` ends it, and so do the arena's and the log's; opening again takes another address and code."""
    endings = (
        lambda voting: voting.close(),
        lambda voting: arena.open(),
        lambda voting: arena.close(),
        lambda voting: log.close(),
    )
    for end in endings:
        voting = arena.open()
        one = phone(voting)
        end(voting)
        with pytest.raises(httpx.TransportError):
            vote(one, pair=0)
        assert "ended" in repr(voting)
        voting.close()  # twice is once


def test_after_a_restart_of_the_kernel_a_phone_goes_on_where_it_was(tmp_path, log, arena, phone):
    """Its cookie lets nobody in without the new code, and names it: what it has voted on is not asked again."""
    voting = arena.open()
    one = phone(voting)
    vote(one)
    vote(one)
    cookies = dict(one.cookies)
    arena.close()
    again = Arena(Judging(log, log.to_frame(), "temperature", question=QUESTION))
    voting = again.open()
    one = phone(voting, joins=False, cookies=cookies)
    assert pair_of(one.get("/").text) is None
    assert pair_of(join(one, voting).get("/").text) == 2
    vote(one)
    assert log.judgements.rater.nunique() == 1
    assert len({frozenset(row) for row in log.judgements.shown}) == 3
    again.close()


def test_a_vote_that_cannot_be_stored_can_be_given_again(arena, log, phone):
    """The phone is told, and the pair stays."""
    voting = arena.open()
    one = phone(voting)
    pair = pair_of(one.get("/").text)
    with log.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE judgements RENAME TO away")
    answer = vote(one, pair=pair)
    assert answer.status_code == 503
    assert "not stored" in answer.text
    with log.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO judgements")
    assert pair_of(vote(one, pair=pair_of(answer.text)).text) == 1
    assert len(log.judgements) == 1


def test_the_pages_load_nothing_and_run_only_their_own_script(arena, phone):
    """The policy stands in each answer; the cookie is for this server alone, and no script reads it."""
    one = phone(arena.open())
    page = one.get("/")
    assert "script-src 'sha256-" in page.headers["Content-Security-Policy"]
    assert all(
        answer.headers[name] == HEADERS[name]
        for answer, _ in one.answers
        for name in ("Content-Security-Policy", "X-Content-Type-Options")
    )
    assert "&lt;b&gt;calmer&lt;/b&gt;" in page.text
    assert "http" not in re.sub(r'http-equiv="[^"]*"', "", page.text)
    given = next(answer.headers["Set-Cookie"] for answer, _ in one.answers if "Set-Cookie" in answer.headers)
    assert "HttpOnly" in given
    assert "SameSite=lax" in given


@pytest.mark.parametrize(
    "changes", [{"pairs": 0}, {"pairs": "all"}, {"port": 70_000}, {"host": "192.0.2.1"}, {"host": 5}]
)
def test_what_cannot_be_opened_is_refused_with_the_name_of_the_argument(arena, changes):
    """Before anything listens."""
    with pytest.raises(errors.RequestError) as caught:
        arena.open(**changes)
    assert caught.value.parameter in changes


def test_the_board_says_where_to_vote_and_how_many_have(arena, phone):
    """Address and code are large; an address that only this machine reaches is said, with what to type instead."""
    voting = arena.open()
    bundle = voting._board.bundle
    assert voting.url in bundle.html
    assert f"{voting.code[:3]} {voting.code[3:]}" in bundle.html
    assert "only this machine reaches it" in bundle.text
    vote(phone(voting), pair=0)
    assert "1 phone, 1 of 9 votes" in voting._board.bundle.text
    everywhere = arena.open(host="0.0.0.0")
    assert "only this machine" not in everywhere._board.bundle.text
    everywhere.close()
    assert "This vote has ended." in everywhere._board.bundle.text


def test_a_picture_whose_file_is_gone_is_in_no_pair(arena, log):
    """The others are; where too few are left, the error says so."""
    frame = log.to_frame()
    for place, file in enumerate(frame.file):
        if place:
            (log.folder / file).unlink()
        if place == 1:
            assert arena.open().pairs == 6
    with pytest.raises(errors.NoImage):
        arena.open()


def test_an_arena_loads_no_server_and_says_what_a_vote_needs(log):
    """Neither ``import nbkit`` nor an arena loads starlette; without it, the error names the extra."""
    code = """
import json, sys
import nbkit
studio = nbkit.Studio(engine="offline", path=sys.argv[1])
arena = studio.arena(studio.df)
arena.state
loaded = [name for name in ("starlette", "uvicorn", "nbkit.audience.server") if name in sys.modules]
sys.modules["starlette"] = None
try:
    arena.open()
except nbkit.NbkitError as error:
    print(json.dumps([loaded, str(error)]))
"""
    done = subprocess.run([sys.executable, "-c", code, str(log.folder)], capture_output=True, text=True, check=True)
    loaded, message = json.loads(done.stdout.splitlines()[-1])
    assert loaded == []
    assert 'pip install "nbkit[serve]"' in message
