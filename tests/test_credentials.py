"""Addresses and ``extra`` are sent whole and shown without credentials: a canary of each kind is searched for everywhere."""

import base64
import copy
import json
import pickle
import urllib.parse
import warnings

import IPython
import pytest
import service_faults as fault
from IPython.core.ultratb import VerboseTB
from ipywidgets import Widget

import nbkit
from nbkit import errors
from nbkit.request import keywords
from nbkit.request.address import Url, looks_secret, secrets_of, without_credentials
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import Address, ListOf

CANARIES = {
    "user": "canaryUser1a2b", "password": "canary-Pass-3c4d5e", "query": "canaryQuery6f7a8b", "fragment": "canary-frag-9c0d",
    "chat": "canaryChatTOKEN1e2f3a4b", "bot": "778899:canaryBot-5c6d7e", "path": "canary7f3d9b2a6c1e", "signature": "canarySig%2Bx9y8z7",
    "extra": "canaryExtra1q2w3e", "word": "canaryword", "deep": "canary-Deep-4r5t6y", "number": 4815162342108, "list": "canaryList7u8i9o",
}  # fmt: skip
C = CANARIES
WEBHOOKS = [
    f"https://{C['user']}:{C['password']}@example.com/hook?key={C['query']}#{C['fragment']}",
    f"https://hooks.slack.com/services/T0AB12CD3/B0EF45GH6/{C['chat']}",
    f"https://discord.com/api/webhooks/112233445566778899/{C['chat']}",
    f"https://api.telegram.org/bot{C['bot']}/sendMessage?chat_id={C['query']}",
    f"https://example.webhook.office.com/webhookb2/{C['path']}/IncomingWebhook/{C['chat']}/x",
    f"https://example.com/a/{C['path']}/put",
]
REFERENCE = f"https://pictures.example/{C['path']}/cat.jpg?X-Signature={C['signature']}&Expires=1"
EXTRA = {
    "apiKey": C["extra"], "note": C["word"], "headers": {"Authorization": f"Bearer {C['deep']}"}, "pin": C["number"],
    "list": [C["list"], {"x": C["list"]}], "flag": True, "count": 3, "callback": WEBHOOKS[0],
}  # fmt: skip
HOSTS = ("hooks.slack.com", "pictures.example")


def spellings(canary):
    """A canary as it is and in common encodings."""
    text = str(canary)
    plain = urllib.parse.unquote(text)
    yield from {text, plain, text.lower(), plain[::-1], json.dumps(text)[1:-1], plain.encode().hex()}
    for shift in range(3):
        yield base64.b64encode(b"\0" * shift + plain.encode()).decode()[4:-4]


def canaries_in(shown):
    """The kinds of canaries of which a text or bytes have one."""
    text = shown if isinstance(shown, str) else shown.decode("utf-8", "replace")
    return sorted({kind for kind, canary in CANARIES.items() for one in spellings(canary) if one in text})


@pytest.fixture
def given():
    """Keywords with a canary of each kind."""
    return {"webhook_url": WEBHOOKS[1], "upload_endpoint": WEBHOOKS[0], "reference_images": [REFERENCE], "extra": EXTRA}


def everything(studio, run, folder):
    """Each way in which a run, its request and its log are shown or kept."""
    request = run.request
    things = [
        run,
        *run.images,
        *run.failures,
        request,
        studio,
        studio.log,
        run.error,
        request.extra,
        request.to_task(),
        request.to_send(),
    ]
    things += [
        request.parameters,
        request.webhook_url,
        request.reference_images,
        run.task,
        studio.df.nbkit.show(),
        vars(run),
    ]
    for thing in things:
        yield f"{thing!r} {thing!s} {thing:}" if not isinstance(thing, dict | tuple) else f"{thing!r} {thing!s}"
        if hasattr(thing, "_repr_mimebundle_"):
            yield from thing._repr_mimebundle_().values()
    yield from (
        run.as_code(),
        run.as_json(),
        run.to_html(),
        run.to_text(),
        studio.df.to_csv(),
        studio.df.to_html(),
        studio.df.to_json(date_format="iso"),
    )
    yield from (
        json.dumps(request.webhook_url),
        "x" + request.webhook_url,
        ",".join((*request.parameters["reference_images"][0].text, request.webhook_url)),
    )
    yield from (pickle.dumps(thing) for thing in (run, request, request.webhook_url, studio.df, *run.images))
    yield repr(pickle.loads(pickle.dumps(run)).request)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target = studio.log.export(folder / "out")
    yield from (file.read_bytes() for file in target.rglob("*") if file.suffix in (".html", ".csv", ".json"))


