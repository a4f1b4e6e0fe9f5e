"""What a panel does with its pictures, without a page: choose, take their settings, make them again, look back."""

import json

import pytest
from ipywidgets import Widget
from sweep_tools import until

import nbkit
from nbkit.request.image_request import ImageRequest
from nbkit.widgets.controls.draft import final_request

PROMPT = "A paper lantern shop at night"


@pytest.fixture
def studio(tmp_path):
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs", budget=5.00)
    yield studio
    studio.close()


@pytest.fixture
def panel(studio):
    return studio.panel(PROMPT, resolution="0.5K")


def make(panel, **parameters):
    panel.set(**parameters)
    assert panel.generate()
    return panel.wait(30)


def busy(button):
    return "nbkit-busy" in button._dom_classes


def chosen(panel):
    return [shown.image.seed for shown in panel.pictures.chosen]


def test_the_latest_picture_is_on_the_stage_and_the_others_in_the_strip(panel):
    """Newest first; a run of several pictures brings them all, and its first is chosen."""
    make(panel, seed=1)
    run = make(panel, seed=2, number_results=2)
    assert chosen(panel) == [run[0].seed]
    assert len(panel.pictures.strip) == 3
    assert len(panel.pictures.stage) == 1


def test_a_run_without_a_picture_says_why_where_the_picture_would_be(tmp_path):
    """It can be made again, but there is nothing to open or to take a seed from."""
    studio = nbkit.Studio(engine=nbkit.Offline(failures={"blocked": 1.0}), path=tmp_path / "runs")
    panel = studio.panel(PROMPT)
    make(panel)
    (shown,) = panel.pictures.chosen
    assert "safety" in shown.item().missing
    actions = panel.pictures.actions
    assert actions.full_size.disabled
    assert actions.seed.disabled
    assert not actions.again.disabled
    studio.close()


def test_the_seed_of_any_picture_can_be_taken(panel):
    """Of the chosen one, not of the latest; exact to its last bit."""
    seed = 2**63 - 1
    make(panel, seed=seed)
    make(panel, seed=2)
    first = panel.pictures.strip.selected
    panel.pictures.strip.select([key for key in panel.pictures._mine if key not in first])
    panel.pictures.actions.seed.click()
    assert panel.request.seed == seed


def test_a_picture_becomes_a_reference_image(panel):
    """Its bytes, not its address; the group that holds the references is opened."""
    run = make(panel, seed=1)
    panel.pictures.actions.reference.click()
    (reference,) = panel.request.reference_images
    assert reference.sha256 == run.image.sha256
    assert panel.form.fold.buttons["References"].value


def test_rerun_sends_the_same_request_again(panel, studio):
    """Whatever the controls say by then, at the price on its button; the log knows which run it comes from."""
    run = make(panel, seed=1, temperature=0.3)
    panel.set(prompt="Something else", temperature=0.9)
    again = panel.pictures.actions.again
    assert again.description == "Rerun · $0.04657"
    again.click()
    until(lambda: len(studio.log) == 2)
    panel.wait(30)
    assert panel.last.request == run.request
    assert panel.last.task_uuid != run.task_uuid
    assert studio.df.parent.iloc[-1] == run.task_uuid


@pytest.mark.parametrize(
    ("tier", "size", "price"), [("2K", (2528, 1696), "$0.10255"), ("4K", (5056, 3392), "$0.15295")]
)
def test_make_final_is_the_chosen_picture_at_a_higher_tier(panel, tier, size, price):
    """The same shape and seed, one result, its price on the button. (Nothing is sent here: a 4K picture takes a second.)"""
    panel.draft = True
    run = make(panel, aspect_ratio="3:2", number_results=3, seed=None)
    assert (run.request.size, len(run)) == ((632, 424), 1)
    button = panel.pictures.actions.finals[tier]
    assert button.description == f"Make final {tier} · {price}"
    request = final_request(run.request, run.image, tier)
    assert (request.size, request.seed, request.number_results) == (size, run.image.seed, None)


