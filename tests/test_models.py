"""The family of models: requests, studios, sweeps, the panel and the offline engine follow the profile of a model."""

import base64
import dataclasses
import io
import json
import pickle
import subprocess
import sys
from contextlib import closing

import httpx
import pytest
from PIL import Image
from small_requests import lantern

import nbkit
from nbkit.ledger.model_check import ask_service, questions_about
from nbkit.offline.transport import OfflineTransport
from nbkit.request.image_request import PARAMETERS
from nbkit.request.price import Price
from nbkit.request.profile import LACKING, NOT_KNOWN, PROFILES, TAKEN
from nbkit.service.client import Client

PRO, LITE, NEXT = "google:4@2", "google:nano-banana@2-lite", "google:nano-banana@2.1"


@pytest.fixture
def open_offline(tmp_path):
    """Opens studios on the offline engine and on one log; keywords override."""
    studios = []

    def open_one(**options):
        studios.append(nbkit.Studio(**{"engine": "offline", "path": tmp_path / "runs"} | options))
        return studios[-1]

    yield open_one
    for studio in studios:
        studio.close()


@pytest.fixture
def studio(open_offline):
    return open_offline()


# -- profiles ----------------------------------------------------------------------------------------------------


def test_the_mapping_has_the_four_models_the_default_first():
    """By identifier; a name that is near to one of them is suggested."""
    assert list(nbkit.models) == ["google:4@3", PRO, LITE, NEXT]
    assert [profile.name for profile in nbkit.models.values()] == [
        "Nano Banana 2", "Nano Banana Pro", "Nano Banana 2 Lite", "Nano Banana 2.1",
    ]  # fmt: skip
    with pytest.raises(KeyError, match="did you mean 'google:4@2'"):
        nbkit.models["google:4@22"]
    with pytest.raises(KeyError):
        nbkit.models[["google:4@2"]]


def test_the_default_model_is_deprecated_and_names_its_successor():
    """The others are live."""
    default = nbkit.models["google:4@3"]
    assert (default.status, default.successor) == ("deprecated", NEXT)
    assert {profile.status for profile in nbkit.models.values() if profile is not default} == {"live"}


def test_the_default_model_takes_every_parameter_as_it_is_declared():
    """So a request without a model is what the API page says."""
    own = nbkit.models["google:4@3"].parameters
    assert list(own) == list(PARAMETERS)
    for name, parameter in PARAMETERS.items():
        assert (own[name].state, own[name].kind, own[name].wire) == (TAKEN, parameter.kind, parameter.wire)


@pytest.mark.parametrize(
    ("model", "lacking", "not_known"),
    [
        (PRO, {"thinking", "image_search"}, {"safety_mode"}),
        (
            LITE,
            {"web_search", "image_search"},
            {"temperature", "top_p", "system_prompt", "thinking", "safety_tolerance", "safety_mode"},
        ),
        (NEXT, set(), {"temperature", "top_p", "system_prompt", "safety_tolerance", "safety_mode"}),
    ],
)
def test_what_a_model_lacks_and_what_is_not_known_of_it(model, lacking, not_known):
    """Everything else is taken; each fact has a source and its certainty."""
    own = nbkit.models[model].parameters
    assert {name for name in own if own[name].state == LACKING} == lacking
    assert {name for name in own if own[name].state == NOT_KNOWN} == not_known
    for parameter in own.values():
        assert parameter.evidence.source.url.startswith("https://") or parameter.evidence.source.title == "nbkit itself"
        assert parameter.evidence.certainty in {
            "docs", "sdk", "live report", "third party", "contradiction", "inference", "unknown",
        }  # fmt: skip


