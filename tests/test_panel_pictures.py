"""The pictures of a panel, without a page: choosing, reusing settings, making them again, comparing, the history."""

import threading

import pytest
from panel_tools import (
    actions,
    do,
    hear,
    make_run,
    message,
    messages_of,
    offline_studio,
    paid,
    press,
    press_paid,
    queue,
    state_of,
    text_of,
    type_in,
)
from sweep_tools import until

import nbkit
from nbkit.request.image_request import ImageRequest
from nbkit.sweep.promotion import promoted_request

PROMPT = "A paper lantern shop at night"


@pytest.fixture
def studio(tmp_path):
    with offline_studio(tmp_path, budget=5.00) as studio:
        yield studio


@pytest.fixture
def panel(studio):
    return studio.panel(PROMPT, resolution="0.5K")


def seeds_on_stage(panel):
    return [shown.image.seed for shown in panel.pictures.shown]


def stage_keys(panel):
    """The keys of the tiles on the stage."""
    return [item.key for item in panel.pictures.stage._items]


def test_the_pictures_of_the_latest_run_are_on_the_stage(panel):
    """The strip has all pictures of the panel. The tools are about the first one of the run, or the one that is selected."""
    make_run(panel, seed=1)
    run = make_run(panel, seed=2, number_results=2)
    assert seeds_on_stage(panel) == [image.seed for image in run]
    assert len(panel.pictures.strip) == 3
    assert len(panel.pictures.stage) == 2
    assert panel.pictures.chosen.image == run[0]
    assert panel.pictures.tools.offer["which"] == "1 of 2"
    panel.pictures.stage.select([run[1].image_uuid])
    assert panel.pictures.chosen.image == run[1]
    assert panel.pictures.tools.offer["which"] == "2 of 2"


def test_a_run_without_a_picture_shows_the_reason_in_its_place(tmp_path):
    """There is no picture to open and no seed to use, and what was refused is not offered again."""
    with offline_studio(tmp_path, engine=nbkit.Offline(failures={"blocked": 1.0})) as studio:
        panel = studio.panel(PROMPT)
        make_run(panel)
        shown = panel.pictures.chosen
        assert "safety" in shown.item().missing
        offer = panel.pictures.tools.offer
        assert (offer["picture"], offer["seed"]) == (False, False)
        assert paid(panel, "Rerun") is None
        assert paid(panel, "4K") is None
        for button in ("edit", "seed", "reference", "full", "save", "compare"):
            press(panel, button)
        assert panel.request.prompt == PROMPT
        assert panel.request.reference_images is None


@pytest.mark.parametrize("settings", [True, False])
def test_save_gives_the_file_with_its_settings_or_as_it_came(panel, settings):
    """As the tick beside it says; the bytes with settings are made when they are asked for."""
    run = make_run(panel, seed=1)
    heard, box = [], panel.pictures.stage.box
    box.send = lambda content, buffers=(): heard.append((content, buffers))
    press(panel, "save", settings=settings)
    until(lambda: heard)
    content, buffers = heard[-1]
    if settings:
        assert (content["type"], content["beside"], content["fact"]["name"][-4:]) == ("saved", "", ".jpg")
        assert nbkit.read(buffers[0]).request == run.request
    else:
        assert content["type"] == "save"


def test_the_history_saves_pictures_with_their_settings(panel):
    """It is a gallery: its lightbox asks by the number of a picture."""
    run = make_run(panel, seed=1)
    press(panel, "history")
    grid = panel.pictures.gallery.grid
    heard = []
    grid.box.send = lambda content, buffers=(): heard.append((content, buffers))
    hear(grid.box, type="rows", version=grid.box.version, ranges=[[0, 1]])
    number = heard[-1][0]["parts"][0][1][0]["id"]
    hear(grid.box, type="save", version=grid.box.version, ids=[number])
    until(lambda: heard[-1][0]["type"] == "saved")
    assert nbkit.read(heard[-1][1][0]).facts["taskUUID"] == run.task_uuid