@pytest.mark.parametrize("outcome", ["done", "echoed"])
@pytest.mark.parametrize("hook", WEBHOOKS)
def test_no_output_and_no_file_has_a_canary(service, studio, tmp_path, given, hook, outcome):
    """Although the service got each of them, and repeats what it got in its refusal."""
    if outcome == "echoed":
        text = (
            f"cannot use {hook}, {REFERENCE} and {json.dumps(EXTRA)}; {' '.join(sorted(secrets_of(hook)))} is unknown"
        )
        service.faults.append(fault.refused("invalidWebhook", text, parameter=["webhookURL"]))
    run = studio.generate("A lantern", **{**given, "webhook_url": hook}, width=512, height=512)
    sent = service.tasks()[0]
    assert (sent["webhookURL"], sent["uploadEndpoint"]) == (hook, WEBHOOKS[0])
    assert sent["inputs"]["referenceImages"] == [REFERENCE]
    assert {name: sent[name] for name in EXTRA} == EXTRA
    assert run.status == ("done" if outcome == "done" else "failed")
    for shown in everything(studio, run, tmp_path):
        assert canaries_in(shown) == [], shown[:300]
    logged = studio.log[run.task_uuid]
    for shown in (repr(logged.request), logged.as_code(), logged.as_json()):
        assert canaries_in(shown) == []
    assert "pictures.example" in run.as_code()
    assert hook.split("/")[2].rpartition("@")[2] in run.as_json()
    studio.close()
    for file in (tmp_path / "runs").rglob("*"):
        assert not file.is_file() or canaries_in(file.read_bytes()) == [], file


def test_a_request_is_exact_where_it_is_code(given):
    """Its task, as JSON too, makes an equal request; a copy is equal; a pickle lacks what is secret and says so."""
    request = nbkit.ImageRequest("A lantern", **given)
    task = json.loads(json.dumps(request.to_task()))
    assert task["webhookURL"] == WEBHOOKS[1] == request.webhook_url
    assert {name: task[name] for name in EXTRA} == EXTRA == request.extra
    parts = {name: value for name, value in task.items() if name not in EXTRA}
    assert nbkit.ImageRequest.from_task(parts, extra=EXTRA) == request == copy.copy(request) == copy.deepcopy(request)
    assert nbkit.ImageRequest("A lantern", **{**given, "webhook_url": WEBHOOKS[2]}) != request
    assert request.replace(seed=1).to_task() == {**request.to_task(), "seed": 1}
    kept = pickle.loads(pickle.dumps(request))
    assert kept.lacking == ("webhook_url", "upload_endpoint", "reference_images", "extra") or set(kept.lacking) == set(
        given
    )
    with pytest.raises(errors.StorageError, match="give it again"):
        kept.to_send()
    assert kept.replace(**given) == request
    assert pickle.loads(
        pickle.dumps(nbkit.ImageRequest("A lantern", extra={"a": 1}, webhook_url="https://a.example/hook"))
    ).extra == {"a": 1}


@pytest.mark.parametrize("name", ["webhook_url", "upload_endpoint", "reference_images", "extra"])
def test_a_logged_run_names_what_has_to_be_given_again(studio, given, name):
    """Rerunning it without that is refused and sends nothing; with it, the whole value is sent."""
    run = studio.generate("A lantern", seed=1, **{name: given[name]})
    logged = studio.log[run.task_uuid]
    with pytest.raises(errors.NbkitError, match=name):
        logged.rerun()
    with pytest.raises(errors.NbkitError, match=name):
        studio.generate(logged.request)
    again = logged.rerun(**{name: given[name]})
    assert again.request == run.request
    assert run.rerun().request == run.request  # in this kernel all of it is known


