"""Edits of a picture, the run that a run was made from, and the tree of all versions."""

import pickle
import random
import sqlite3

import pytest
import service_faults as fault
from effort import examples
from html_page import Page
from hypothesis import given, settings
from hypothesis import strategies as st
from service import picture

import nbkit
from nbkit import errors
from nbkit.log import sql
from nbkit.log import thread as threads
from nbkit.log.thread import Thread, ThreadCost, changes
from nbkit.request.image_request import ImageRequest
from nbkit.results.run import Run


def html_of(thread):
    """A thread as a notebook shows it."""
    return Page(thread._repr_mimebundle_()["text/html"])


@pytest.fixture
def offline(tmp_path):
    """A studio on the offline engine."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "offline")
    yield studio
    studio.close()


# -- edits -------------------------------------------------------------------------------------------------------


def test_an_edit_sends_the_request_with_a_new_prompt_and_the_picture_as_the_only_reference(service, studio):
    """Its other reference images and its number of results are not those of the edit; a seed that was set is."""
    run = studio.generate(
        "A lantern",
        seed=7,
        temperature=0.4,
        number_results=2,
        width=1264,
        height=848,
        reference_images=[picture("PNG")] * 2,
    )
    edited = run[1].edit("in the snow", topP=0.9)
    task = service.tasks()[-1]
    assert (task["positivePrompt"], task["seed"], task["width"], task["height"]) == ("in the snow", 7, 1264, 848)
    assert (task["settings"], task.get("numberResults")) == ({"temperature": 0.4, "topP": 0.9}, None)
    assert (
        task["inputs"]["referenceImages"]
        == ImageRequest("abc", reference_images=run[1]).to_send()["inputs"]["referenceImages"]
    )
    assert edited.task_uuid not in (run.task_uuid, None)
    assert studio.last == edited


@pytest.mark.parametrize(
    ("size", "change", "sent"),
    [
        ({"aspect_ratio": "16:9"}, {}, (1376, 768)),
        ({"aspect_ratio": "16:9", "resolution": "0.5K"}, {}, (688, 384)),
        ({"width": 1264, "height": 848}, {"resolution": "0.5K"}, (632, 424)),
        ({"resolution": "0.5K"}, {}, (512, 512)),
        ({}, {}, (1024, 1024)),
        ({}, {"aspect_ratio": "3:2", "resolution": "0.5K"}, (632, 424)),
    ],
)
def test_an_edit_keeps_the_size_of_the_picture(offline, size, change, sent):
    """Whatever set it; its price is certain then. A change of the size changes it."""
    edited = offline.generate("A lantern", **size).image.edit("in the snow", **change)
    assert (edited.image.width, edited.image.height) == sent
    assert edited.request.price.low == edited.request.price.high
    again = edited.image.edit("at dawn")
    assert (again.image.width, again.image.height) == sent


def test_an_edit_of_a_logged_picture_works_in_a_later_kernel(offline, tmp_path):
    """The picture is read from the image folder."""
    run = offline.generate("A lantern", seed=7, resolution="0.5K")
    offline.close()
    later = nbkit.Studio(engine="offline", path=tmp_path / "offline")
    edited = later.log[run.task_uuid].image.edit("in the snow")
    assert (edited.status, edited.parent, len(edited.request.reference_images)) == ("done", run, 1)
    later.close()


@pytest.mark.parametrize("load", ["pickle", "log", "file"])
def test_a_picture_without_a_studio_says_what_to_type(offline, load):
    """One that was pickled, or comes from a log that no studio opened, or from a row of a frame."""
    run = offline.generate("A lantern", resolution="0.5K")
    image = {
        "pickle": lambda: pickle.loads(pickle.dumps(run)).image,
        "log": lambda: nbkit.RunLog(offline.log.folder)[run.task_uuid].image,
        "file": lambda: nbkit.compare(*[offline.df] * 2).images[0],
    }[load]()
    with pytest.raises(
        nbkit.NbkitError, match=r"no studio; studio\.generate\('in the snow', reference_images=\[image\]\)"
    ):
        image.edit("in the snow")
    assert offline.generate("in the snow", reference_images=[image], resolution="0.5K").status == "done"


def test_an_edit_with_a_misspelled_name_or_an_invalid_prompt_sends_nothing(service, studio):
    """The error has the nearest name."""
    image = studio.generate("A lantern").image
    with pytest.raises(errors.UnknownParameter, match="Did you mean temperature"):
        image.edit("in the snow", temprature=0.4)
    with pytest.raises(errors.RequestError, match="prompt"):
        image.edit("")
    assert len(service.tasks()) == 1


def test_an_edit_asks_for_credentials_that_the_log_does_not_keep(open_studio):
    """As a rerun does; in the kernel that sent them they are known."""
    address = "https://example.com/hook?secret=s1"
    studio = open_studio()
    run = studio.generate("A lantern", webhook_url=address)
    assert run.image.edit("in the snow").request.webhook_url == address
    logged = studio.log[run.task_uuid].image
    with pytest.raises(nbkit.NbkitError, match=r"image\.edit\(…, webhook_url=…\)"):
        logged.edit("in the snow")
    assert logged.edit("in the snow", webhook_url=None).status == "done"


# -- the run that a run was made from -------------------------------------------------------------------------------


def test_the_log_has_what_a_run_was_made_from(studio, open_studio):
    """An edit has only the picture, a rerun also the run; the frame has both columns, also in a later kernel."""
    run = studio.generate("A lantern", number_results=2)
    edited, rerun = run[1].edit("in the snow"), run.rerun(seed=3)
    assert (edited.parent_uuid, edited.parent_image) == (None, run[1].image_uuid)
    assert (rerun.parent_uuid, rerun.parent_image) == (run.task_uuid, run[0].image_uuid)
    assert edited.parent == rerun.parent == run
    assert run.parent is None
    frame = open_studio().df.set_index("taskUUID").astype(object)
    assert frame.loc[edited.task_uuid, "parentImage"] == run[1].image_uuid
    assert frame.loc[rerun.task_uuid, "parent"].tolist() == [run.task_uuid] * 2
    assert frame.loc[rerun.task_uuid, "parentImage"].tolist() == [run[0].image_uuid] * 2
    assert nbkit.RunLog(studio.log.folder)[edited.task_uuid].parent == run
    assert list(frame.columns).index("parentImage") == list(frame.columns).index("parent") + 1


def test_a_rerun_of_a_run_without_a_picture_has_the_run_alone_as_its_parent(service, studio):
    """There is no picture that it could be made from."""
    service.faults.append(fault.refused("invalidSeed", "no such seed"))
    refused = studio.generate("A lantern")
    rerun = refused.rerun()
    assert (rerun.parent_uuid, rerun.parent_image, rerun.parent) == (refused.task_uuid, None, refused)
    assert studio.log.thread(rerun) == [refused, rerun]


def test_start_writes_the_picture_that_a_run_is_made_from(studio):
    """Panels call it; a picture that the log does not have is no parent."""
    run = studio.generate("A lantern")
    made = studio.start(ImageRequest("in the snow"), parent_image=run.image.image_uuid).result()
    lost = studio.start(ImageRequest("in the rain"), parent_image="no such picture").result()
    assert (made.parent, lost.parent, lost.parent_image) == (run, None, "no such picture")
    assert "from a run that is not here" in studio.log.thread(lost).to_text()


def test_a_run_without_a_log_has_no_parent(studio):
    """Such as a pickled one; what it was made from is still known."""
    edited = pickle.loads(pickle.dumps(studio.generate("A lantern").image.edit("in the snow")))
    assert (edited.parent, bool(edited.parent_image)) == (None, True)


def test_an_export_has_what_a_run_was_made_from(studio, tmp_path):
    """Beside the imageUUID that it names."""
    edited = studio.generate("A lantern").image.edit("in the snow")
    manifest = (studio.log.export(tmp_path / "out") / "manifest.json").read_text("utf-8")
    assert f'"parentImage": "{edited.parent_image}"' in manifest
    assert f'"imageUUID": "{edited.parent_image}"' in manifest


# -- threads ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(offline):
    """A picture with two edits, of which the first one has an edit and was made again; and another picture."""
    root = offline.generate("A lantern shop", seed=7, temperature=0.4, resolution="0.5K", number_results=2)
    snow = root[1].edit("in the <b>snow</b>")
    rain = root[0].edit("in the rain", temperature=0.9)
    dawn = snow.image.edit("at dawn", resolution="1K")
    again = snow.rerun(seed=None)
    offline.generate("A teapot", resolution="0.5K")
    return root, snow, rain, dawn, again


def test_a_thread_has_all_versions_that_belong_together(offline, tree):
    """Oldest first, from whichever of them it is asked for: a run, a picture, a taskUUID or an imageUUID."""
    for run in tree:
        for which in (run, run.image, run.task_uuid, run.image.image_uuid):
            assert offline.log.thread(which) == list(tree)
    with pytest.raises(KeyError, match="no run and no picture 'x'"):
        offline.log.thread("x")


def test_a_thread_knows_parents_children_and_paths(offline, tree):
    """A run of another thread is an error that says what to type."""
    root, snow, rain, dawn, again = tree
    thread = offline.log.thread(again)
    assert [thread.parent(run) for run in tree] == [None, root, root, snow, snow]
    assert [thread.children(run) for run in tree] == [[snow, rain], [dawn, again], [], [], []]
    assert thread.path(dawn) == [root, snow, dawn]
    assert thread.cost_so_far(dawn).listed_micros == sum(run.cost_micros for run in (root, snow, dawn))
    with pytest.raises(nbkit.NbkitError, match=r"studio\.log\.thread\(run\)"):
        thread.path(offline.last)


def test_runs_of_a_thread_can_be_made_again(offline, tree):
    """They are runs of the studio."""
    assert offline.log.thread(tree[0])[1].image.edit("at dusk").parent == tree[1]


def test_a_thread_shows_as_a_tree(offline, tree):
    """What each was made from, what changed, what it cost and what it cost so far; the same at each execution."""
    thread = offline.log.thread(tree[0])
    assert thread.to_text().splitlines() == [
        "Thread of 5 runs · List price $0.30 (offline, not charged)",
        "  1 · A lantern shop · 2 images · $0.093",
        "    2 edits image 2 of 1 · in the <b>snow</b> · $0.047, so far $0.14",
        "      4 edits 2 · at dawn · size 512x512 → 1024x1024 · $0.069, so far $0.21",
        "      5 makes 2 again · seed 7 → not set · $0.047, so far $0.19",
        "    3 edits image 1 of 1 · in the rain · temperature 0.4 → 0.9 · $0.047, so far $0.14",
    ]
    assert repr(thread) == "<Thread of 5 runs · List price $0.30 (offline, not charged)>"


def test_a_thread_in_a_notebook_has_small_pictures_and_escaped_texts(offline, tree):
    """It is readable with no kernel, no script and no styles."""
    page = html_of(offline.log.thread(tree[0]))
    assert len(page.all("img")) == 6
    assert not page.all("b")
    assert "in the <b>snow</b>" in page.text
    assert "edits image 2 of 1" in page.text


def test_a_thread_with_many_pictures_shows_some_of_them(offline, tree, monkeypatch):
    """The notebook stays small; the texts are all there."""
    monkeypatch.setattr(threads, "MAX_PREVIEWS", 3)
    page = html_of(offline.log.thread(tree[0]))
    assert len(page.all("img")) == 3
    assert "makes 2 again" in page.text


def test_a_missing_picture_and_a_failed_run_are_said(service, studio):
    """The thread shows nevertheless."""
    run = studio.generate("A lantern")
    service.faults.append(fault.refused("invalidProviderContent", "refused"))
    run.image.edit("in the snow")
    run.image.path.unlink()
    page = html_of(studio.log.thread(run))
    assert "its file is not here" in page.text
    assert "blocked" in page.text


def test_the_cost_of_a_thread_names_what_is_not_known_and_adds_no_list_prices_to_real_money():
    """An empty thread costs nothing."""
    runs = [
        Run(ImageRequest("abc"), str(number), "done", cost_micros=cost, charged=charged)
        for number, (cost, charged) in enumerate([(70_000, True), (50_000, False), (None, True), (30_000, True)])
    ]
    cost = Thread(runs).cost
    assert (cost.charged, cost.listed, cost.unknown) == (0.1, 0.05, 1)
    assert repr(cost) == "$0.10 charged · List price $0.05 (offline, not charged) · 1 run of unknown cost"
    assert (repr(ThreadCost()), repr(Thread()), Thread().to_text()) == (
        "$0.00",
        "<Thread of 0 runs>",
        "Thread of 0 runs",
    )


def test_what_changed_leaves_out_what_means_the_same():
    """A default that is set, another way to say a size, and how a picture travels are no changes."""
    before = Run(ImageRequest("A lantern", aspect_ratio="16:9"), "1", "failed")
    same = Run(ImageRequest("A lantern", width=1376, height=768, number_results=1, ttl=60), "2", "failed")
    other = Run(ImageRequest("A lantern", thinking="HIGH", reference_images=[picture("PNG")]), "3", "failed")
    assert changes(before, same) == {}
    assert list(changes(before, other)) == ["size", "thinking", "referenceImages"]


# -- logs that others wrote, and long ones ----------------------------------------------------------------------------


def link(studio, links):
    """Write the parents of runs, by number: pairs of ``parent`` and ``parentImage``, as numbers of runs."""
    with sqlite3.connect(studio.log.folder / "log.sqlite") as connection:
        rows = connection.execute(
            "SELECT runs.id, taskUUID, imageUUID FROM runs JOIN images ON run = runs.id"
        ).fetchall()
        names = {number: (task, image) for number, task, image in rows}
        for number, (task, image) in links.items():
            values = (names.get(task, (None,))[0], names.get(image, (None, None))[1], number)
            connection.execute("UPDATE runs SET parent = ?, parentImage = ? WHERE id = ?", values)
    connection.close()
    return {number: task for number, (task, _) in names.items()}


@pytest.fixture(scope="module")
def forest(tmp_path_factory):
    """A studio with twelve runs, which tests link to each other."""
    studio = nbkit.Studio(engine="offline", path=tmp_path_factory.mktemp("forest"))
    studio.sweep("A lantern", seed=range(12), resolution="0.5K").start().wait()
    yield studio
    studio.close()


LINKS = st.lists(st.tuples(st.none() | st.integers(1, 12), st.none() | st.integers(1, 12)), min_size=12, max_size=12)


@settings(max_examples=examples(60), deadline=None)
@given(links=LINKS, start=st.integers(1, 12))
def test_any_links_make_a_tree(forest, links, start):
    """Whatever a log says, also of runs that made each other: each run has one root, and the path to it ends."""
    tasks = link(forest, dict(enumerate(links, 1)))
    numbers = {task: number for number, task in tasks.items()}
    parents = {
        n: next((p for p in (image, task) if p is not None and p < n), None) for n, (task, image) in enumerate(links, 1)
    }

    def path_of(number):
        return [number] if parents[number] is None else [*path_of(parents[number]), number]

    thread = forest.log.thread(tasks[start])
    found = [numbers[run.task_uuid] for run in thread]
    own = {number for number in tasks if path_of(number)[0] == path_of(start)[0]}
    assert found == sorted(found)
    assert own <= set(found)
    assert [numbers[run.task_uuid] for run in thread.path(forest.log[tasks[start]])] == path_of(start)
    assert {numbers[r.task_uuid]: r.parent and numbers[r.parent.task_uuid] for r in thread} == {
        n: parents[n] for n in found
    }
    assert len(thread.to_text().splitlines()) == 1 + len(thread)


def test_a_long_thread_is_cut_and_says_so(forest, monkeypatch):
    """The run that was asked for stays, with those that lead to it, and then the oldest of the others."""
    tasks = link(forest, {n: (None, 1 if n > 8 else n - 1) for n in range(1, 13)})
    monkeypatch.setattr(threads, "MAX_RUNS", 4)
    for start, expected in ((8, [5, 6, 7, 8]), (12, [1, 2, 3, 12])):
        thread = forest.log.thread(tasks[start])
        assert [run.task_uuid for run in thread] == [tasks[number] for number in expected]
        assert thread.is_cut
        assert thread.to_text().splitlines()[-1] == "There are more runs than these 4."
        assert "more runs" in html_of(thread).text


def test_a_thread_is_found_by_indexes(forest):
    """No step looks at every run, however long the log is."""
    with forest.log.database.reading() as connection:
        for query in (threads._PATH, threads._TREE):
            text = (
                sql.recursive(query, "LIMIT :limit", "sqlite")
                .text.replace(":root", "1")
                .replace(":limit", "9")
                .replace(":task", "'x'")
            )
            steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
            assert not [
                step for step in steps if step.startswith("SCAN") and step.split()[1] in ("runs", "child", "images")
            ]


def test_a_thread_of_a_thousand_edits_in_turns_shows_without_recursion():
    """Each is an only child, and none is indented further than the first."""
    numbers = range(1_000)
    runs = [Run(ImageRequest("abc"), str(n), "done", cost_micros=1, parent_uuid=str(n - 1)) for n in numbers]
    thread = Thread(runs)
    assert thread.path(runs[-1]) == runs
    assert {len(line) - len(line.lstrip()) for line in thread.to_text().splitlines()[1:]} == {2}
    random.Random(1).shuffle(runs)
    assert len(Thread(runs).to_text().splitlines()) == 1_001


def test_a_log_of_the_version_before_opens_with_everything_in_it(offline, tmp_path):
    """Its reruns have a parent; the column of the picture is empty, and new runs fill it."""
    run = offline.generate("A lantern", resolution="0.5K")
    rerun = run.rerun(seed=3)
    offline.close()
    with sqlite3.connect(tmp_path / "offline" / "log.sqlite") as connection:
        for index in ("runs_parent", "runs_parentImage"):
            connection.execute(f"DROP INDEX {index}")
        connection.execute("ALTER TABLE runs DROP COLUMN parentImage")
        connection.execute("UPDATE meta SET value = '4' WHERE key = 'version'")
    connection.close()
    later = nbkit.Studio(engine="offline", path=tmp_path / "offline")
    assert later.df.parentImage.isna().all()
    assert later.log[rerun.task_uuid].parent == run
    edited = later.log[rerun.task_uuid].image.edit("in the snow")
    assert later.log.thread(run) == [run, rerun, edited]
    assert later.log.verify().empty
    later.close()
