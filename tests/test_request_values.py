"""Which values a request accepts, and in which words it refuses the others."""

import uuid
from pathlib import Path

import numpy as np
import pytest

from nbkit.errors import RequestError, UnknownParameter
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import short_repr
from nbkit.request.rules import check_value

URL = "https://example.com/cat.jpg"
LONG = "9223372036854775807"
ADDRESS = "https:// or http://"
IMAGE = "a pathlib.Path, bytes, a PIL image"

REFUSED = [
    # the parameter as it is spelled, the value, the kind of mistake, what the message says is allowed or nearest
    ("prompt", "", "length", "3 to 45,000 characters"),
    ("prompt", "ab", "length", "3 to 45,000 characters, and this has 2"),
    ("prompt", " \n\t ", "length", "blank"),
    ("prompt", "x" * 45_001, "length", "and this has 45,001"),
    ("prompt", "half \ud800", "format", "UTF-8"),
    ("prompt", 7, "type", "not int"),
    ("prompt", b"A lantern", "type", "not bytes"),
    ("prompt", ["A lantern"], "type", "not list"),
    ("positivePrompt", "ab", "length", "3 to 45,000 characters"),
    ("system_prompt", "", "length", "1 to 50,000 characters"),
    ("system_prompt", "x" * 50_001, "length", "1 to 50,000 characters"),
    ("systemPrompt", 3.5, "type", "not float"),
    ("seed", -1, "range", "Nearest: seed=0"),
    ("seed", 2**63, "range", f"from 0 to {LONG}. Nearest: seed={LONG}"),
    ("seed", 10**5000, "range", f"Nearest: seed={LONG}"),
    ("seed", 7.0, "type", "not float. Nearest: seed=7"),
    ("seed", 1.5, "type", "a whole number"),
    ("seed", "7", "type", "not str. Nearest: seed=7"),
    ("seed", True, "type", "not bool"),
    ("seed", np.True_, "type", "a whole number"),
    ("seed", float("nan"), "type", "a whole number"),
    ("seed", np.array([7]), "type", "not ndarray"),
    ("number_results", 0, "range", "from 1 to 20. Nearest: number_results=1"),
    ("number_results", 21, "range", "Nearest: number_results=20"),
    ("numberResults", 50, "range", "Nearest: numberResults=20"),
    ("number_results", 2.0, "type", "Nearest: number_results=2"),
    ("number_results", True, "type", "not bool"),
    ("temperature", -0.01, "range", "from 0 to 1 in steps of 0.01. Nearest: temperature=0"),
    ("temperature", 1.01, "range", "Nearest: temperature=1"),
    ("temperature", 2, "range", "Nearest: temperature=1"),
    ("temperature", 10**400, "range", "Nearest: temperature=1"),
    ("temperature", -(10**400), "range", "Nearest: temperature=0"),
    ("temperature", 0.725, "step", "Nearest: temperature=0.72"),
    ("temperature", 0.001, "step", "Nearest: temperature=0.0"),
    ("temperature", 0.7200001, "step", "Nearest: temperature=0.72"),
    ("temperature", float("nan"), "range", "from 0 to 1"),
    ("temperature", float("inf"), "range", "from 0 to 1"),
    ("temperature", "0.7", "type", "not str. Nearest: temperature=0.7"),
    ("temperature", True, "type", "not bool"),
    ("temperature", np.bool_(True), "type", "a number from 0 to 1"),
    ("temperature", 0.3 + 1j, "type", "not complex"),
    ("temperature", [0.3], "type", "not list"),
    ("temperature", np.float32(1.5), "range", "Nearest: temperature=1"),
    ("topP", 1.5, "range", "Nearest: topP=1"),
    ("top_p", -1, "range", "Nearest: top_p=0"),
    ("top_p", np.float32(0.333), "step", "Nearest: top_p=0.33"),
    ("thinking", "high", "choice", "'MINIMAL', 'HIGH'. Nearest: thinking='HIGH'"),
    ("thinking", "minimum", "choice", "Nearest: thinking='MINIMAL'"),
    ("thinking", "", "choice", "'MINIMAL', 'HIGH'"),
    ("thinking", True, "type", "not bool"),
    ("resolution", "2k", "choice", "Nearest: resolution='2K'"),
    ("resolution", "8K", "choice", "'0.5K', '1K', '2K', '4K'. Nearest: resolution='4K'"),
    ("resolution", 2, "type", "not int. Nearest: resolution='2K'"),
    ("resolution", "512", "choice", "Nearest: resolution='0.5K'"),
    ("resolution", "1024", "choice", "Nearest: resolution='1K'"),
    ("resolution", "0", "choice", "'0.5K', '1K', '2K', '4K'"),
    ("aspect_ratio", "16x9", "choice", "Nearest: aspect_ratio='16:9'"),
    ("aspect_ratio", "2:1", "choice", "Nearest: aspect_ratio='16:9'"),
    ("aspect_ratio", "16:10", "choice", "Nearest: aspect_ratio='3:2'"),
    ("aspect_ratio", "10:1", "choice", "Nearest: aspect_ratio='8:1'"),
    ("aspect_ratio", "1:2", "choice", "Nearest: aspect_ratio='9:16'"),
    ("aspect_ratio", "7:5", "choice", "Nearest: aspect_ratio='4:3'"),
    ("aspect_ratio", "0:1", "choice", "'1:1', '3:2'"),
    ("aspectRatio", 1.5, "type", "'1:1', '3:2'"),
    ("output_format", "jpg", "choice", "Nearest: output_format='JPG'"),
    ("output_format", "JPEG", "choice", "Nearest: output_format='JPG'"),
    ("outputFormat", "GIF", "choice", "'JPG', 'PNG', 'WEBP'"),
    ("output_quality", 19, "range", "from 20 to 99. Nearest: output_quality=20"),
    ("outputQuality", 100, "range", "Nearest: outputQuality=99"),
    ("output_quality", 95.5, "type", "Nearest: output_quality=95"),
    ("output_type", "url", "choice", "Nearest: output_type='URL'"),
    ("outputType", "base64", "choice", "Nearest: outputType='base64Data'"),
    ("delivery_method", "Sync", "choice", "Nearest: delivery_method='sync'"),
    ("deliveryMethod", "stream", "choice", "'sync', 'async'"),
    ("webhook_url", "", "format", ADDRESS),
    ("webhook_url", "example.com/hook", "format", ADDRESS),
    ("webhookURL", "ftp://example.com/", "format", ADDRESS),
    ("webhook_url", "https://", "format", ADDRESS),
    ("webhook_url", "https://exa mple.com/", "format", ADDRESS),
    ("webhook_url", "https://example.com/\ud800", "format", ADDRESS),
    ("upload_endpoint", "s3://bucket/key", "format", ADDRESS),
    ("uploadEndpoint", "https://example.com:99999/", "format", ADDRESS),
    ("ttl", 59, "range", "at least 60. Nearest: ttl=60"),
    ("ttl", "60", "type", "Nearest: ttl=60"),
    ("ttl", 2**63, "range", "64 bits"),
    ("ttl", 10**5000, "range", "64 bits"),
    ("include_cost", 1, "type", "True or False, not int. Nearest: include_cost=True"),
    ("includeCost", "no", "type", "Nearest: includeCost=False"),
    ("web_search", "true", "type", "Nearest: web_search=True"),
    ("webSearch", np.int64(0), "type", "Nearest: webSearch=False"),
    ("image_search", 0.5, "type", "True or False"),
    ("imageSearch", [], "type", "not list"),
    ("safety_tolerance", "OFF", "choice", "Nearest: safety_tolerance='off'"),
    ("safetyTolerance", "maximum", "choice", "'high', 'medium', 'low', 'none', 'off'"),
    ("check_content", "yes", "type", "Nearest: check_content=True"),
    ("checkContent", None.__class__, "type", "True or False"),
    ("safety_mode", "full", "choice", "'none', 'fast'"),
    ("mode", "Fast", "choice", "Nearest: mode='fast'"),
    ("reference_images", [], "count", "1 to 14 images, and this has 0"),
    ("reference_images", [URL] * 15, "count", "1 to 14 images, and this has 15"),
    ("referenceImages", "cat.png", "format", "never opened as a file"),
    ("referenceImages", 5, "type", IMAGE),
    ("reference_images", [URL, None], "type", "not NoneType"),
    ("reference_images", b"junk", "format", "a picture that can be opened"),
    ("reference_images", Path("no-such-file.png"), "format", "a file that can be read"),
    ("taskType", "textInference", "choice", "'imageInference'"),
    ("task_type", 5, "choice", "'imageInference'"),
    ("model", "google:4@2", "choice", "'google:4@3'"),
    ("model", np.array(["google:4@3"]), "choice", "'google:4@3'"),
    ("taskUUID", "not-a-uuid", "format", "a UUID of version 4"),
    ("task_uuid", uuid.UUID("2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"), "format", "a UUID of version 4"),
    ("extra", 5, "type", "a dict, not int"),
    ("extra", 0, "type", "a dict, not int"),
    ("extra", [("a", 1)], "type", "a dict, not list"),
]