def test_the_sizes_of_the_other_models_are_the_published_ones():
    """Pro has ten ratios and a 21:9 of its own, Lite one tier, 2.1 wider pictures."""
    pro, lite, following = (nbkit.models[model] for model in (PRO, LITE, NEXT))
    assert (list(pro.sizes), len(pro.sizes["1K"])) == (["1K", "2K", "4K"], 10)
    assert pro.sizes["1K"]["21:9"] == (1548, 672)
    assert pro.ratio_and_tier(1584, 672) == pro.ratio_and_tier(1548, 672) == ("21:9", "1K")
    assert pro.sizes["4K"]["3:2"] == (5056, 3392)
    assert (list(lite.sizes), lite.sizes["1K"]) == (["1K"], nbkit.models["google:4@3"].sizes["1K"])
    wide = [following.sizes[tier][ratio] for tier in ("1K", "2K", "4K") for ratio in ("4:1", "8:1", "1:8")]
    assert wide == [
        (2064, 512), (2928, 352), (352, 2928), (4128, 1024), (5856, 704), (704, 5856), (8256, 2048), (11712, 1408), (1408, 11712),
    ]  # fmt: skip


def test_the_prices_of_the_other_models_are_the_published_ones():
    """USD for an image by tier; ``None`` where no source has it."""
    assert {model: dict(nbkit.models[model].prices) for model in (PRO, LITE, NEXT)} == {
        PRO: {"1K": 0.138, "2K": 0.138, "4K": 0.244},
        LITE: {"1K": 0.033603},
        NEXT: {"1K": None, "2K": None, "4K": None},
    }


def test_the_mapping_shows_itself_as_a_table_of_what_differs():
    """As text and as HTML; what all models have alike is left out."""
    text, page = repr(nbkit.models), nbkit.models._repr_html_()
    assert "thinking" in nbkit.models.rows()
    assert "output_format" not in nbkit.models.rows()
    for shown in (text, page):
        assert all(identifier in shown for identifier in nbkit.models)
        assert "settings.thinkingLevel" in shown
    assert page.count("<th>") == 5 + len(nbkit.models.rows())


def test_a_profile_survives_a_pickle():
    """It is the same one afterwards."""
    assert pickle.loads(pickle.dumps(nbkit.models[PRO])) is nbkit.models[PRO]


# -- requests ----------------------------------------------------------------------------------------------------


def test_the_profile_spells_the_task_and_python_and_the_log_keep_their_names(studio):
    """``thinking="HIGH"`` is ``settings.thinkingLevel: "high"`` on the wire of 2.1, and the searches are settings."""
    request = lantern(model=NEXT, thinking="MEDIUM", web_search=True, image_search=False)
    task = request.to_task()
    assert task["settings"] == {"thinkingLevel": "medium", "webSearch": True, "imageSearch": False}
    assert "providerSettings" not in task
    assert nbkit.ImageRequest.from_task(task) == request
    row = studio.generate(request).request
    assert row == request
    logged = studio.df.iloc[0]
    assert (logged.model, logged.thinking, logged.webSearch) == (NEXT, "MEDIUM", True)
    assert studio.log[logged.taskUUID].request == request


@pytest.mark.parametrize(
    "parameters",
    [
        {"thinkingLevel": "high"},
        {"settings": {"thinkingLevel": "high"}},
        {"thinking": "HIGH"},
    ],
)
def test_a_parameter_can_be_pasted_as_the_page_of_the_model_spells_it(parameters):
    """The Python name has Python's values, the API's name the API's."""
    assert lantern(model=NEXT, **parameters).thinking == "HIGH"


def test_a_path_of_another_model_is_an_error_that_has_the_right_one():
    """A task is of one model, and each key has one path in it."""
    with pytest.raises(nbkit.RequestError) as caught:
        nbkit.ImageRequest.from_task({"positivePrompt": "A lantern", "settings": {"thinkingLevel": "high"}})
    assert caught.value.suggestion == "settings.thinking"
    with pytest.raises(nbkit.RequestError) as caught:
        nbkit.ImageRequest.from_task({"positivePrompt": "A lantern", "model": NEXT, "settings": {"thinking": "HIGH"}})
    assert caught.value.suggestion == "settings.thinkingLevel"


