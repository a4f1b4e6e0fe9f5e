"""What became of a task: any mixture of pictures, final words and errors, in any order, is settled as it comes."""

import dataclasses
import itertools
import random
import threading
from decimal import Decimal

import outcome_worker
import pytest
import service_faults as fault
from conftest import QUICK
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_checks import assert_files_match_service
from service import PRICE, Answer, Service, unique_picture
from sweep_tools import until

import nbkit
from nbkit.ledger.outcome import match
from nbkit.service.response import read_response

MICROS = round(PRICE * 1_000_000)


def generate(studio, **parameters):
    """A run; keywords override."""
    return studio.generate("A paper lantern", **({"seed": 7} | parameters))


def state(make):
    """An answer to ``getResponse``, made from all items of the task by ``make(items)``; details are never there."""

    def answer(service, task):
        if task["taskType"] == "getTaskDetails":
            return Answer(body={"data": []})
        body = make([dict(item) for item in service.accepted[task["taskUUID"]].items])
        return Answer(body=body if isinstance(body, dict) else {"data": body})

    return answer


def without_picture(item, **words):
    """The item of a result that has no picture and costs nothing."""
    return {name: item[name] for name in ("taskType", "taskUUID", "imageUUID", "seed")} | words


def keep(service, run, count):
    """The service charges this many of a run's results only."""
    accepted = service.accepted[run.task_uuid]
    accepted.items[:] = accepted.items[:count]
    service.charges[run.task_uuid] = count * MICROS
    kept = {item.get("imageURL", "").removeprefix(service.origin) for item in accepted.items}
    for path in set(service.pictures) - kept:
        del service.pictures[path]


def assert_paid_once(service, studio, run, pictures):
    """The run has its pictures with the bytes that were sent, the log has what was charged, and nothing is held."""
    frame = studio.df[studio.df.taskUUID == run.task_uuid]
    assert len(studio.log[run.task_uuid].images) == (frame.status == "done").sum() == pictures
    assert frame.cost.sum() == pytest.approx(pictures * PRICE) == pytest.approx(service.spent)
    assert (studio.budget.spent, studio.budget.held) == (pytest.approx(service.spent), 0)
    assert_files_match_service(service, frame.file.dropna())