def test_use_this_seed_sets_the_seed_of_the_chosen_picture(panel):
    """Exactly, with all 63 bits; the chosen picture need not be the latest."""
    seed = 2**63 - 1
    make_run(panel, seed=seed)
    earlier = panel.pictures.strip.selected
    make_run(panel, seed=2)
    assert seeds_on_stage(panel) == [2]
    panel.pictures.strip.select(earlier)
    press(panel, "seed")
    assert panel.request.seed == seed
    assert message(panel) == f"The seed is {seed} now."
    do(panel, "undo")
    assert panel.request.seed == 2


def test_use_as_reference_adds_the_bytes_of_the_picture(panel):
    """Not its address. A picture that is in the list already is not added again."""
    run = make_run(panel, seed=1)
    press(panel, "reference")
    (reference,) = panel.request.reference_images
    assert reference.sha256 == run.image.sha256
    assert message(panel) == "Added as reference 1."
    press(panel, "reference")
    assert message(panel) == "It is reference 1 already."
    assert len(panel.request.reference_images) == 1


def test_rerun_sends_the_request_of_the_picture_again(panel, studio):
    """The controls may hold other values by then. The button has the price, and the log the run that it comes from."""
    run = make_run(panel, seed=1, temperature=0.3)
    panel.set(prompt="Something else", temperature=0.9)
    assert (paid(panel, "Rerun")["price"], paid(panel, "Rerun")["exact"]) == ("$0.047", "$0.04657")
    press_paid(panel, "Rerun")
    until(lambda: len(studio.log) == 2)
    panel.wait(30)
    assert panel.last.request == run.request
    assert panel.last.task_uuid != run.task_uuid
    assert studio.df.parent.iloc[-1] == run.task_uuid


@pytest.mark.parametrize(
    ("tier", "size", "price"), [("2K", (2528, 1696), "$0.10255"), ("4K", (5056, 3392), "$0.15295")]
)
def test_make_final_requests_the_chosen_picture_at_a_higher_tier(panel, tier, size, price):
    """The same ratio and seed, and one result; the button has the price. Nothing is sent: a 4K picture takes a second."""
    panel.draft = True
    run = make_run(panel, aspect_ratio="3:2", number_results=3, seed=None)
    assert (run.request.size, len(run)) == ((632, 424), 1)
    assert paid(panel, tier)["exact"] == price
    request = promoted_request(run.request, run.image.seed, tier)
    assert (request.size, request.seed, request.number_results) == (size, run.image.seed, None)


def test_make_final_is_not_offered_at_the_tier_of_the_picture(studio):
    """The same picture at its own tier would be a rerun."""
    panel = studio.panel(PROMPT, resolution="2K", seed=7)
    make_run(panel)
    assert [offer["name"] for offer in panel.pictures.tools.offer["paid"]] == ["Rerun", "4K"]


def test_use_settings_sets_every_control_to_the_request_of_the_run(panel):
    """A parameter that the run did not have is set to "not sent". Nothing is sent to the service; undo takes it back."""
    run = make_run(panel, temperature=0.3, thinking="HIGH", seed=5, output_format="PNG")
    panel.set(
        prompt="Another", temperature=None, top_p=0.2, thinking=None, seed=None, output_format=None, resolution="4K"
    )
    before = panel.request
    press(panel, "settings")
    assert panel.request == run.request
    assert message(panel) == "Settings restored from that run."
    assert list(actions(panel)) == ["undo"]
    do(panel, "undo")
    assert panel.request == before
    assert actions(panel) == {}
    press(panel, "settings without prompt")
    assert panel.request == run.request.replace(prompt="Another")
    assert len(panel.pictures.strip) == 1


def test_use_settings_accepts_a_size_in_pixels(panel):
    """The controls show width and height as a ratio and a tier."""
    run = make_run(panel, aspect_ratio="3:2", resolution="0.5K")
    panel.form.use(ImageRequest("By hand", width=632, height=424))
    assert panel.request.size == run.request.size