@pytest.mark.parametrize(
    ("model", "parameters", "have"),
    [
        (PRO, {"thinking": "HIGH"}, {"google:4@3", NEXT}),
        (PRO, {"imageSearch": True}, {"google:4@3", NEXT}),
        (LITE, {"web_search": False}, {"google:4@3", PRO, NEXT}),
    ],
)
def test_a_parameter_that_the_model_lacks_is_refused_with_the_models_that_have_it(model, parameters, have):
    """Before anything is sent."""
    (spelling,) = parameters
    with pytest.raises(nbkit.RequestError) as caught:
        lantern(model=model, **parameters)
    assert (caught.value.parameter, caught.value.reason) == (spelling, "unsupported")
    assert {other for other in nbkit.models if other in str(caught.value)} == have | {model}


@pytest.mark.parametrize(
    ("model", "parameters", "suggestion"),
    [
        (PRO, {"temperature": 2.01}, 2.0),
        (PRO, {"seed": 2**31}, 2**31 - 1),
        (PRO, {"resolution": "0.5K"}, "1K"),
        (PRO, {"aspect_ratio": "8:1"}, "21:9"),
        (PRO, {"width": 512, "height": 512}, (1024, 1024)),
        (LITE, {"resolution": "2K"}, "1K"),
        (NEXT, {"width": 2048, "height": 512}, (2064, 512)),
        (NEXT, {"thinking": "MEDIUMS"}, "MEDIUM"),
    ],
)
def test_the_bounds_are_those_of_the_model(model, parameters, suggestion):
    """The message names the model, and what is nearest in it."""
    with pytest.raises(nbkit.RequestError, match=nbkit.models[model].name) as caught:
        lantern(model=model, **parameters)
    assert caught.value.suggestion == suggestion


def test_what_only_another_model_takes_is_taken_with_that_model():
    """Temperature up to 2 with Pro, and a prompt of any length with 2.1."""
    assert lantern(model=PRO, temperature=1.5).temperature == 1.5
    assert len(nbkit.ImageRequest("x" * 50_000, model=NEXT).prompt) == 50_000
    with pytest.raises(nbkit.RequestError):
        lantern(temperature=1.5)


def test_a_request_without_a_model_is_one_of_the_default_model():
    """The two are equal, also in their identity; a request of another model is not."""
    plain, named, other = lantern(), lantern(model="google:4@3"), lantern(model=PRO)
    assert (plain, hash(plain), plain.identity) == (named, hash(named), named.identity)
    assert plain.identity != other.identity
    assert plain != other
    assert plain.model is None
    assert named.model == "google:4@3"


@pytest.mark.parametrize(
    ("given", "suggestion"),
    [("nano banana pro", PRO), ("Nano Banana 2", "google:4@3"), ("google:4@22", PRO), ("NANO BANANA 2 LITE", LITE)],
)
def test_the_name_of_a_model_is_answered_with_its_identifier(given, suggestion):
    """So that nobody is led to another model, and another price."""
    with pytest.raises(nbkit.RequestError) as caught:
        lantern(model=given)
    assert caught.value.suggestion == suggestion


def test_a_profile_names_its_model(studio):
    """Also as a value of an axis."""
    assert lantern(model=nbkit.models[PRO]) == lantern(model=PRO)
    sweep = studio.sweep("A lantern", model=nbkit.models.values(), seed=1)
    assert [cell.request.profile for cell in sweep] == list(nbkit.models.values())


def test_a_profile_cannot_be_changed():
    """What is checked before a send, money included, is the same for the whole kernel."""
    profile = nbkit.models[PRO]
    for changed in (profile.prices, profile.sizes, profile.sizes["1K"], profile.parameters, profile.evidence):
        with pytest.raises(TypeError):
            changed["1K"] = 0


def test_another_model_keeps_ratio_and_tier_of_a_request():
    """Where its table has other pixels for them."""
    wide = lantern(width=2048, height=512)
    assert wide.replace(model=NEXT).size == (2064, 512)
    assert lantern(width=1264, height=848).replace(model=PRO).size == (1264, 848)
    with pytest.raises(nbkit.RequestError):
        wide.replace(model=PRO)