ENDINGS = {
    "cancelled": {"status": "cancelled", "message": "no capacity"},
    "failed": {"status": "failed", "imageURL": None, "detail": "no capacity"},
    "error": {"status": "error", "error": {"code": "inferenceError", "message": "no capacity"}},
    "nested": {"status": "error", "error": {"error": {"message": "no capacity"}}},
    "expired": {"status": "expired", "imageURL": "", "reason": "no capacity"},
    "unheard of": {"status": "gone fishing", "message": "no capacity"},
    "no address": {"imageURL": None, "message": "no capacity"},
    "unsafe": {"NSFWContent": True, "imageURL": None, "message": "no capacity"},
    "moderated": {"status": "Content Moderated", "message": "no capacity"},
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("delivery", ["sync", "async"])
@pytest.mark.parametrize("first", [True, False], ids=["picture first", "picture last"])
def test_a_picture_beside_a_final_word_is_settled_and_the_word_is_kept(service, studio, ending, delivery, first):
    """No question is asked after a sync answer, one after an async one; the failed result has no cost."""
    service.paint = unique_picture

    def both(items):
        mixed = [items[0], without_picture(items[1], **ENDINGS[ending])]
        return mixed if first else mixed[::-1]

    if delivery == "sync":
        service.faults.append(fault.answers(lambda items, _: {"data": both(items)}))
    else:
        service.question_faults.append(state(both))
    run = generate(studio, number_results=2, delivery_method=delivery)
    assert len(service.tasks("getResponse")) == (delivery == "async")
    keep(service, run, 1)
    assert (run.status, len(run.failures)) == ("done", 1)
    assert "no capacity" in run.failures[0].message
    assert studio.df.cost.isna().sum() == 1
    assert_paid_once(service, studio, run, 1)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("delivery", ["sync", "async"])
@pytest.mark.parametrize("count", [1, 2])
def test_final_words_without_a_picture_end_the_run_with_the_sentence_of_the_service(
    service, studio, ending, delivery, count
):
    """It is not asked again, no money is held, and a safety word counts as blocked."""

    def none(items):
        return [without_picture(item, **ENDINGS[ending]) for item in items]

    if delivery == "sync":
        service.faults.append(fault.answers(lambda items, _: {"data": none(items)}))
    else:
        service.question_faults += [state(none)] * 9
    run = generate(studio, number_results=count, delivery_method=delivery)
    assert run.status == ("blocked" if ending in ("unsafe", "moderated") else "failed")
    assert "no capacity" in str(run.error)
    assert str(studio.log[run.task_uuid].error) == str(run.error)
    assert (run.cost, studio.budget.spent, studio.budget.held) == (0, 0, 0)
    assert len(service.tasks("getResponse")) == (delivery == "async")
    assert len(service.sent) == 1


def test_what_a_service_takes_for_a_result_without_a_picture_is_in_the_log(service, studio):
    """Its item names a cost: the frame and the budget have it."""
    service.faults.append(
        fault.answers(lambda items, _: {"data": [item | {"imageURL": None, "NSFWContent": True} for item in items]})
    )
    run = generate(studio, number_results=2)
    assert run.status == "blocked"
    assert list(studio.df.status) == ["blocked", "blocked"]
    assert studio.df.cost.sum() == pytest.approx(service.spent) == pytest.approx(studio.budget.spent)
    assert run.cost == pytest.approx(service.spent)


@pytest.mark.parametrize("rest", ["processing", "pending", "nothing"])
def test_a_picture_is_on_disk_and_charged_while_others_are_open(service, open_studio, rest):
    """In the middle of the polling the log has it; when the others come, they are added."""
    service.paint = unique_picture
    service.items_per_poll = 3
    release = threading.Event()
    head = {"status": rest, "imageURL": None}

    def first(items):
        return [items[0], *([] if rest == "nothing" else [without_picture(item, **head) for item in items[1:]])]

    def query(service, task):
        return service._state(task) if release.is_set() else state(first)(service, task)

    service.question_faults += [query] * 5000
    studio = open_studio(pace=dataclasses.replace(QUICK, patience=60.0))
    future = studio.start(nbkit.ImageRequest("A paper lantern", seed=7, number_results=3, delivery_method="async"))
    other = open_studio()
    until(lambda: other.df.file.notna().sum() == 1)
    assert list(other.df.status) == ["done", "sent"]
    assert (studio.budget.spent, studio.budget.held) == (pytest.approx(PRICE), pytest.approx(2 * PRICE))
    release.set()
    run = future.result(30)
    assert (run.status, len(run.images), run.failures) == ("done", 3, ())
    assert len(service.gets) == 3, "a picture that is on disk is not fetched again"
    assert_paid_once(service, studio, run, 3)


@pytest.mark.parametrize("output", ["URL", "base64Data"])
@pytest.mark.parametrize("named", [True, False])
def test_a_run_out_of_patience_has_what_came_and_recover_gets_the_rest(service, open_studio, output, named):
    """Its status is unknown, the picture is paid and on disk, and a later kernel settles it under the same taskUUID."""
    service.paint = unique_picture

    def shown(items):
        return [item if named else {**item, "imageUUID": None} for item in items]

    service.question_faults += [
        state(lambda items: [*shown(items[:1]), without_picture(items[1], status="processing")])
    ] * 5000
    first = open_studio(pace=dataclasses.replace(QUICK, patience=0.1))
    run = generate(first, number_results=2, delivery_method="async", output_type=output)
    assert (run.status, len(run.images)) == ("unknown", 1)
    assert list(first.df.status) == ["done", "unknown"]
    assert (first.budget.spent, first.budget.held) == (pytest.approx(PRICE), pytest.approx(PRICE))
    service.question_faults.clear()
    service.question_faults += [state(lambda items: shown(items)[::-1])] * 9
    later = open_studio()
    assert later.recover().after.tolist() == ["done"]
    assert list(later.df.status) == ["done", "done"]
    assert later.log[run.task_uuid].failures == ()
    assert len(service.sent) == 1
    assert_paid_once(service, first, run, 2)


def test_a_result_that_is_stuck_does_not_hold_the_cell_for_the_whole_patience(service, open_studio):
    """After the lull of its pace the run is unknown, with the picture that came; it is not sent again."""
    service.question_faults += [
        state(lambda items: [items[0], without_picture(items[1], status="processing")]),
    ] * 5000
    studio = open_studio(pace=dataclasses.replace(QUICK, patience=900.0, lull=0.1))
    run = generate(studio, number_results=2, delivery_method="async")
    assert (run.status, len(run.images)) == ("unknown", 1)
    studio.recover(resend=True)
    assert len(service.sent) == 1
    assert studio.log[run.task_uuid].status == "unknown"


@pytest.mark.parametrize("words", ["none", "bare", "timeout"])
@pytest.mark.parametrize("known", ["nowhere", "details", "getResponse"])
def test_a_sync_answer_without_all_results_is_asked_about_once(service, studio, words, known):
    """What the service has of the rest is added; otherwise it is a failed result without a cost."""
    service.paint = unique_picture
    service.has_details = known == "details"
    service.answers_after_sync, service.items_per_poll = known == "getResponse", 2

    def short(items, task):
        body = {"data": items[:1]}
        if words == "bare":
            body["data"] = [items[0], without_picture(items[1])]
        if words == "timeout":
            body["errors"] = [{"code": "timeoutProvider", "message": "too slow", "taskUUID": task["taskUUID"]}]
        return body

    service.faults.append(fault.answers(short))
    run = generate(studio, number_results=2)
    asked = len(service.tasks("getResponse")) + len(service.tasks("getTaskDetails"))
    assert asked == (1 if known == "getResponse" else 2)
    if known == "nowhere":
        keep(service, run, 1)
        assert len(run.failures) == 1
        assert ("too slow" in run.failures[0].message) == (words == "timeout")
    assert run.status == "done"
    assert_paid_once(service, studio, run, 1 if known == "nowhere" else 2)
    assert len(service.sent) == 1


def test_a_killed_kernel_leaves_the_pictures_that_came(service, processes, open_studio, tmp_path):
    """It dies while it polls for the second picture: the first is in the log, and recover adds the second."""
    service.paint = unique_picture
    service.question_faults += [
        state(lambda items: [items[0], without_picture(items[1], status="processing")]),
    ] * 5000
    process = processes.Process(target=outcome_worker.work, args=(service.url, tmp_path / "runs"), daemon=True)
    process.start()
    studio = open_studio()
    until(lambda: studio.df.file.notna().sum() == 1, 60)
    process.kill()
    process.join(20)
    assert list(studio.df.status) == ["done", "sent"]
    service.question_faults.clear()
    service.items_per_poll = 2
    assert studio.recover().after.tolist() == ["done"]
    assert list(studio.df.status) == ["done", "done"]
    assert studio.df.cost.sum() == pytest.approx(service.spent)
    assert_files_match_service(service, studio.df.file)
    assert len(service.sent) == 1


# -- results that look alike -------------------------------------------------------------------------------------

ALIKE = {
    "one imageUUID": lambda items: [item | {"imageUUID": "one"} for item in items],
    "no imageUUID": lambda items: [{**item, "imageUUID": None} for item in items],
    "one address": lambda items: [item | {"imageUUID": None, "imageURL": items[0]["imageURL"]} for item in items],
    "all alike": lambda items: [items[0] for item in items],
}


@pytest.mark.parametrize("alike", ALIKE)
@pytest.mark.parametrize("delivery", ["sync", "async"])
def test_results_that_look_alike_are_each_kept_and_counted(service, studio, alike, delivery):
    """One answer has two: two pictures, and twice the price in the frame, in the run and in the budget."""
    if delivery == "sync":
        service.faults.append(fault.answers(lambda items, _: {"data": ALIKE[alike](items)}))
    else:
        polls = itertools.count()
        service.question_faults += [
            state(lambda items: [*ALIKE[alike](items)[:2], without_picture(items[2], status="processing")]),
            *[state(lambda items: ALIKE[alike](items)[:: 1 if next(polls) else -1])] * 9,
        ]
    run = generate(studio, number_results=3, delivery_method=delivery)
    assert (run.status, len(run), run.failures) == ("done", 3, ())
    assert run.cost == pytest.approx(3 * PRICE) == pytest.approx(studio.budget.spent)
    assert studio.df.cost.sum() == pytest.approx(service.spent)
    assert studio.df.imageUUID.nunique() == 3


def test_inline_results_with_the_same_bytes_are_each_kept(service, studio):
    """Without an imageUUID, the bytes are all there is."""
    service.paint = lambda kind, number: fault_picture
    run = generate(studio, number_results=2, output_type="base64Data")
    assert len({image.sha256 for image in run}) == 1
    service.faults.append(
        fault.answers(lambda items, _: {"data": [{n: v for n, v in i.items() if n != "imageUUID"} for i in items]})
    )
    run = generate(studio, number_results=2, output_type="base64Data")
    assert (len(run), run.cost) == (2, pytest.approx(2 * PRICE))
    assert studio.budget.spent == pytest.approx(service.spent)


fault_picture = unique_picture("PNG", 0)

UUID = "0d1f9c2e-5b7a-4c3d-8e9f-0a1b2c3d4e5f"


def results(*items):
    """The results of an answer; an item is an imageUUID or None, the path of its address, and a seed or None."""
    data = [
        {"taskUUID": UUID, "imageUUID": name, "imageURL": f"https://h/{path}", "seed": seed}
        for name, path, seed in items
    ]
    return read_response({"data": data}, UUID).results


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ([("a", "1?s=1", 7)], [("a", "1?s=2", 7)], [0]),
        ([("a", "1", 7)], [("a", "moved", 7)], [0]),
        ([("a", "1", 7)], [("a", "1", 7), ("a", "2", 7)], [0, None]),
        ([("a", "1", 7)], [("a", "2", 7), ("a", "1", 7)], [None, 0]),
        ([("a", "1", 7)], [("a", "2", 8)], [None]),
        ([("a", "1", 7)], [(None, "1", 7)], [0]),
        ([(None, "1?s=1", 7)], [("a", "1?s=2", 7)], [0]),
        ([(None, "1", 7)], [("b", "2", 8), ("a", "9", 7)], [None, 0]),
        ([(None, "1", None)], [(None, "1", None), (None, "1", None)], [0, None]),
        ([(None, "p?id=1", None)], [(None, "p?id=2", None), (None, "p?id=1", None)], [None, 0]),
        ([(None, "p?id=1", 7)], [(None, "p?id=2", 8)], [None]),
        ([("a", "1", 7), ("b", "2", 8)], [(None, "3", 8), (None, "4", 7)], [1, 0]),
        ([("a", "1", 7), ("a", "2", 8)], [("a", "3", 8), ("a", "4", 7)], [1, 0]),
        ([], [("a", "1", 7)], [None]),
        ([("a", "1", None), ("a", "1", 7)], [("a", "1", 7), ("a", "1", None)], [1, 0]),
    ],
)
def test_a_result_that_comes_again_is_recognized_by_what_both_answers_have(before, now, found):
    """By imageUUID, address and seed, the surest first; a result of the same answer is never another's repetition."""
    assert match(results(*before), results(*now)) == found