@pytest.mark.parametrize(
    ("name", "value", "reason", "rule"), REFUSED, ids=[f"{n}={short_repr(v)[:24]!a}" for n, v, _, _ in REFUSED]
)
def test_refused(name, value, reason, rule):
    """A refusal names the parameter as it was spelled, shows the value, and says what is allowed."""
    with pytest.raises(RequestError) as caught:
        ImageRequest(**{"positivePrompt" if name == "positivePrompt" else "prompt": "A lantern", name: value})
    error, message = caught.value, str(caught.value)
    spelling = {"task_uuid": "taskUUID", "task_type": "taskType"}.get(name, name)
    assert message.startswith(f"{spelling}={short_repr(value)}: must be ")
    assert rule in message
    assert (error.parameter, error.reason) == (spelling, reason)
    assert error.value is value
    assert len(message) < 500
    assert ("Nearest" in message) == (error.suggestion is not None) or name in ("taskType", "task_type", "model")


REFUSED_TOGETHER = [
    # what is given, the parameter that the error is about, the kind of mistake, words of the message
    ({"prompt": None}, "prompt", "missing", ["prompt is missing"]),
    ({"positivePrompt": None}, "positivePrompt", "missing", ["positivePrompt is missing"]),
    ({"width": 1264}, "height", "dimensions", ["width=1264", "height", "width=1264, height=848"]),
    ({"height": 3392}, "width", "dimensions", ["height=3392", "width=5056, height=3392"]),
    ({"width": 1000, "height": 1000}, "width", "dimensions", ["width=1000, height=1000", "1024", "1:1 at 1K"]),
    ({"width": 1920, "height": 1080}, "width", "dimensions", ["1920", "width=1376, height=768", "16:9 at 1K"]),
    ({"width": 848, "height": 1265}, "width", "dimensions", ["width=848, height=1264", "2:3 at 1K"]),
    (
        {"width": 1264, "height": 848, "resolution": "1K"},
        "resolution",
        "conflict",
        ["resolution='1K'", "width and height"],
    ),
    ({"width": 1264, "height": 848, "aspectRatio": "3:2"}, "aspectRatio", "conflict", ["aspectRatio='3:2'"]),
    ({"height": 848, "resolution": "1K"}, "resolution", "conflict", ["one or the other"]),
    ({"ttl": 60, "output_type": "base64Data"}, "ttl", "conflict", ["ttl=60", "'base64Data'", "output_type='URL'"]),
    ({"ttl": 60, "outputType": "dataURI"}, "ttl", "conflict", ["outputType='URL'"]),
    ({"top_p": 0.9, "topP": 0.9}, "topP", "conflict", ["top_p", "topP", "two spellings"]),
    ({"topP": 0.9, "settings": {"topP": 0.9}}, "topP", "conflict", ["topP is given twice"]),
    ({"settings": {"topP": 2}}, "topP", "range", ["topP=2", "Nearest: topP=1"]),
    ({"settings": 5}, "settings", "type", ["settings is a group", "not int"]),
    ({"providerSettings": {"google": []}}, "providerSettings.google", "type", ["is a group", "not list"]),
    ({"safety": {"mode": "slow"}}, "mode", "choice", ["mode='slow'", "'none', 'fast'"]),
    ({"extra": {"taskUUID": "x"}}, "extra", "type", ["taskUUID"]),
    ({"extra": {"taskType": "x"}}, "extra", "type", ["taskType"]),
    ({"extra": {"a": float("nan")}}, "extra", "type", ["JSON"]),
    ({"extra": {"a": Path}}, "extra", "type", ["JSON"]),
    ({"extra": {"a": {1, 2}}}, "extra", "type", ["JSON"]),
]