def test_a_model_that_is_no_longer_on_the_service_is_refused_with_its_successor(studio, monkeypatch):
    """Requests and runs of it can still be read; nothing is sent."""
    run = studio.generate(lantern(model=PRO, seed=1))
    gone = dataclasses.replace(nbkit.models[PRO], status="removed", successor=NEXT)
    monkeypatch.setitem(PROFILES, PRO, gone)
    assert studio.log[run.task_uuid].request == lantern(model=PRO, seed=1)
    with pytest.raises(nbkit.RequestError, match="no longer on the service") as caught:
        studio.generate(lantern(model=PRO, seed=2))
    assert (caught.value.parameter, caught.value.suggestion) == ("model", NEXT)
    assert len(studio.log) == 1


# -- prices ------------------------------------------------------------------------------------------------------


def test_an_unknown_price_is_at_most_twice_that_of_the_maker_until_it_is_learned(studio):
    """A cost that came for a picture of the tier is the estimate from then on; in a later kernel too."""
    request = lantern(model=NEXT)
    assert studio.estimate(request).price == Price(33_600, 67_200)
    run = studio.generate(request, seed=1)
    assert run.cost == 0.0336
    assert studio.estimate(request).price == Price(33_600, 33_600)
    assert studio.estimate(request, resolution="2K").price == Price(50_400, 100_800)
    again = nbkit.Studio(engine="offline", path=studio.log.folder)
    assert again.estimate(request).price == Price(33_600, 33_600)
    assert again.sweep(request, seed=[1, 2]).plan().high.tolist() == [0.0336, 0.0336]


def test_what_a_reference_image_costs_is_learned_too(studio):
    """Pro's price of one is not known; a picture with two of them says nothing of one."""
    picture = studio.generate(lantern(seed=1, resolution="0.5K")).image
    request = lantern(model=PRO, resolution="1K", aspect_ratio="1:1", reference_images=[picture])
    assert studio.estimate(request).price == Price(138_000, 140_200)
    run = studio.generate(request, seed=2)
    assert run.cost == 0.1391
    assert studio.estimate(request).price == Price(139_100, 139_100)
    assert studio.estimate(request, reference_images=[picture, run.image]).price == Price(138_000, 142_400)


def test_a_price_is_learned_of_own_runs_alone(studio, open_offline, tmp_path):
    """A stranger's log says what it likes of its costs."""
    theirs = open_offline(path=tmp_path / "theirs")
    theirs.generate(lantern(model=NEXT, seed=1))
    assert len(studio.log.adopt(theirs.log.folder)) == 1
    assert studio.estimate(lantern(model=NEXT)).price == Price(33_600, 67_200)


@pytest.mark.parametrize("model", [["x"], {"a": 1}, 7, None])
def test_a_model_in_extra_that_is_no_text_has_no_price_either(studio, model):
    """An error of nbkit, as for any other model without a profile."""
    with pytest.raises(nbkit.RequestError, match="max_cost"):
        studio.generate(lantern(extra={"model": model}))


def test_pixels_are_checked_against_the_model_of_the_studio(open_offline):
    """Also where the panel's own control of it is not set."""
    panel = open_offline(model=PRO).panel("A lantern")
    panel.form.typed({"width": "1548 x 672"})
    assert panel.request.size == (1548, 672)
    panel.form.typed({"width": "512 x 512"})
    assert "Not a size of Nano Banana Pro" in panel.view.state["complaints"]["width"]


def test_a_model_of_which_no_price_is_known_needs_max_cost(studio):
    """It comes through ``extra``; so much is held while the run is under way."""
    request = lantern(extra={"model": "google:9@9"})
    for call in (studio.estimate, studio.generate):
        with pytest.raises(nbkit.RequestError, match=r"max_cost=") as caught:
            call(request)
        assert caught.value.parameter == "max_cost"
    assert len(studio.log) == 0
    assert studio.estimate(request, max_cost=0.2).high == 0.2
    run = studio.generate(request, max_cost=0.2)
    assert run.status == "failed"  # the offline engine has no such model, and refuses it at no cost
    assert studio.budget.held == 0


