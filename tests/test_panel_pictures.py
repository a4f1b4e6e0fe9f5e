"""The pictures of a panel, without a page: choosing, reusing settings, making them again, comparing, the history."""

import threading

import pytest
from panel_tools import is_busy, make_run, message, offline_studio, state_of, text_of
from sweep_tools import until

import nbkit
from nbkit.request.image_request import ImageRequest
from nbkit.widgets.controls.draft import final_request

PROMPT = "A paper lantern shop at night"


@pytest.fixture
def studio(tmp_path):
    with offline_studio(tmp_path, budget=5.00) as studio:
        yield studio


@pytest.fixture
def panel(studio):
    return studio.panel(PROMPT, resolution="0.5K")


def seeds_on_stage(panel):
    return [shown.image.seed for shown in panel.pictures.chosen]


def test_the_first_picture_of_the_latest_run_is_on_the_stage(panel):
    """The strip has all pictures of the panel, also the others of that run."""
    make_run(panel, seed=1)
    run = make_run(panel, seed=2, number_results=2)
    assert seeds_on_stage(panel) == [run[0].seed]
    assert len(panel.pictures.strip) == 3
    assert len(panel.pictures.stage) == 1


def test_a_run_without_a_picture_shows_the_reason_in_its_place(tmp_path):
    """It can be made again, but there is no picture to open and no seed to use."""
    with offline_studio(tmp_path, engine=nbkit.Offline(failures={"blocked": 1.0})) as studio:
        panel = studio.panel(PROMPT)
        make_run(panel)
        (shown,) = panel.pictures.chosen
        assert "safety" in shown.item().missing
        actions = panel.pictures.actions
        assert actions.full_size.disabled
        assert actions.seed.disabled
        assert not actions.again.disabled


def test_use_this_seed_sets_the_seed_of_the_chosen_picture(panel):
    """Exactly, with all 63 bits; the chosen picture need not be the latest."""
    seed = 2**63 - 1
    make_run(panel, seed=seed)
    earlier = panel.pictures.strip.selected
    make_run(panel, seed=2)
    assert seeds_on_stage(panel) == [2]
    panel.pictures.strip.select(earlier)
    panel.pictures.actions.seed.click()
    assert panel.request.seed == seed


def test_use_as_reference_adds_the_bytes_of_the_picture(panel):
    """Not its address; the group with the reference images opens."""
    run = make_run(panel, seed=1)
    panel.pictures.actions.reference.click()
    (reference,) = panel.request.reference_images
    assert reference.sha256 == run.image.sha256
    assert panel.form.fold.buttons["References"].value


def test_rerun_sends_the_request_of_the_picture_again(panel, studio):
    """The controls may hold other values by then. The button has the price, and the log the run that it comes from."""
    run = make_run(panel, seed=1, temperature=0.3)
    panel.set(prompt="Something else", temperature=0.9)
    rerun = panel.pictures.actions.again
    assert rerun.description == "Rerun · $0.04657"
    rerun.click()
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
    button = panel.pictures.actions.finals[tier]
    assert button.description == f"Make final {tier} · {price}"
    request = final_request(run.request, run.image, tier)
    assert (request.size, request.seed, request.number_results) == (size, run.image.seed, None)


def test_make_final_is_disabled_at_the_tier_of_the_picture(studio):
    """The same picture at its own tier would be a rerun."""
    panel = studio.panel(PROMPT, resolution="2K", seed=7)
    make_run(panel)
    finals = panel.pictures.actions.finals
    assert finals["2K"].disabled
    assert not finals["4K"].disabled


def test_use_settings_sets_every_control_to_the_request_of_the_run(panel):
    """A parameter that the run did not have is set to "not sent". Nothing is sent to the service."""
    run = make_run(panel, temperature=0.3, thinking="HIGH", seed=5, output_format="PNG")
    panel.set(
        prompt="Another", temperature=None, top_p=0.2, thinking=None, seed=None, output_format=None, resolution="4K"
    )
    panel.pictures.actions.settings.click()
    assert panel.request == run.request
    assert len(panel.pictures.strip) == 1


