"""A picture that is dropped on a panel, or given to it from code, brings its settings back."""

import io
import re

import pytest
from metadata_files import image_of, png_text, record, with_foreign_text
from panel_tools import actions, complaint_at, do, message, messages_of
from service import picture
from small_requests import generate
from sweep_tools import until

import nbkit
from nbkit import errors
from nbkit.widgets.form.references import MAX_BYTES


@pytest.fixture
def studio(tmp_path):
    """A studio on the offline engine."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    yield studio
    studio.close()


def drop(panel, data, name="lantern.jpg", part=100_000, others=0):
    """Drop a picture on the panel, as its page sends it: part by part, each when the one before has been taken."""
    answers, stream = [], io.BytesIO(data)
    heard = messages_of(panel.view)
    start = {"kind": "settings of", "key": "k", "name": name, "size": len(data), "others": others}
    panel.view._handle_custom_msg(start, [])
    while "over" not in answers:
        sent = len(answers)
        panel.view._handle_custom_msg({"kind": "part", "key": "k"}, [stream.read(part)])
        while len(answers) == sent:
            until(lambda: any(one.get("key") == "k" for one in heard))
            answers += [one["kind"] for one in heard if one.get("key") == "k"]
            heard.clear()


def test_a_picture_with_settings_sets_every_control_and_undo_takes_it_back(studio, tmp_path):
    """In one step; what was set and the picture does not have is unset."""
    request = nbkit.ImageRequest("A lantern", temperature=0.4, seed=5, resolution="2K", aspect_ratio="16:9")
    data = image_of(picture("PNG"), request, seed=5).save(tmp_path / "x.png", metadata=True).read_bytes()
    panel = studio.panel("A boat", top_p=0.9, reference_images=[picture("JPG")])
    before = panel.request
    drop(panel, data, "x.png", part=500)
    assert panel.request == request
    assert message(panel) == "Settings of x.png."
    assert {*actions(panel)} == {"undo"}
    do(panel, "undo")
    assert panel.request == before


@pytest.mark.parametrize("how", ["original", "with settings", "in another log"])
def test_a_picture_of_this_log_is_known_by_its_content(studio, tmp_path, how):
    """Without settings in its file too; its reference images are here. A seed that the service drew is its own."""
    reference = generate(studio, seed=1).image
    run = generate(studio, "In the snow", reference_images=[reference])
    file = run.image.save(tmp_path / "x.jpg", metadata=how != "original")
    panel = studio.panel()
    if how == "in another log":
        other = nbkit.Studio(engine="offline", path=tmp_path / "other")
        panel = other.panel()
    drop(panel, file.read_bytes(), "x.jpg")
    if how == "in another log":
        assert message(panel) == "Settings of x.jpg."
        assert "no longer in the image folder" in complaint_at(panel, "reference_images")
        other.close()
    else:
        assert message(panel) == "Settings of x.jpg, from this log."
        assert panel.request.identity == run.request.replace(seed=run.seed).identity
        assert panel.request.reference_images[0].data


def test_a_file_that_claims_to_be_a_picture_of_this_log_is_taken_by_what_it_says(studio):
    """Its bytes are others: the hash in it is a claim."""
    run = generate(studio, seed=1)
    panel = studio.panel()
    drop(panel, png_text("nbkit", record(facts={"sha256": run.image.sha256}, request={"prompt": "A claim"})), "x.png")
    assert panel.request == nbkit.ImageRequest("A claim")
    assert message(panel) == "Settings of x.png."


def test_what_a_panel_cannot_take_is_said(studio):
    """An address, a parameter of a newer nbkit, a wrong value, and what has no control."""
    request = {"prompt": "A lantern", "webhook_url": "https://example.com/x", "style": "ink", "temperature": 3}
    panel = studio.panel()
    drop(panel, png_text("nbkit", record(request=request, extra={"newFlag": True})))
    assert panel.request == nbkit.ImageRequest("A lantern", seed=7)
    for said in ("style' was left out", "temperature=3 was left out", "webhook_url was left out"):
        assert said in message(panel)


def test_the_settings_of_another_model_set_the_model(studio, tmp_path):
    """What it lacks is left out, and said; a model that nothing is known of is said, too."""
    request = nbkit.ImageRequest("A lantern", model="google:4@2", resolution="2K", seed=5)
    data = image_of(picture("PNG"), request, seed=5).save(tmp_path / "x.png", metadata=True).read_bytes()
    panel = studio.panel("A boat", temperature=0.4)
    drop(panel, data, "x.png")
    assert panel.request == request
    drop(panel, png_text("nbkit", record(request={"prompt": "A lantern", "model": "google:4@2", "thinking": "HIGH"})))
    assert panel.request == nbkit.ImageRequest("A lantern", model="google:4@2", seed=7)
    assert "thinking='HIGH' was left out: Nano Banana Pro does not have it." in message(panel)
    drop(panel, png_text("nbkit", record(facts={"model": "other:1@1"})))
    assert panel.request == nbkit.ImageRequest("A lantern")
    assert "the model other:1@1 is none that this nbkit knows." in message(panel)


def test_the_text_of_another_program_is_named_as_such(studio):
    """Its size is taken where the model has it."""
    panel = studio.panel("A boat")
    drop(panel, with_foreign_text("WEBP"), "other.webp")
    assert panel.request.seed == 1234567
    assert message(panel) == "Settings of other.webp, as another program (a1111) wrote them."


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (picture("JPG"), r"x\.jpg: the picture has no settings in it"),
        (b"<html>", "settings are read from JPG, PNG and WEBP"),
        (b"", "no picture"),
        (png_text("nbkit", "{"), "damaged"),
        (png_text("nbkit", record(request=None)), "has no request"),
        (
            png_text("nbkit", record(request={"prompt": "x"})),
            "has no request that can be used. prompt='x' was left out",
        ),
    ],
)
def test_what_cannot_be_read_says_so_in_the_panel_and_changes_nothing(studio, data, said):
    """As an error, which a screen reader reads at once."""
    panel = studio.panel("A boat", temperature=0.3)
    before = panel.request
    drop(panel, data, "x.jpg")
    assert re.search(said, message(panel))
    assert panel.view.bar["status"]["wrong"]
    assert panel.request == before


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(studio):
    """And its parts are answered, so that the page stops."""
    panel = studio.panel("A boat")
    heard = messages_of(panel.view)
    panel.view._handle_custom_msg({"kind": "settings of", "key": "k", "name": "x.png", "size": MAX_BYTES + 1}, [])
    assert "x.png is too large" in message(panel)
    panel.view._handle_custom_msg({"kind": "part", "key": "k"}, [b"x"])
    assert heard[-1] == {"kind": "over", "key": "k"}


def test_of_several_pictures_the_first_one_counts(studio):
    """It is said while it is read; one that comes while another is on its way takes its place."""
    panel = studio.panel("A boat")
    panel.view._handle_custom_msg({"kind": "settings of", "key": "a", "name": "a.png", "size": 9, "others": 2}, [])
    assert message(panel) == "Reading a.png …\nThe settings are those of the first picture."
    drop(panel, png_text("nbkit", record()), "b.png")
    assert panel.request == nbkit.ImageRequest("A lantern", seed=7)
    assert message(panel) == "Settings of b.png."


def test_a_folder_that_is_dropped_is_an_error_in_words(studio):
    """The page cannot read it."""
    panel = studio.panel("A boat")
    panel.view._handle_custom_msg({"kind": "settings of", "key": "a", "name": "a", "size": 9}, [])
    panel.view._handle_custom_msg({"kind": "unusable", "key": "a", "name": "a", "why": "it cannot be read"}, [])
    assert message(panel) == "a cannot be used: it cannot be read"


def test_settings_end_what_varies(studio):
    """Undo brings the axes back."""
    panel = studio.panel("A boat")
    do(panel, "vary", "temperature")
    assert panel.form.is_sweep
    drop(panel, png_text("nbkit", record()))
    assert not panel.form.is_sweep
    do(panel, "undo")
    assert panel.form.is_sweep


def test_code_gives_a_file_to_a_panel(studio, tmp_path):
    """A path, bytes, or what was read; an error leaves all controls."""
    request = nbkit.ImageRequest("A lantern", temperature=0.4, seed=5)
    file = image_of(picture("JPG"), request, seed=5).save(tmp_path / "x.jpg", metadata=True)
    for given in (file, str(file), file.read_bytes(), nbkit.read(file)):
        panel = studio.panel("A boat")
        panel.use(given)
        assert panel.request == request
    with pytest.raises(errors.RequestError, match="no settings"):
        panel.use(picture("PNG"))
    with pytest.raises(errors.NbkitError, match="no request"):
        panel.use(png_text("nbkit", record(request=None)))
    assert panel.request == request