def test_compare_shows_two_pictures_and_their_differences(panel):
    """The chosen picture and the one before it; pressed again, alone. The table has no picture, for widgets are saved."""
    make_run(panel, seed=1, temperature=0.2)
    assert not panel.pictures.tools.offer["compare"]
    make_run(panel, seed=1, temperature=0.8)
    assert panel.pictures.tools.offer["compare"]
    press(panel, "compare")
    assert len(panel.pictures.shown) == 2
    assert panel.pictures.tools.offer["compared"]
    table = panel.pictures.differences.value
    assert "temperature" in text_of(table)
    assert "0.2" in text_of(table)
    assert "0.8" in text_of(table)
    assert "base64" not in table
    press(panel, "compare")
    assert len(panel.pictures.shown) == 1
    assert panel.pictures.differences.value == ""


def test_pictures_of_the_history_can_be_compared(studio):
    """Although the panel has made none itself: two that were chosen, then one, then the two again."""
    runs = [studio.generate("A jade teapot", seed=seed, resolution="0.5K") for seed in (3, 4)]
    both = studio.generate("A jade teapot", seed=5, resolution="0.5K", number_results=2)
    panel = studio.panel(PROMPT)
    press(panel, "history")
    panel.pictures.gallery.select([run.image.image_uuid for run in runs])
    assert panel.pictures.tools.offer["compared"]
    press(panel, "compare")
    assert len(panel.pictures.shown) == 1
    assert "Error" not in message(panel)
    press(panel, "version", uuid=both.task_uuid)
    assert seeds_on_stage(panel) == [5, 6]
    press(panel, "compare")
    assert sorted(seeds_on_stage(panel)) == [5, 6]
    assert panel.pictures.tools.offer["compared"]
    assert "Error" not in message(panel)


def test_a_picture_chosen_in_the_history_can_be_used(studio):
    """The history shows the whole log, also the runs of earlier panels."""
    earlier = studio.generate("A jade teapot", temperature=0.4, seed=3, resolution="0.5K")
    panel = studio.panel(PROMPT)
    assert panel.pictures.gallery is None
    press(panel, "history")
    panel.pictures.gallery.select([earlier.image.image_uuid])
    assert seeds_on_stage(panel) == [3]
    press(panel, "settings")
    assert panel.request == earlier.request
    press(panel, "history")
    assert not panel.pictures.is_past_open
    assert not panel.view.source["history"]


def test_a_draft_has_resolution_half_k_and_one_result(panel, studio):
    """Generate has the price of the draft. The controls keep their values, which count again after the draft."""
    panel.set(resolution="4K", number_results=4, aspect_ratio="3:2")
    panel.draft = True
    assert panel.request.resolution == "0.5K"
    assert panel.request.number_results is None
    assert panel.view.bar["exact"] == "$0.04657"
    assert panel.view.state["values"]["width"] == "632 × 424"
    assert panel.view.state["draft"]
    assert panel.view.state["values"]["number_results"] == "4"
    panel.draft = False
    assert (panel.request.resolution, panel.request.number_results) == ("4K", 4)
    assert studio.panel(PROMPT, draft=True).request.resolution == "0.5K"


def test_a_locked_seed_stays_and_an_unlocked_one_changes_after_each_run(panel):
    """The seed in the box is always the one that the next press sends."""
    make_run(panel, seed=11)
    assert panel.request.seed == 11
    do(panel, "keep seed")  # the seed in the box has been used, so that it changes at once
    first = panel.request.seed
    assert first not in (None, 11)
    assert make_run(panel).seed == first
    following = panel.request.seed
    assert following not in (None, first)
    assert make_run(panel).seed == following
    panel.set(seed=None)
    make_run(panel)
    assert panel.request.seed is None