SEEDS = [
    (2**53 + 1, 1, 2**53 + 1),
    (2**53 + 1, 2, 2**53 + 1),
    (2**62 + 12_345, 1, 2**62 + 12_345),
    (2**63 - 1, 1, 2**63 - 1),
    (2**53 - 1, 1, 2**53 - 1),
    (7, 3, 7),
]


@pytest.mark.parametrize(
    "spelling", [float, lambda seed: int(float(seed)), lambda seed: int(Decimal(repr(float(seed))))]
)
@pytest.mark.parametrize(("asked", "count", "told"), SEEDS)
def test_the_seed_that_was_asked_for_is_told_where_the_service_has_rounded_it(
    service, studio, asked, count, told, spelling
):
    """As a double, as the whole number that it is, or as JavaScript prints it; in the frame, in the picture and the run."""
    service.faults.append(
        fault.answers(
            lambda items, _: {"data": [i | {"seed": spelling(min(asked + n, 2**63 - 1))} for n, i in enumerate(items)]}
        )
    )
    run = generate(studio, seed=asked, number_results=count)
    assert [image.seed for image in run] == [told + number for number in range(count)]
    assert studio.df.seed.tolist() == [told + number for number in range(count)]


@pytest.mark.parametrize(
    ("asked", "count", "came"),
    [
        (2**60 + 5, 2, [float(2**60)] * 2),  # both seeds have this double
        (2**60 + 5, 1, [float(2**61)]),
        (2**60, 2, [2**60, 2**60 + 1]),
        (2**60 + 5, 1, [2**60 + 6]),
    ],
)
def test_a_seed_that_the_service_has_drawn_or_that_may_be_several_stays_as_it_came(service, studio, asked, count, came):
    """An exact seed, another one, and one that two of the seeds would round to."""
    service.faults.append(
        fault.answers(lambda items, _: {"data": [i | {"seed": s} for i, s in zip(items, came, strict=True)]})
    )
    assert [image.seed for image in generate(studio, seed=asked, number_results=count)] == [int(seed) for seed in came]