def test_an_identical_reference_is_found_again(open_studio, given):
    """By its whole address: another token is another request, the same one is answered from the log."""
    studio = open_studio(reuse=True)
    first = studio.generate("A lantern", seed=1, reference_images=[REFERENCE])
    assert studio.generate("A lantern", seed=1, reference_images=[REFERENCE]).reused
    assert not studio.generate("A lantern", seed=1, reference_images=[REFERENCE + "0"]).reused
    assert studio.generate("A lantern", seed=1, reference_images=[REFERENCE], webhook_url=WEBHOOKS[2]).reused
    assert (
        first.request.identity != nbkit.ImageRequest("A lantern", seed=1, reference_images=[REFERENCE + "0"]).identity
    )


@pytest.mark.parametrize("axis", ["webhook_url", "reference_images", "extra"])
def test_cells_that_differ_in_a_token_have_different_labels(studio, tmp_path, axis):
    """In the grid, the page, the frame and the plan; none has a canary."""
    values = {
        "webhook_url": [WEBHOOKS[1], WEBHOOKS[1] + "x", "https://example.com/hook"],
        "reference_images": [[REFERENCE], [REFERENCE + "1"], ["https://example.com/a.jpg"]],
        "extra": [{"key": C["extra"]}, {"key": C["deep"]}, {"other": 1}],
    }[axis]
    sweep = studio.sweep("A lantern", **{axis: values}, seed=[1, 2])
    result = sweep.start().wait()
    assert result.counts == {"done": 6}
    assert len({cell.request for cell in sweep}) == 6
    assert len(result.grid().text.splitlines()) >= 7
    texts = [
        result.grid().html,
        result.grid().text,
        result.grid(columns=axis).html,
        repr(result),
        repr(list(sweep)),
        repr(sweep.plan()),
    ]
    texts += [
        result.save_html(tmp_path / "p.html").read_text("utf-8"),
        result.report(tmp_path / "r.html").read_text("utf-8"),
        result.report().text,
        sweep.as_code(),
        result.to_frame().to_csv(),
        sweep.plan()._repr_html_(),
    ]
    for text in texts:
        assert canaries_in(text) == [], text[:200]
    assert all(number in result.grid().text for number in ("(1)", "(2)"))
    assert len(set(result.grid().text.splitlines())) == len(result.grid().text.splitlines())
    column = next(name for name in result.to_frame() if axis.replace("_", "").lower() in name.lower())
    assert result.to_frame()[column].nunique() == 3


WRONG = {"width": 7}, {"temprature": 1}, {"seed": -1}, {"webhookURL": "https://example.com/"}, {"ttl": "x"}


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_verbose_traceback_has_no_canary(studio, given, wrong):
    """IPython's verbose mode shows the local variables of each frame of nbkit."""
    task = {**nbkit.ImageRequest("A lantern", **given).to_task(), **wrong}
    calls = {
        "request": lambda: nbkit.ImageRequest("A lantern", **given, **wrong),
        "generate": lambda: studio.generate("A lantern", **given, **wrong),
        "estimate": lambda: studio.estimate("A lantern", **given, **wrong),
        "replace": lambda: nbkit.ImageRequest("A lantern").replace(**given, **wrong),
        "sweep": lambda: studio.sweep("A lantern", **given, **wrong).run(),
        "task": lambda: nbkit.ImageRequest.from_task(task),
    }
    for name, call in calls.items():
        with pytest.raises(errors.NbkitError) as caught:
            call()
        assert canaries_in(verbose(caught.value)) == [], name


@pytest.mark.parametrize("what", ["refused", "lost", "unreachable"])
def test_the_traceback_of_a_failed_run_has_no_canary(service, studio, open_studio, given, what):
    """Also of an error that the service or the network caused."""
    cause = {"refused": fault.refused("invalidX", f"no {WEBHOOKS[1]}"), "lost": fault.lost(), "unreachable": None}[what]
    service.faults.append(cause)
    if what == "unreachable":
        studio = open_studio(engine="http://127.0.0.1:9")
    run = studio.generate("A lantern", **given)
    if run.error is not None:
        with pytest.raises(errors.NbkitError) as caught:
            run.raise_for_status()
        assert canaries_in(verbose(caught.value)) == []