def test_at_once_limits_the_runs_under_way(tmp_path):
    """With ``at_once=2``, a third press waits. Stop ends the waiting for all of them; the pictures of two still come."""
    accepted, finish = threading.Semaphore(0), threading.Event()

    def wait_until_stopped(_seconds):
        accepted.release()
        assert finish.wait(20)

    with offline_studio(tmp_path, engine=nbkit.Offline(latency=1, sleep=wait_until_stopped)) as studio:
        panel = studio.panel(PROMPT, at_once=2, resolution="0.5K")
        assert all(panel.generate() for _ in range(3))
        assert queue(panel) == [(1, True), (2, True), (3, False)]
        assert all(accepted.acquire(timeout=20) for _ in range(2))
        press(panel, "stop")
        assert "up to $0.093" in message(panel)
        assert "1 waiting run was not sent." in message(panel)
        assert queue(panel) == []
        assert len(studio.log) == 2
        finish.set()
        until(lambda: set(studio.df.status) == {"done"})


def test_the_saved_state_has_no_pictures_of_stage_strip_and_history(panel):
    """Pictures are sent to the page in messages, which a notebook does not save."""
    press(panel, "history")
    make_run(panel, seed=1)
    make_run(panel, seed=2)
    press(panel, "compare")
    assert "base64," not in state_of(panel)


# -- edits -------------------------------------------------------------------------------------------------------


def test_edit_this_makes_a_picture_the_only_reference_and_empties_the_prompt(panel, studio):
    """The other settings stay, and one undo takes all of it back. The page puts the cursor into the prompt."""
    run = make_run(panel, seed=1, temperature=0.3, number_results=2)
    panel.set(reference_images=["https://a.org/1.png", "https://a.org/2.png"])
    before, messages = panel.request, messages_of(panel.view)
    press(panel, "edit", key=run[1].image_uuid)
    assert panel.view.state["values"].get("prompt") is None
    (item,) = panel.form.references.items
    assert (item.reference.sha256, item.name) == (run[1].sha256, f"seed {run[1].seed}")
    assert message(panel) == f"Editing the picture with seed {run[1].seed}: describe the change."
    assert list(actions(panel)) == ["undo"]
    assert {"kind": "focus", "name": "prompt"} in messages
    assert (panel.view.bar["ready"], panel.view.bar["hint"]) == (False, "Describe the change.")
    assert panel.view.state["complaints"] == {}
    do(panel, "undo")
    assert panel.request == before
    do(panel, "redo")
    type_in(panel, prompt="The same in the snow")
    request = panel.request
    assert (request.prompt, request.temperature, request.seed, request.number_results) == (
        "The same in the snow",
        0.3,
        1,
        None,
    )
    assert [reference.sha256 for reference in request.reference_images] == [run[1].sha256]


def test_an_edit_knows_the_picture_that_it_was_made_from(panel, studio):
    """The log leads back to it, and the tools show the way from the first version to this one with what it cost."""
    first = make_run(panel, seed=1)
    assert "path" not in panel.pictures.tools.thread
    press(panel, "edit")
    second = make_run(panel, prompt="The same in the snow", seed=2)
    assert second.parent_image == first.image.image_uuid
    assert second.parent.task_uuid == first.task_uuid
    thread = panel.pictures.tools.thread
    assert [step["uuid"] for step in thread["path"]] == [first.task_uuid, second.task_uuid]
    assert [step["prompt"] for step in thread["path"]] == [PROMPT, "The same in the snow"]
    assert "new prompt" in thread["path"][1]["changed"]
    assert (thread["here"], thread["many"], thread["cost"]) == (second.task_uuid, 2, "$0.093")
    press(panel, "version", uuid=first.task_uuid)
    assert seeds_on_stage(panel) == [1]
    thread = panel.pictures.tools.thread
    assert [step["uuid"] for step in thread["edits"]] == [second.task_uuid]
    details = panel.pictures._details(second.image.image_uuid)
    assert details[0].startswith("Version 2 of 2 · new prompt")
    assert details[1] == "$0.093 so far"


