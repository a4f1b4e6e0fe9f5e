"""The arena from code: blind, balanced, chosen by what it teaches, with repetitions; what it writes and takes back."""

import base64
import io
import itertools
import json
import re
from collections import Counter

import numpy as np
import pytest
from judged_log import Judge, write_pictures
from PIL import Image

import nbkit
from nbkit import errors
from nbkit.comparison.asked import Asked
from nbkit.comparison.choosing import AGAIN_EVERY, AGAIN_FROM, next_question
from nbkit.comparison.judging import Judging
from nbkit.measures.content import content_jpeg
from nbkit.statistics import bradley_terry

TEMPERATURES, SEEDS = (0.2, 0.6, 1.0), (1, 2, 3)


@pytest.fixture
def log(tmp_path):
    log, _ = write_pictures(tmp_path / "runs", TEMPERATURES, SEEDS)
    yield log
    log.close()


def judging(log, by="temperature", **options):
    return Judging(log, log.to_frame(), by, **{"rng": 1, **options})


def names(images):
    return [image.image_uuid for image in images]


def test_each_answer_is_a_row_of_the_log(log):
    """With the pictures in their order on the screen, the rater, the question, and the seconds that it took."""
    arena = judging(log, question="Which is calmer?", rater="Ana")
    first = arena.shown
    arena.judge(first[1])
    second = arena.shown
    arena.judge(tie=True)
    arena.skip()
    frame = log.judgements
    assert frame.shown.tolist()[:2] == [names(first), names(second)]
    assert frame.outcome.tolist() == [first[1].image_uuid, "tie", "skip"]
    assert set(frame.rater) == {"Ana"}
    assert set(frame.question) == {"Which is calmer?"}
    assert frame.seconds.between(0, 60).all()


def test_pictures_that_are_not_shown_can_be_judged_from_code(log):
    """Best first, as imageUUIDs or pictures; no time is measured then, and the same question stays."""
    arena = judging(log, by=None, show=2)
    every = list(log.to_frame().imageUUID)
    arena.judge(every[3], every[1], every[2])
    arena.judge(*log[str(log.to_frame().taskUUID[0])].images, every[4], tie=True)
    frame = log.judgements
    assert frame.shown.tolist() == [[every[3], every[1], every[2]], [every[0], every[4]]]
    assert frame.outcome.tolist() == [every[3], "tie"]
    assert frame.seconds.isna().all()


def test_undo_takes_the_last_answer_back_and_shows_its_pictures_again(log):
    """In the same order, as often as there were answers; then it says that there is none."""
    arena = judging(log)
    first = names(arena.shown)
    arena.judge(tie=True)
    second = names(arena.shown)
    arena.skip()
    arena.undo()
    assert names(arena.shown) == second
    arena.undo()
    assert names(arena.shown) == first
    assert log.judgements.empty
    with pytest.raises(errors.NbkitError, match="no answer to take back"):
        arena.undo()


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda arena: arena.judge(), "pictures"),
        (lambda arena: arena.judge("stranger", arena.shown[0]), "pictures"),
        (lambda arena: arena.judge(7), "pictures"),
        (lambda arena: arena.judge(arena.shown[0], tie=True), "pictures"),
        (lambda arena: arena.judge(arena.shown[0], arena.shown[0]), "pictures"),
        (lambda arena: arena.judge(arena.shown), "pictures"),
        (lambda arena: arena.judge(tie="yes"), "pictures"),
    ],
)
def test_a_wrong_answer_is_refused_and_nothing_is_written(log, call, parameter):
    """The question stays."""
    arena = judging(log)
    shown = names(arena.shown)
    with pytest.raises(errors.RequestError) as caught:
        call(arena)
    assert caught.value.parameter == parameter
    assert (log.judgements.empty, names(arena.shown)) == (True, shown)


def test_one_alone_must_be_shown(log):
    """Else nobody knows what it is better than."""
    arena = judging(log, show=2)
    other = next(name for name in log.to_frame().imageUUID if name not in names(arena.shown))
    with pytest.raises(errors.RequestError, match="not shown now"):
        arena.judge(other)


@pytest.mark.parametrize(
    ("options", "parameter"),
    [
        ({"show": 1}, "show"), ({"show": 5}, "show"), ({"question": ""}, "question"), ({"rater": 3}, "rater"),
        ({"by": "topP"}, "by"), ({"by": "temprature"}, "temprature"),
    ],
)  # fmt: skip
def test_what_an_arena_cannot_ask_is_said_at_once(log, options, parameter):
    """Wrong options, and a column in which the pictures do not differ."""
    with pytest.raises(errors.RequestError) as caught:
        judging(log, **options)
    assert caught.value.parameter == parameter


def test_two_pictures_are_needed(log):
    """One has nothing to be compared with; a copy of it is the same picture."""
    rows = log.to_frame().head(1)
    with pytest.raises(errors.RequestError, match="two pictures are needed"):
        Judging(log, rows)