def test_a_sweep_over_a_model_without_a_price_takes_max_cost_for_each_cell(studio):
    """Without it neither a plan nor a run is made, and the message says what to type."""
    parameters = {"extra": {"model": "google:9@9"}, "seed": [1, 2]}
    with pytest.raises(nbkit.RequestError, match=r"studio\.sweep\(…, max_cost=0\.25\)"):
        studio.sweep("A lantern", **parameters).run()
    sweep = studio.sweep("A lantern", max_cost=0.2, **parameters)
    assert sweep.plan().high.tolist() == [0.2, 0.2]
    assert sweep.start().wait().to_frame().status.tolist() == ["failed", "failed"]
    with pytest.raises(nbkit.BudgetExceeded):
        studio.sweep("A lantern", max_cost=0.01, seed=[1, 2]).plan()


def test_max_cost_refuses_what_may_cost_more(studio):
    """Also where the price is known; nothing is sent."""
    with pytest.raises(nbkit.BudgetExceeded) as caught:
        studio.generate(lantern(resolution="4K"), max_cost=0.1)
    assert (caught.value.limit, caught.value.asked) == (0.1, 0.15295)
    assert len(studio.log) == 0
    with pytest.raises(nbkit.RequestError):
        studio.generate(lantern(), max_cost="cheap")


# -- studios, runs and sweeps ------------------------------------------------------------------------------------


def test_a_studio_has_a_model_for_requests_that_name_none(open_offline):
    """Calls, sweeps, panels; a request that names one keeps it, and so does a run that is made again."""
    studio = open_offline(model=PRO)
    assert studio.model == PRO
    assert "Nano Banana Pro" in repr(studio)
    run = studio.generate("A lantern", seed=1)
    assert run.task["model"] == PRO
    assert run.rerun(seed=2).task["model"] == PRO
    assert studio.generate("A lantern", model=LITE).task["model"] == LITE
    assert studio.generate(lantern(model=LITE)).task["model"] == LITE
    assert studio.sweep("A lantern", seed=[1])[0].request.model == PRO
    assert studio.panel("A lantern").request.model == PRO
    assert studio.estimate("A lantern") == 0.138
    with pytest.raises(nbkit.RequestError):
        nbkit.Studio(engine="offline", model="google:9@9")


def test_a_run_says_which_model_made_it_and_what_was_not_known(studio):
    """The default model is not named."""
    run = studio.generate(lantern(model=NEXT, temperature=0.4, seed=1))
    assert "Nano Banana 2.1" in run.image.caption
    for shown in (run.to_text(), run.to_html()):
        assert "not known whether Nano Banana 2.1 takes it: temperature" in shown
    plain = studio.generate(lantern(temperature=0.4, seed=1))
    assert not [
        text for text in (plain.to_text(), *plain.image.caption) if "Nano Banana" in text or "not known" in text
    ]


def test_a_sweep_over_models_has_a_cell_price_and_picture_for_each(studio):
    """The column ``model`` is the axis, and the prices are those of the models."""
    sweep = studio.sweep("A lantern", model=["google:4@3", PRO, NEXT], seed=[1, 2], resolution="1K")
    assert sweep.plan().groupby("model").high.first().to_dict() == {"google:4@3": 0.06895, PRO: 0.138, NEXT: 0.0672}
    result = sweep.start().wait()
    frame = result.to_frame()
    assert frame.groupby("model").cost.sum().round(5).to_dict() == {"google:4@3": 0.1379, PRO: 0.276, NEXT: 0.0672}
    assert frame.status.eq("done").all()
    assert PRO in repr(result.grid(rows="model", columns="seed"))