def verbose(error):
    """The traceback of an error in IPython's verbose mode, without the frames of this file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    plain = {"theme_name": "nocolor"} if IPython.version_info >= (9,) else {"color_scheme": "NoColor"}
    shown = VerboseTB(**plain, include_vars=True).text(type(error), error, trace) if trace else ""
    return f"{shown} {error} {error!r} {vars(error)!r}"


def test_the_saved_state_of_widgets_has_no_canary(studio, given):
    """Of a panel and a sweep panel with such values, as a notebook saves it, and of what they show."""
    run = studio.generate("A lantern", **given)
    addresses = {name: value for name, value in given.items() if name != "extra"}
    made = [
        studio.panel("A lantern", **addresses),
        studio.sweep_panel("A lantern", **addresses),
        studio.gallery(),
        studio.panel(run.request.replace(extra=None)),
    ]
    for button in ("code", "json"):
        made[0].view.hear({"kind": "press", "button": button}, [])
    assert all(made[0].view.source[text] for text in ("code", "json"))
    states = json.dumps(Widget.get_manager_state()["state"], default=str)
    assert canaries_in(states) == []
    assert "hooks.slack.com" in states
    assert made[0].request.webhook_url == WEBHOOKS[1]


@pytest.mark.parametrize(
    "address", [*WEBHOOKS, REFERENCE, "//me:canary-Pass-3c4d5e@example.com/hook?x=canaryQuery6f7a8b"]
)
def test_an_address_shows_its_host_and_nothing_secret(address):
    """What is shown does not change when it is shown again, and each secret of it is known, to be found in an error."""
    shown = without_credentials(address)
    assert canaries_in(shown) == []
    assert without_credentials(shown) == shown == str(Url(address)) == f"{Url(address)}" == repr(Url(address))[1:-1]
    assert any(host in shown for host in ("example", "slack", "discord", "telegram", "office"))
    found = " ".join(secrets_of(address))
    assert [kind for kind in canaries_in(address) if kind not in canaries_in(found) and kind != "word"] == []
    assert Url(address) == address
    assert hash(Url(address)) == hash(address)
    assert Url(address) != address + "x"


@pytest.mark.parametrize(
    "word",
    [
        "cat.jpg",
        "photo-2024",
        "IMG_20240501.jpg",
        "1024x768.png",
        "v1",
        "image",
        "my-long-holiday-in-spain.png",
        "0b5d0c1e-1111-4222-8333-abcdefabcdef.jpg",
        "myPhotoAlbum",
    ],
)
def test_an_ordinary_path_stays(word):
    """So that a person recognises the address."""
    assert not looks_secret(word)
    assert without_credentials(f"https://example.com/a/{word}") == f"https://example.com/a/{word}"


def test_each_keyword_that_may_have_credentials_is_sealed():
    """The names are those of the declarations, in each spelling."""
    kinds = (Address, ListOf)
    names = {spelling for p in PARAMETERS.values() if isinstance(p.kind, kinds) for spelling in p.spellings}
    assert names | {"extra", "inputs"} == keywords._MAY_HAVE_CREDENTIALS


@pytest.mark.parametrize(
    "extra",
    [
        {"hook": "https://h.example/in?token=abcdefgh1"},
        {"hook": ["https://me:pw123456@h.example/in"]},
        {"deep": {"hook": "https://h.example/in#abcdefgh1"}},
        {"hook": "https://hooks.example/services/T0001/B0002/abcdefgh12345"},
        {"mode": "turbo"},
        {"number": 1234567890123},
    ],
)
def test_an_extra_that_a_log_or_a_pickle_has_cut_is_never_sent(service, open_studio, extra):
    """It would be another task, and paid; a request that is whole can be sent from there."""
    studio = open_studio()
    run = studio.generate("A lantern", seed=1, extra=extra)
    whole = studio.generate("A lantern", seed=1, extra={"hook": "https://h.example/plain", "flag": True})
    later = open_studio()
    cut = [later.log[run.task_uuid].request, pickle.loads(pickle.dumps(run.request))]
    sent = len(service.sent)
    for request in cut:
        assert request.lacking == ("extra",)
        with pytest.raises(errors.StorageError, match="extra"):
            later.generate(request, temperature=0.5)
    assert len(service.sent) == sent
    assert later.generate(later.log[whole.task_uuid].request, temperature=0.5).status == "done"