def test_pictures_are_given_in_any_form(tmp_path):
    """A sweep, its result, rows, runs, pictures, and imageUUIDs: each time the same pictures."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    sweep = studio.sweep("A lantern", seed=[1, 2], width=512, height=512, name="in any form")
    result = sweep.start().wait()
    images = [run.image for run in result.runs]
    uuids = names(images)
    for given in (
        sweep,
        result,
        result.to_frame().assign(result=1),
        result.runs,
        images,
        uuids,
        [uuids[0], images[1]],
    ):
        assert set(names(studio.arena(given).shown)) == set(uuids)
    studio.close()


def test_nothing_that_is_sent_to_the_page_tells_how_a_picture_was_made(tmp_path):
    """No seed, value, UUID, hash or file name; the line that the offline engine writes is cut off; no metadata is left."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    sweep = studio.sweep('A sign "OPEN"', temperature=[0.25, 0.85], seed=[711, 712], resolution="0.5K", name="blind")
    result = sweep.start().wait()
    arena = studio.arena(result, by="temperature", rater="Ana", rng=1)
    state = arena.state
    told = re.sub(r"base64,[^\"]*", "", json.dumps(state | {"widget": arena.get_state(), "text": repr(arena)}))
    told = told.replace(json.dumps(arena._esm)[1:-1], "")
    frame = result.to_frame()
    values = ["temperature", "0.25", "0.85", "711", "712", "OPEN", "nbkit-runs", ".jpg", "0.5K"]
    identities = [*frame.imageUUID, *frame.taskUUID, *(image.sha256[:8] for run in result.runs for image in run.images)]
    for secret in [*values, *identities]:
        assert secret not in told, secret
    originals = {image.image_uuid: image for image in arena.shown}
    sources = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', state["html"])
    assert len(sources) == 4
    for source, image in zip(sources, arena.shown, strict=True):
        picture = Image.open(io.BytesIO(base64.b64decode(source)))
        assert not picture.getexif()
        top = originals[image.image_uuid].footer[1]
        assert picture.height <= top * picture.width / image.width
        whole = image.pil.convert("RGB").crop((0, 0, image.width, top)).resize(picture.size)
        difference = np.asarray(picture.convert("RGB"), float) - np.asarray(whole, float)
        assert np.abs(difference).mean() < 12  # the same picture, and none of the others
    studio.close()


def test_a_picture_that_does_not_say_where_its_line_is_loses_its_lower_edge(log):
    """Offline pictures of an earlier version: the line is cut off with room to spare."""
    arena = judging(log)
    sources = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', arena.state().html)
    for source, image in zip(sources, arena.shown, strict=True):
        picture = Image.open(io.BytesIO(base64.b64decode(source)))
        assert picture.height == int(image.height * 0.9)


def test_a_picture_whose_file_is_gone_is_not_asked_about(log):
    """Another question comes; when fewer than two are left, the reason is said."""
    arena = judging(log, by=None, show=2)
    for image in log.to_frame().file.iloc[2:]:
        log.images.path(image.split("images/")[-1]).unlink()
    for _ in range(3):
        state = arena.state()
        assert len(state.pictures) == 2
        assert set(names(arena.shown)) == set(log.to_frame().imageUUID[:2])
        arena.judge(tie=True)
    log.images.path(str(log.to_frame().file.iloc[0]).split("images/")[-1]).unlink()
    with pytest.raises(errors.NoImage, match="fewer than two pictures"):
        arena.state()


def test_what_is_shown_comes_from_the_log_of_all_raters_and_kernels(log):
    """What others judged counts at once; the least shown picture of a setting comes next."""
    mine, theirs = judging(log, rater="Ana"), judging(log, rater="Bo")
    for _ in range(4):
        mine.judge(mine.shown[0])
        theirs.judge(theirs.shown[0])
    assert len(mine.asked()) == len(theirs.asked()) == 8
    shown = Counter(name for row in log.judgements.shown for name in row)
    assert set(shown) == set(log.to_frame().imageUUID)


def test_an_answer_of_a_page_counts_once(tmp_path):
    """A second press of the same question comes too late; what is no answer is none."""
    log, _ = write_pictures(tmp_path / "runs", TEMPERATURES, SEEDS)
    arena = nbkit.Arena(judging(log))
    number = arena.state["round"]
    assert not arena.answer("5", number)
    assert not arena.answer("x", number)
    assert arena.answer("2", number)
    assert not arena.answer("2", number)
    assert arena.answer("undo", arena.state["round"])
    assert arena.answer("tie", arena.state["round"])
    assert arena.answer("skip", arena.state["round"])
    assert log.judgements.outcome.tolist() == ["tie", "skip"]
    arena.close()
    log.close()