def test_cells_that_a_model_cannot_make_are_named_before_anything_is_sent(studio):
    """All of them, up to a few; ``where=`` leaves them out."""
    values = {"model": ["google:4@3", PRO], "thinking": [None, "HIGH"], "seed": [1, 2]}
    sweep = studio.sweep("A lantern", **values)
    with pytest.raises(nbkit.RequestError, match="2 of 8 cells cannot be made") as caught:
        sweep.run()
    assert "cell 6: model='google:4@2', thinking='HIGH', seed=1" in str(caught.value)
    assert "cell 7: model='google:4@2', thinking='HIGH', seed=2" in str(caught.value)
    assert len(studio.log) == 0
    kept = studio.sweep("A lantern", **values, where=lambda cell: not (cell.model == PRO and cell.thinking))
    assert len(kept.plan()) == 6


def test_a_value_of_an_axis_may_be_of_one_of_the_models(studio):
    """One that no model of the sweep has is refused at once."""
    sweep = studio.sweep("A lantern", model=["google:4@3", PRO], temperature=[0.5, 1.5])
    with pytest.raises(nbkit.RequestError, match=r"temperature=1\.5"):
        sweep.plan()
    assert len(studio.sweep("A lantern", model=PRO, temperature=[0.5, 1.5]).plan()) == 2
    with pytest.raises(nbkit.RequestError, match=r"temperature=1\.5"):
        studio.sweep("A lantern", temperature=[0.5, 1.5])


def test_the_settings_of_a_picture_find_their_reference_images_in_the_log(studio, tmp_path):
    """A file names them by their hash."""
    picture = studio.generate(lantern(seed=1, resolution="0.5K")).image
    edit = picture.edit("In the snow").image
    request = nbkit.read(edit.save(tmp_path / "edit.png", metadata=True)).request
    assert studio.generate(request, seed=2).status == "done"


# -- the panel ---------------------------------------------------------------------------------------------------


def test_a_value_that_another_model_lacks_is_kept_aside_and_comes_back(studio):
    """The page says so at its control; undo takes the whole step back."""
    panel = studio.panel("A lantern", thinking="HIGH", aspect_ratio="8:1", resolution="0.5K", temperature=0.4)
    panel.set(model=PRO)
    assert panel.request == lantern(model=PRO, temperature=0.4)
    state = panel.view.state
    assert state["aside"] == {
        "thinking": "HIGH is kept aside", "aspect_ratio": "8:1 is kept aside", "resolution": "0.5K is kept aside",
    }  # fmt: skip
    assert state["own"]["thinking"] == {"lacking": "Nano Banana Pro does not have it"}
    assert state["own"]["temperature"]["max"] == 2
    assert [value for _, value in state["own"]["resolution"]["options"]] == ["1K", "2K", "4K"]
    assert panel.view.head["model"] == "Nano Banana Pro"
    panel.set(model=None)
    assert panel.request.parameters == {
        "prompt": "A lantern", "resolution": "0.5K", "aspect_ratio": "8:1", "temperature": 0.4, "thinking": "HIGH",
    }  # fmt: skip
    assert panel.view.state["aside"] == {}
    assert panel.view.state["own"] == {}


def test_a_mark_makes_values_that_the_model_has(studio):
    """Its tiers, its levels of thinking, its seeds."""
    panel = studio.sweep_panel("A lantern", model=NEXT)
    for name in ("thinking", "resolution", "seed"):
        panel.form.vary(name)
    texts = panel.form.axes.texts
    assert (texts["thinking"], texts["resolution"]) == ("MINIMAL, MEDIUM, HIGH", "1K, 2K, 4K")
    assert len(panel.sweep) == 27
    assert panel.view.bar["why"] == ""


def test_a_sweep_panel_over_models_names_the_cells_that_cannot_be_made(studio):
    """Nothing can be sent until they are left out."""
    panel = studio.sweep_panel("A lantern", model=["google:4@3", PRO], thinking="HIGH")
    said = json.dumps([panel.view.bar, panel.view.state], default=str)
    assert "has no thinking" in said
    panel.set(thinking=None)
    assert len(panel.sweep) == 2