# -- any mixture -------------------------------------------------------------------------------------------------

FATES = st.lists(st.sampled_from(["picture", "picture", *ENDINGS]), min_size=1, max_size=4)
"""What becomes of each result of a task."""


@dataclasses.dataclass
class Mixture:
    """One task of a service that reveals its results one after the other, each poll in an order of its own."""

    fates: list
    random: random.Random
    listed: str  # how an open result is listed: with a word, or not at all
    names: str  # whether results have their imageUUID: always, never, or in some answers

    def poll(self, service, task):
        accepted = service.accepted[task["taskUUID"]]
        if task["taskType"] == "getTaskDetails":
            return Answer(body={"data": []})
        accepted.shown += self.random.choice([0, 1, 1, 2])
        data, problems = [], []
        for number, (item, fate) in enumerate(zip(accepted.items, self.fates, strict=True)):
            if number >= accepted.shown:
                data += [] if self.listed == "nothing" else [without_picture(item, status=self.listed)]
            elif fate == "picture":
                bare = self.names == "never" or (self.names == "sometimes" and self.random.random() < 0.5)
                data.append({**item, "imageUUID": None} if bare else item)
            elif fate == "error" and self.random.random() < 0.5:
                problems.append(
                    {"taskUUID": task["taskUUID"], "imageUUID": item["imageUUID"], **ENDINGS[fate]["error"]}
                )
            else:
                data.append(without_picture(item, **ENDINGS[fate]))
        self.random.shuffle(data)
        return Answer(body={"data": data, **({"errors": problems} if problems else {})})