@pytest.mark.parametrize(
    ("given", "parameter", "reason", "words"), REFUSED_TOGETHER, ids=[str(r[0])[:50] for r in REFUSED_TOGETHER]
)
def test_refused_together(given, parameter, reason, words):
    """Parameters that do not go together are refused with what to write instead."""
    prompt = {} if "prompt" in given or "positivePrompt" in given else {"prompt": "A lantern"}
    with pytest.raises(RequestError) as caught:
        ImageRequest(**prompt, **given)
    assert (caught.value.parameter, caught.value.reason) == (parameter, reason)
    assert [word for word in words if word not in str(caught.value)] == []


ACCEPTED = [
    # what is given, what the task then holds in the place that is named
    ({"prompt": "abc"}, "positivePrompt", "abc"),
    ({"prompt": "x" * 45_000}, "positivePrompt", "x" * 45_000),
    ({"prompt": "蜡烛店"}, "positivePrompt", "蜡烛店"),
    ({"prompt": "🏮" * 3}, "positivePrompt", "🏮" * 3),
    ({"prompt": "a\nb"}, "positivePrompt", "a\nb"),
    ({"prompt": np.str_("A lantern")}, "positivePrompt", "A lantern"),
    ({"system_prompt": "x"}, "settings.systemPrompt", "x"),
    ({"system_prompt": "x" * 50_000}, "settings.systemPrompt", "x" * 50_000),
    ({"seed": 0}, "seed", 0),
    ({"seed": 2**63 - 1}, "seed", 2**63 - 1),
    ({"seed": np.int64(2**63 - 1)}, "seed", 2**63 - 1),
    ({"seed": np.uint8(7)}, "seed", 7),
    ({"number_results": 1}, "numberResults", 1),
    ({"number_results": 20}, "numberResults", 20),
    ({"temperature": 0}, "settings.temperature", 0.0),
    ({"temperature": 1}, "settings.temperature", 1.0),
    ({"temperature": -0.0}, "settings.temperature", 0.0),
    ({"temperature": 0.01}, "settings.temperature", 0.01),
    ({"temperature": 0.29}, "settings.temperature", 0.29),
    ({"temperature": 0.30000000000000004}, "settings.temperature", 0.3),
    ({"temperature": 1.0000000005}, "settings.temperature", 1.0),
    ({"temperature": np.float32(0.72)}, "settings.temperature", 0.72),
    ({"temperature": np.float16(0.72)}, "settings.temperature", 0.72),
    ({"temperature": np.float64(0.07)}, "settings.temperature", 0.07),
    ({"temperature": np.int32(1)}, "settings.temperature", 1.0),
    ({"top_p": 0.0}, "settings.topP", 0.0),
    ({"top_p": 1.0}, "settings.topP", 1.0),
    ({"thinking": "MINIMAL"}, "settings.thinking", "MINIMAL"),
    ({"output_quality": 20}, "outputQuality", 20),
    ({"output_quality": 99}, "outputQuality", 99),
    ({"output_format": "WEBP"}, "outputFormat", "WEBP"),
    ({"output_type": "dataURI"}, "outputType", "dataURI"),
    ({"ttl": 60}, "ttl", 60),
    ({"ttl": 2**63 - 1, "output_type": "URL"}, "ttl", 2**63 - 1),
    ({"webhook_url": "http://localhost:8000"}, "webhookURL", "http://localhost:8000"),
    ({"webhook_url": "https://[::1]/?a=b"}, "webhookURL", "https://[::1]/?a=b"),
    ({"upload_endpoint": "https://u:p@a.example/k?X-Sig=1#f"}, "uploadEndpoint", "https://u:p@a.example/k?X-Sig=1#f"),
    ({"web_search": np.bool_(True)}, "providerSettings.google.webSearch", True),
    ({"image_search": False}, "providerSettings.google.imageSearch", False),
    ({"safety_tolerance": "off"}, "providerSettings.google.safetyTolerance", "off"),
    ({"check_content": True}, "safety.checkContent", True),
    ({"safety_mode": "none"}, "safety.mode", "none"),
    ({"mode": "fast"}, "safety.mode", "fast"),
    ({"reference_images": URL}, "inputs.referenceImages", [URL]),
    ({"reference_images": (URL,) * 14}, "inputs.referenceImages", [URL] * 14),
    ({"resolution": "0.5K"}, "resolution", "0.5K"),
    ({"width": np.int64(12288), "height": np.int64(1536)}, "width", 12288),
    (
        {"task_uuid": uuid.UUID("16830039-18a1-48fc-b10a-3f40efdf519a")},
        "taskUUID",
        "16830039-18a1-48fc-b10a-3f40efdf519a",
    ),
    ({"model": "google:4@3"}, "model", "google:4@3"),
    ({"extra": {"new": [1, None]}}, "new", [1, None]),
]