def test_undo_of_a_change_of_the_model_brings_back_what_was_put_aside(studio):
    """As one step."""
    panel = studio.panel("A lantern", thinking="HIGH")
    before = panel.request
    panel.form.typed({"model": PRO}, whole=True)
    assert panel.request.thinking is None
    panel.form.undo()
    assert panel.request == before
    panel.form.redo()
    assert panel.request == lantern(model=PRO)


def test_the_panel_and_the_studio_say_that_a_model_is_deprecated_where_money_is_real(studio, tmp_path):
    """With its successor; offline, and with another model, they do not."""
    assert studio.panel().view.head["successor"] == ""
    assert "deprecated" not in repr(studio)
    real = nbkit.Studio(engine="runware", api_key="k" * 32, path=tmp_path / "real")
    panel = real.panel("A lantern")
    assert "Nano Banana 2.1" in panel.view.head["successor"]
    assert f"google:4@3 is deprecated, its successor is {NEXT}" in repr(real)
    panel.set(model=PRO)
    assert panel.view.head["successor"] == ""


# -- the offline engine ------------------------------------------------------------------------------------------


def test_the_offline_engine_draws_the_name_of_the_model(studio):
    """All that stands above the line of settings is the same for all models."""
    plain, pro = (studio.generate(lantern(model=model, seed=1)).image for model in (None, PRO))
    assert plain.bytes != pro.bytes
    upper = [image.pil.crop((0, 0, 1024, image.footer[1] - 60)).tobytes() for image in (plain, pro)]
    assert upper[0] == upper[1]
    assert Image.open(io.BytesIO(pro.bytes)).size == (1024, 1024)


@pytest.mark.parametrize(
    ("task", "code", "parameter"),
    [
        ({"model": PRO, "settings": {"thinking": "HIGH"}}, "unsupportedParameter", "settings.thinking"),
        ({"model": LITE, "providerSettings": {"google": {"webSearch": True}}}, "unsupportedParameter", "providerSettings.google.webSearch"),
        ({"model": NEXT, "settings": {"thinkingLevel": "HIGHEST"}}, "invalidChoice", "settings.thinkingLevel"),
        ({"model": PRO, "seed": 2**31}, "valueOutOfRange", "seed"),
        ({"model": NEXT, "width": 2048, "height": 512}, "unsupportedDimensions", ["width", "height"]),
    ],
)  # fmt: skip
def test_the_offline_engine_refuses_what_the_model_refuses(task, code, parameter):
    """With the API's codes, and its spelling of the parameter."""
    whole = {
        "taskType": "imageInference", "taskUUID": "12345678-1234-4123-8123-123456789012", "positivePrompt": "A lantern",
        "width": 1024, "height": 1024,
    } | task  # fmt: skip
    answer = nbkit.Offline().answer(json.dumps([whole]).encode(), {})
    (error,) = json.loads(answer.body)["errors"]
    assert (error["code"], error["parameter"]) == (code, parameter)


# -- the command -------------------------------------------------------------------------------------------------


def run_command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "nbkit", "models", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_the_command_prints_what_it_would_ask_and_asks_nothing():
    """A task that must be refused comes first."""
    done = run_command("check", "--model", LITE)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith(LITE)
    assert "width=7, height=7: refused" in lines[1]
    assert "Nothing was asked" in lines[-1]
    assert "$0.0336" in lines[-1]


def disagreeing(task, headers):
    """A service with other bounds and prices: temperature up to 1 with Pro, and 2K for more."""
    if (
        headers.get("x-runware-dry-run") != "1"
        or task["width"] == 7
        or task.get("settings", {}).get("temperature", 0) > 1
    ):
        return {"errors": [{"code": "valueOutOfRange", "message": "no", "taskUUID": task["taskUUID"]}]}
    cost = {1024: 0.138, 2048: 0.2, 4096: 0.244}.get(task["width"], 0.244)
    return {"data": [{"taskType": "imageInference", "taskUUID": task["taskUUID"], "cost": cost}]}