@pytest.mark.parametrize("name", ["Rerun", "2K"])
def test_what_is_made_again_knows_its_picture(panel, studio, name):
    """Also at a higher tier."""
    first = make_run(panel, seed=1)
    press_paid(panel, name)
    until(lambda: len(studio.log) == 2)
    again = panel.wait(60)
    assert (again.parent_uuid, again.parent_image) == (first.task_uuid, first.image.image_uuid)


def test_an_edit_of_a_picture_of_the_default_size_has_that_size(studio):
    """So that it has one price, and is not left to the service."""
    panel = studio.panel(PROMPT, seed=1)
    make_run(panel)
    press(panel, "edit")
    assert panel.view.state["values"]["resolution"] == "1K"
    assert " to " not in panel.view.bar["price"]


# -- while it comes ----------------------------------------------------------------------------------------------


def test_another_run_under_way_has_its_place_in_the_strip_when_a_picture_has_come(tmp_path):
    """The picture that came stays large."""
    first, second = threading.Event(), threading.Event()
    waits = iter([first, second])
    with offline_studio(tmp_path, engine=nbkit.Offline(latency=1, sleep=lambda _: next(waits).wait(20))) as studio:
        panel = studio.panel(PROMPT, at_once=2, resolution="0.5K")
        panel.generate()
        panel.generate()
        first.set()
        until(lambda: len(studio.df[studio.df.status == "done"]) == 1 and stage_keys(panel) != [])
        until(lambda: [item.status for item in panel.pictures.strip._items][:1] == ["coming"])
        assert [item.status for item in panel.pictures.stage._items] == ["done"]
        second.set()
        panel.wait(30)
        assert [item.status for item in panel.pictures.strip._items] == ["done", "done"]


def test_the_stage_has_a_place_for_each_picture_that_is_being_made(tmp_path):
    """Of its shape; the pictures before it stay in the strip, and can be chosen again when it was stopped."""
    finish = threading.Event()
    with offline_studio(tmp_path, engine=nbkit.Offline(latency=1, sleep=lambda _: finish.wait(20))) as studio:
        panel = studio.panel(PROMPT, aspect_ratio="3:2", resolution="0.5K", number_results=3)
        panel.generate()
        coming = list(panel.pictures.stage._items)
        assert [(item.status, item.width, item.height) for item in coming] == [("coming", 632, 424)] * 3
        assert panel.pictures.chosen is None
        press(panel, "stop")
        assert stage_keys(panel) == []
        panel.generate()
        finish.set()
        run = panel.wait(30)
        assert stage_keys(panel) == [image.image_uuid for image in run]


# -- several threads ---------------------------------------------------------------------------------------------


def test_messages_in_several_threads_while_runs_end_block_nobody(panel, studio):
    """Some kernels handle each message of a page in a thread of its own, and runs end in others."""
    panel.set(prompt=PROMPT, seed=None)
    make_run(panel)
    make_run(panel)
    finish = threading.Event()

    def repeat(*acts):
        while not finish.wait(0.02):
            for act in acts:
                act()

    acts = (
        (
            lambda: type_in(panel, temperature="0.3"),
            lambda: type_in(panel, temperature="0.4"),
            lambda: do(panel, "undo"),
        ),
        (lambda: press(panel, "compare"), lambda: press(panel, "seed"), lambda: type_in(panel, seed=None)),
        (lambda: press(panel, "reference"), lambda: press(panel, "stop", number=99), lambda: do(panel, "undo")),
        (panel.on_budget_change, lambda: panel.pictures.strip.select([])),
    )
    threads = [threading.Thread(target=repeat, args=one, daemon=True) for one in acts]
    for thread in threads:
        thread.start()
    for _ in range(6):
        press(panel, "generate", quote=panel.view.bar["quote"])
        until(lambda: panel.form.lock.acquire(timeout=10) and not panel.form.lock.release())
    finish.set()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    press(panel, "stop")
    assert queue(panel) == []
    assert "Error" not in message(panel)