@pytest.mark.parametrize(("given", "place", "expected"), ACCEPTED, ids=[f"{str(a[0])[:40]!a}" for a in ACCEPTED])
def test_accepted(given, place, expected):
    """Values at the bounds, numpy's scalars and a hundredth that arithmetic missed by a hair are accepted."""
    found = ImageRequest(**{"prompt": "A lantern", **given}).to_task()
    for key in place.split("."):
        found = found[key]
    assert found == expected
    assert type(found) is type(expected)
    assert str(found) == str(expected)  # tells 0.0 from -0.0


@pytest.mark.parametrize("hundredths", range(101))
def test_each_hundredth_is_a_temperature(hundredths):
    """However a hundredth was computed or narrowed, it is that hundredth."""
    for value in (hundredths / 100, hundredths * 0.01, np.arange(101)[hundredths] * 0.01, np.float32(hundredths / 100)):
        assert ImageRequest("A lantern", temperature=value).temperature == hundredths / 100


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("temprature", "temperature"), ("Temperature", "temperature"), ("TOPP", "topP"), ("topp", "top_p"),
        ("promt", "prompt"), ("numberResult", "numberResults"), ("num_results", "number_results"),
        ("safetyTolerence", "safetyTolerance"), ("refrence_images", "reference_images"), ("webhook", "webhook_url"),
        ("aspect", "aspect_ratio"), ("widht", "width"), ("sed", "seed"), ("extras", "extra"),
        ("setings", "settings"), ("provider_settings", "providerSettings"), ("taskUuid", "taskUUID"),
    ],
)  # fmt: skip
def test_a_misspelled_name_suggests_the_nearest(name, suggestion):
    """An unknown name is a RequestError and a TypeError that says which one was meant, in the style it is written in."""
    with pytest.raises(UnknownParameter, match=f"^{name} is no parameter .* did you mean {suggestion}\\?") as caught:
        ImageRequest("A lantern", **{name: 1})
    assert isinstance(caught.value, TypeError)
    assert (caught.value.suggestion, caught.value.reason) == (suggestion, "unknown")