def accepting(task, _):
    """A service whose dry runs check nothing."""
    return {"data": [{"taskType": "imageInference", "taskUUID": task["taskUUID"]}]}


def check(answer, questions, picture=b""):
    """What a check finds at a service, and the tasks that it was sent."""
    sent = []

    def handle(request):
        if request.method == "GET":
            return httpx.Response(200, content=picture, headers={"content-type": "image/png"})
        (task,) = json.loads(request.content)
        sent.append(task)
        envelope = answer(task, request.headers)
        return httpx.Response(400 if "errors" in envelope else 200, json=envelope)

    client = Client("https://service.example/v1", transport=httpx.MockTransport(handle))
    found = []
    try:
        found.extend(ask_service(client, questions))
    except nbkit.NbkitError as error:
        return found, sent, error
    finally:
        client.close()
    return found, sent, None


def test_a_check_finds_where_the_service_differs():
    """Its bounds, and the price of a tier; everything else holds."""
    asked = questions_about(nbkit.models[PRO])
    found, sent, error = check(
        disagreeing, [asked[0], *(one for one in asked if " at " in one.topic or "temp" in one.topic)]
    )
    assert error is None
    differs = [finding.question.topic for finding in found if finding.outcome == "differs"]
    assert differs == ["1:1 at 2K", "settings.temperature=2"]
    assert all(task["model"] == PRO and task.get("numberResults", 1) == 1 for task in sent)


@pytest.mark.parametrize("item", ["imageBase64Data", "imageURL"])
def test_a_check_stops_at_the_first_picture(item):
    """The service has made one in a dry run: it is paid, so its bytes are kept, and nothing more is sent."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(out, "PNG")
    data = out.getvalue()
    source = {"imageBase64Data": base64.b64encode(data).decode(), "imageURL": "https://pictures.example/made.png"}[item]

    def ignoring(task, _):
        """Makes a picture of every task that it accepts, whatever the header says."""
        if task["width"] == 7:
            return {"errors": [{"code": "unsupportedDimensions", "message": "no", "taskUUID": task["taskUUID"]}]}
        return {"data": [{"taskUUID": task["taskUUID"], "imageUUID": "made", item: source, "cost": 0.138}]}

    found, sent, error = check(ignoring, questions_about(nbkit.models[PRO]), picture=data)
    assert (len(found), len(sent)) == (1, 2)
    assert "$0.138" in str(error)
    assert error.picture == data


def test_a_check_stops_where_the_first_task_is_not_refused():
    """Then the service's dry runs say nothing."""
    found, sent, error = check(accepting, questions_about(nbkit.models[PRO]))
    assert (found, len(sent)) == ([], 1)
    assert "must be refused" in str(error)


def test_the_offline_engine_agrees_with_every_profile():
    """What is not known is accepted, and the price of 2.1 is that of its maker."""
    questions = [question for profile in nbkit.models.values() for question in questions_about(profile)]
    with closing(Client("https://offline.example/v1", transport=OfflineTransport(nbkit.Offline()))) as client:
        found = list(ask_service(client, questions))
    assert len(found) == len(questions)
    assert {finding.outcome for finding in found} == {"holds", "learned"}
    learned = {finding.question.profile.identifier for finding in found if finding.outcome == "learned"}
    assert learned == {PRO, LITE, NEXT}


def test_a_check_asks_for_one_picture_at_a_time_and_waits_for_each():
    """So that no more than one can be made and not be seen; no picture is sent."""
    tasks = [question.task for profile in nbkit.models.values() for question in questions_about(profile)]
    assert all(task.get("numberResults", 1) == 1 and "deliveryMethod" not in task for task in tasks)
    assert max(len(json.dumps(task)) for task in tasks) < 100_000