@pytest.fixture(scope="module")
def shared_service():
    """One service for all examples."""
    with Service() as running:
        running.paint = unique_picture
        yield running


@given(
    fates=FATES,
    number=st.integers(0, 10**6),
    listed=st.sampled_from(["processing", "pending", "nothing"]),
    names=st.sampled_from(["always", "never", "sometimes"]),
    output=st.sampled_from(["URL", "base64Data"]),
    patience=st.sampled_from([0.03, 5.0]),
)
@settings(
    max_examples=examples(60), deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_the_books_of_the_service_are_what_the_log_says(
    shared_service, tmp_path_factory, fates, number, listed, names, output, patience
):
    """Whatever comes in whatever order, also if this kernel loses its patience and another one recovers the run."""
    mixture = Mixture(fates, random.Random(number), listed, names)
    service = shared_service
    folder = tmp_path_factory.mktemp("runs")
    service.question_faults.extend([mixture.poll] * 2000)
    pace = dataclasses.replace(QUICK, patience=patience, lull=60.0)
    studio = nbkit.Studio(engine=service.url, path=folder, pace=pace)
    run = generate(studio, number_results=len(fates), delivery_method="async", output_type=output)
    pictures = fates.count("picture")
    if run.status == "unknown":
        assert patience < 1
        later = nbkit.Studio(engine=service.url, path=folder, pace=dataclasses.replace(pace, patience=5.0))
        until(lambda: later.recover().after.tolist() != ["unknown"])
        later.close()
    service.question_faults.clear()
    run = studio.log[run.task_uuid]
    frame = studio.df
    assert run.status == ("done" if pictures else "blocked" if {"unsafe", "moderated"} & {*fates} else "failed")
    assert len(run.images) == (frame.status == "done").sum() == pictures
    assert frame.cost.sum() == pytest.approx(pictures * PRICE) == pytest.approx(studio.budget.spent)
    assert studio.budget.held == 0
    assert (frame.status != "done").sum() == (len(fates) - pictures if pictures else 1)
    paid = [item for item, fate in zip(service.accepted[run.task_uuid].items, fates, strict=True) if fate == "picture"]
    assert sorted(image.seed for image in run) == sorted(item["seed"] for item in paid)
    assert len({image.sha256 for image in run}) == pictures
    assert service.sent.count(run.task_uuid) == 1
    studio.close()