def test_use_settings_accepts_a_size_in_pixels(panel):
    """The controls show width and height as a ratio and a tier."""
    run = make_run(panel, aspect_ratio="3:2", resolution="0.5K")
    panel.use_settings(ImageRequest("By hand", width=632, height=424))
    assert panel.request.size == run.request.size


def test_compare_shows_two_pictures_and_their_differences(panel):
    """The chosen picture and the one before it. The table of differences has no picture, for widgets are saved."""
    make_run(panel, seed=1, temperature=0.2)
    assert panel.pictures.compare.disabled
    make_run(panel, seed=1, temperature=0.8)
    panel.pictures.compare.click()
    assert len(panel.pictures.chosen) == 2
    table = panel.pictures._difference.value
    assert "temperature" in text_of(table)
    assert "0.2" in text_of(table)
    assert "0.8" in text_of(table)
    assert "base64" not in table


def test_a_picture_chosen_in_the_history_can_be_used(studio):
    """The history shows the whole log, also the runs of earlier panels."""
    earlier = studio.generate("A jade teapot", temperature=0.4, seed=3, resolution="0.5K")
    panel = studio.panel(PROMPT)
    assert panel.pictures.gallery is None
    panel.pictures.history.value = True
    panel.pictures.gallery.select([earlier.image.image_uuid])
    assert seeds_on_stage(panel) == [3]
    panel.pictures.actions.settings.click()
    assert panel.request == earlier.request


def test_a_draft_has_resolution_half_k_and_one_result(panel, studio):
    """Generate has the price of the draft. The controls keep their values, which count again after the draft."""
    panel.set(resolution="4K", number_results=4, aspect_ratio="3:2")
    panel.draft = True
    assert panel.request.resolution == "0.5K"
    assert panel.request.number_results is None
    assert panel.bar.generate.description == "Generate · $0.04657"
    assert "632 × 424 px" in panel.controls["width"].pixels.value
    assert panel.controls["number_results"].field.disabled
    panel.draft = False
    assert (panel.request.resolution, panel.request.number_results) == ("4K", 4)
    assert studio.panel(PROMPT, draft=True).request.resolution == "0.5K"


def test_a_locked_seed_stays_and_an_unlocked_one_changes_after_each_run(panel):
    """The seed in the box is always the one that the next press sends."""
    control = panel.controls["seed"]
    make_run(panel, seed=11)
    assert panel.request.seed == 11
    control.lock.value = False  # the seed in the box has been used, so that it changes at once
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
    """With ``at_once=2``, a third press has no effect. Stop ends the waiting for both runs, whose pictures still come."""
    accepted, finish = threading.Semaphore(0), threading.Event()

    def wait_until_stopped(_seconds):
        accepted.release()
        assert finish.wait(20)

    with offline_studio(tmp_path, engine=nbkit.Offline(latency=1, sleep=wait_until_stopped)) as studio:
        panel = studio.panel(PROMPT, at_once=2, resolution="0.5K")
        assert panel.generate()
        assert not is_busy(panel.bar.generate)
        assert panel.generate()
        assert is_busy(panel.bar.generate)
        assert not panel.generate()
        assert all(accepted.acquire(timeout=20) for _ in range(2))
        panel.bar.stop.click()
        assert "up to $0.09314" in message(panel)
        assert not is_busy(panel.bar.generate)
        assert len(studio.log) == 2
        finish.set()
        until(lambda: set(studio.df.status) == {"done"})


def test_the_saved_state_has_no_pictures_of_stage_strip_and_history(panel):
    """Pictures are sent to the page in messages, which a notebook does not save."""
    panel.pictures.history.value = True
    make_run(panel, seed=1)
    make_run(panel, seed=2)
    panel.pictures.compare.click()
    assert "base64," not in state_of(panel)