def test_the_page_is_told_what_went_wrong(tmp_path):
    """A message of the page is answered in words, whatever is in it, and the arena goes on."""
    log, _ = write_pictures(tmp_path / "runs", TEMPERATURES, SEEDS)
    arena, sent = nbkit.Arena(judging(log)), []
    arena.send = sent.append
    arena._hear(arena, {"type": "answer", "answer": "undo", "round": arena.state["round"]}, [])
    arena._hear(arena, {"type": "answer", "answer": "ranking", "round": 1}, [])
    arena._hear(arena, {"type": "answer", "answer": "1", "round": "no number"}, [])
    assert [message["type"] for message in sent] == ["says", "says", "says"]
    assert "no answer to take back" in sent[0]["text"]
    assert "no judgements" in sent[1]["text"]
    arena._hear(arena, {"type": "show"}, [])
    assert sent[-1]["type"] == "question"
    arena.close()
    log.close()


# -- what is chosen, of plain values -----------------------------------------------------------------------------


ITEMS = [list(range(i * 4, i * 4 + 4)) for i in range(8)]
ITEM_OF = {picture: i for i, own in enumerate(ITEMS) for picture in own}


def course(answer, questions, *, show=4, items=ITEMS, seed=0):
    """The questions of one person whose answers are ``answer(shown)``."""
    rng, asked = np.random.default_rng(seed), []
    for _ in range(questions):
        shown = next_question(asked, items, show, rng, rater="Ana")
        asked.append(Asked(shown, answer(shown), False, "Ana"))
    return asked


@pytest.mark.parametrize("show", [2, 4])
def test_one_question_shows_each_picture_and_each_setting_once(show):
    """As long as there are settings enough."""
    for one in course(lambda shown: shown[0], 40, show=show):
        assert len(set(one.shown)) == show
        assert len({ITEM_OF[picture] for picture in one.shown}) == show


def test_two_settings_are_shown_with_two_pictures_each():
    """Where four places are to be filled; and three pictures in all fill three."""
    for one in course(lambda shown: shown[0], 6, items=[[0, 1], [2, 3]]):
        assert sorted(one.shown) == [0, 1, 2, 3]


def test_at_least_one_question_in_twenty_comes_again():
    """From the tenth on, at each moment; with the same pictures, not at once."""
    asked = course(max, 100)
    sets = [frozenset(one.shown) for one in asked]
    for number in range(AGAIN_FROM, len(asked) + 1):
        assert number - len(set(sets[:number])) >= number / AGAIN_EVERY
    for place, one in enumerate(sets):
        assert one not in sets[max(0, place - 3) : place]


@pytest.mark.parametrize("show", [2, 4])
def test_a_person_who_always_presses_left_makes_nobody_better(show):
    """Each setting stands at the left as often as any that is shown as often."""
    asked = course(lambda shown: shown[0], 64, show=show)
    fit = bradley_terry([one.choice for one in asked], settings=ITEM_OF)
    assert max(fit.p_best().values()) < 0.95
    assert np.std(list(fit.strength.values())) < 0.6
    at, times = Counter(ITEM_OF[one.shown[0]] for one in asked), Counter(ITEM_OF[p] for one in asked for p in one.shown)
    assert all(abs(at[item] - times[item] / show) <= 2.5 for item in times)


def test_sides_are_balanced_in_each_pair():
    """Of two settings that meet again and again, each is left about as often."""
    left = Counter()
    for one in course(min, 60, show=2, items=[[0, 1], [2, 3], [4, 5]]):
        left[tuple(picture // 2 for picture in one.shown)] += 1
    for a, b in itertools.combinations(range(3), 2):
        assert abs(left[a, b] - left[b, a]) <= 2


def test_the_best_is_shown_more_often_than_the_worst():
    """What is surely worse teaches little."""
    strengths = {picture: 2.0 * (ITEM_OF[picture] == 0) - 2.0 * (ITEM_OF[picture] == 7) for picture in ITEM_OF}
    judge = Judge(strengths, seed=3)
    shown = Counter(ITEM_OF[picture] for one in course(judge.best, 50) for picture in one.shown)
    assert shown[0] > 2 * shown[7]


def test_equal_settings_have_no_best_one():
    """The rule that names the best hardly ever does so where there is none, although it is looked at after each answer."""
    named = 0
    for study in range(6):
        strengths = dict(zip(ITEM_OF, 0.7 * np.random.default_rng(study).standard_normal(32), strict=True))
        asked = course(Judge(strengths, seed=study).best, 40, seed=study)
        for number in range(10, 41, 2):
            fit = bradley_terry([one.choice for one in asked[:number]], settings=ITEM_OF)
            if max(fit.p_best().values()) >= 0.95:
                named += 1
                break
    assert named == 0


def test_a_blind_picture_has_no_comment_of_its_file():
    """Pillow writes the comment of a JPEG into a copy by itself, and other programs write settings there."""
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "JPEG", comment=b"temperature 0.83")
    assert b"0.83" in file.getvalue()
    assert b"0.83" not in content_jpeg(file.getvalue(), 32, is_offline=False)