@pytest.mark.parametrize("given", [{"width": 0}, {"width": 1000.5}, {"height": "512"}, {"width": -5, "height": 512}])
def test_a_wrong_side_suggests_no_number_that_is_no_size(given):
    """One side put right alone would be refused again: there is a rule, and no suggestion."""
    with pytest.raises(RequestError, match="a whole number of at least 1") as caught:
        ImageRequest("A lantern", **given)
    assert caught.value.suggestion is None


def test_a_wrong_side_is_put_right_together_with_the_other():
    """Two numbers that can be read as a size suggest the nearest pair."""
    given = {"width": ("width", "1000"), "height": ("height", 1000.5)}
    with pytest.raises(RequestError, match="Nearest pair: width=1024, height=1024") as caught:
        check_value(PARAMETERS["width"], "width", "1000", given)
    assert caught.value.suggestion == (1024, 1024)


@pytest.mark.parametrize("name", ["negative_prompt", "negativePrompt"])
def test_a_negative_prompt_is_not_mistaken_for_a_prompt(name):
    """The model has none, and the prompt would ask for the very thing."""
    with pytest.raises(UnknownParameter, match="the model has none") as caught:
        ImageRequest("A lantern", **{name: "hands"})
    assert caught.value.suggestion is None
    with pytest.raises(UnknownParameter, match="the model has none"):
        ImageRequest.from_task({"positivePrompt": "A lantern", name: "hands"})


def test_a_name_like_no_other_lists_them_all():
    """Where nothing is near, the message lists the parameters."""
    with pytest.raises(UnknownParameter, match=r"zzz is no parameter .*prompt, width, .*include_cost"):
        ImageRequest("A lantern", zzz=1)