def test_make_final_of_what_is_final_is_not_offered(studio):
    """The same picture again at its own tier is a rerun."""
    panel = studio.panel(PROMPT, resolution="2K", seed=7)
    make(panel)
    finals = panel.pictures.actions.finals
    assert finals["2K"].disabled
    assert not finals["4K"].disabled


def test_use_settings_brings_back_every_control(panel):
    """What the run had is set, what it did not have is "not sent"; nothing is sent."""
    run = make(panel, temperature=0.3, thinking="HIGH", seed=5, output_format="PNG")
    panel.set(
        prompt="Another", temperature=None, top_p=0.2, thinking=None, seed=None, output_format=None, resolution="4K"
    )
    panel.pictures.actions.settings.click()
    assert panel.request == run.request
    assert len(panel.pictures.strip) == 1


def test_use_settings_brings_back_a_size_in_pixels(panel):
    """A run made with width and height is one of ratio and tier to the controls, and the same request."""
    run = make(panel, aspect_ratio="3:2", resolution="0.5K")
    panel.use_settings(ImageRequest("By hand", width=632, height=424))
    assert panel.request.size == run.request.size


def test_compare_sets_two_beside_each_other_and_says_what_differs(panel):
    """The chosen one and the one before it; words and numbers only, no picture in what widgets save."""
    make(panel, seed=1, temperature=0.2)
    assert panel.pictures.compare.disabled
    make(panel, seed=1, temperature=0.8)
    panel.pictures.compare.click()
    assert len(panel.pictures.chosen) == 2
    told = panel.pictures._difference.value
    assert "temperature" in told
    assert "0.2" in told
    assert "0.8" in told
    assert "base64" not in told


def test_history_shows_the_whole_log_and_its_pictures_can_be_worked_with(studio):
    """A picture of an earlier kernel is chosen there, and its settings come back."""
    early = studio.generate("A jade teapot", temperature=0.4, seed=3, resolution="0.5K")
    panel = studio.panel(PROMPT)
    assert panel.pictures.gallery is None
    panel.pictures.history.value = True
    panel.pictures.gallery.select([early.image.image_uuid])
    assert chosen(panel) == [3]
    panel.pictures.actions.settings.click()
    assert panel.request == early.request


def test_a_draft_is_small_and_single_whatever_the_controls_say(panel, studio):
    """The button tells its price, the code what it makes, and the controls keep what they hold."""
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


def test_a_locked_seed_stays_and_an_open_one_is_thrown_again_after_the_run(panel):
    """What stands in the box is always what the next press sends."""
    control = panel.controls["seed"]
    make(panel, seed=11)
    assert panel.request.seed == 11
    control.lock.value = False  # of a seed that has had its picture, another one is wanted
    first = panel.request.seed
    assert first not in (None, 11)
    assert make(panel).seed == first
    following = panel.request.seed
    assert following not in (None, first)
    assert make(panel).seed == following
    panel.set(seed=None)
    make(panel)
    assert panel.request.seed is None


def test_as_many_at_once_as_asked_for(tmp_path):
    """With ``at_once=2`` a second press makes a second run, a third does nothing; Stop ends the waiting for both."""
    studio = nbkit.Studio(engine=nbkit.Offline(latency=5), path=tmp_path / "runs")
    panel = studio.panel(PROMPT, at_once=2, resolution="0.5K")
    assert panel.generate()
    assert not busy(panel.bar.generate)
    assert panel.generate()
    assert busy(panel.bar.generate)
    assert not panel.generate()
    panel.bar.stop.click()
    assert "up to $0.09314" in panel.bar.under.value
    assert not busy(panel.bar.generate)
    assert len(studio.log) == 2
    studio.close()


def test_no_picture_is_in_what_a_notebook_saves(panel):
    """With pictures on the stage, in the strip and in the history."""
    panel.pictures.history.value = True
    make(panel, seed=1)
    make(panel, seed=2)
    panel.pictures.compare.click()
    state = [widget.get_state() for widget in every(panel.box)]
    assert "base64," not in json.dumps(state)  # which would not take bytes at all


def every(widget):
    yield widget
    for value in widget.trait_values().values():
        for inside in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(inside, Widget):
                yield from every(inside)
