"""A key that a service repeats, in whatever spelling and however little of it, is taken out; ordinary answers stay."""

import base64
import copy
import html
import json
import pickle
import time
import urllib.parse
import uuid

import httpx
import pytest
from service import picture

import nbkit
from nbkit import backends, errors
from nbkit.service.client import Client
from nbkit.service.redaction import Redactor
from nbkit.service.secret import Secret

KEYS = ["canary-7f3d9b2a6c1e", "zQ8vXw2LkT9mB4nR7yHd3sJf6pGc1AeU", "sk-proj_aB3/x+Yz9=Qw7.Lm2~Np5"]

SPELLINGS = {
    "as it is": str,
    "capitals": str.upper,
    "small": str.lower,
    "swapped": str.swapcase,
    "reversed": lambda text: text[::-1],
    "percent": lambda text: "".join(f"%{ord(c):02X}" for c in text),
    "percent twice": lambda text: "".join(f"%25{ord(c):02x}" for c in text),
    "quoted": lambda text: urllib.parse.quote(text, safe=""),
    "every second percent": lambda text: "".join(f"%{ord(c):02x}" if i % 2 else c for i, c in enumerate(text)),
    "JSON": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "Python": lambda text: "".join(f"\\x{ord(c):02x}" for c in text),
    "JSON twice": lambda text: json.dumps(json.dumps(text)),
    "HTML": html.escape,
    "HTML numbers": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "HTML hex": lambda text: "".join(f"&#x{ord(c):X};" for c in text),
    "hex": lambda text: text.encode().hex(),
    "hex with colons": lambda text: text.encode().hex(":").upper(),
    "spaced": " ".join,
    "lines": "\n".join,
    "dashes": "-".join,
    "groups": lambda text: " ".join(text[i : i + 4] for i in range(0, len(text), 4)),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 after one": lambda text: base64.b64encode(f"x{text}".encode()).decode(),
    "base64 after two": lambda text: base64.b64encode(f"xy{text}z".encode()).decode(),
    "base64 of a header": lambda text: base64.b64encode(f"Bearer {text}".encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(f"user:{text}".encode()).decode().rstrip("="),
}

ORDINARY = [
    "The value of 'width' must be one of 512, 1024, 2048 and 4096 pixels.",
    "invalidProviderContent: this content was refused by the provider's safety filter.",
    "See https://docs.example.com/errors/invalid-parameter#width for what is allowed.",
    f"task {uuid.UUID(int=77)} is not known here",
    "データ 100% %zz \\u12 &#; &nbsp; ünïcödé",
    "",
]


def pieces_of(key, size):
    """All runs of so many characters of a key."""
    return [key[i : i + size] for i in range(len(key) - size + 1)]


def readings(text):
    """A text as somebody may read it who looks for a key: with its escapes undone, in small letters, backwards."""
    views = {text}
    for _ in range(3):
        views |= {urllib.parse.unquote(view) for view in views} | {html.unescape(view) for view in views}
        views |= {
            view.encode("latin-1", "replace").decode("unicode_escape")
            for view in views
            if "\\u" in view or "\\x" in view
        }
    views |= {"".join(view.split()) for view in views}
    views |= {"".join(filter(str.isalnum, view)) for view in views}
    return {v for view in views for v in (view.lower(), view.lower()[::-1])}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_key_is_left(key, spelling):
    """Whole, its beginning, its middle and its end: no six characters of it can be read from what is left."""
    redactor = Redactor("<key>", 6)
    redactor.add([key])
    for part in (key, key[:6], key[:9], key[5:12], key[3:], key[-6:], key[-11:]):
        if spelling == "dashes" and sum(map(str.isalnum, part)) < 6:
            continue  # five letters that were pulled apart are no key any more
        written = SPELLINGS[spelling](part)
        cleaned = redactor.clean(f"«no» {written} «such key»")
        assert "<key>" in cleaned, part
        assert cleaned.startswith("«no» ")
        assert cleaned.endswith(" «such key»")
        seen = readings(cleaned.replace("<key>", "|"))
        assert not [p for p in pieces_of(part.lower(), 6) for view in seen if p in view], part
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + part.encode()).decode()[3:-3]
            assert not [p for p in pieces_of(encoded, 8) if p in cleaned], part


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_stay(key, text):
    """Character by character."""
    redactor = Redactor("<key>", 6)
    redactor.add([key])
    assert redactor.clean(text) == text


@pytest.mark.parametrize("key", ["k", "key", "lamp", "width"])
def test_a_key_that_is_a_short_word_leaves_other_words_alone(key):
    """It is replaced where it stands alone."""
    redactor = Redactor("<key>", 6)
    redactor.add([key])
    assert (
        redactor.clean(f"lampshades, keyboards, widths {key}x _{key}") == f"lampshades, keyboards, widths {key}x _<key>"
    )
    assert redactor.clean(f"Bearer {key}: no") == "Bearer <key>: no"


def answers(item=(), error=(), **more):
    """A client with a key whose service answers each task with one picture and one error."""

    def answer(request):
        (task,) = json.loads(request.content)
        named = {"taskUUID": task["taskUUID"]}
        return httpx.Response(
            200, json={"data": [{**named, **dict(item)}], "errors": [{**named, **dict(error)}], **more}
        )

    return Client("http://service.example/v1", api_key=KEYS[0], transport=httpx.MockTransport(answer))


def send(client):
    """The answer to one task."""
    return client.submit({"taskType": "imageInference", "taskUUID": str(uuid.uuid4())})


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("field", ["code", "message", "parameter", "allowedValues", "imageUUID"])
def test_a_key_in_any_field_of_an_answer_reaches_nothing_that_is_shown(spelling, field):
    """Neither an error with its attributes, nor a result."""
    written = SPELLINGS[spelling](KEYS[0])
    item = {"imageUUID": "a", "imageURL": "https://x.example/a.jpg"}
    value = [written] if field in ("parameter", "allowedValues") else written
    if field == "imageUUID":
        item["imageUUID"] = value
    client = answers(item, {"code": "c", "message": "m", field: value})
    response = send(client)
    client.close()
    shown = f"{response!r} {response.errors[0]} {vars(response.errors[0])} {response.errors[0].args}"
    assert "<key>" in shown
    assert not [p for p in pieces_of(KEYS[0], 8) for view in readings(shown) if p in view]
    assert response.results[0].source == "https://x.example/a.jpg"


def test_addresses_and_identifiers_keep_working():
    """An address with an ordinary token, a UUID, and an inline picture are as they came."""
    for name, value in {
        "imageURL": "https://im.example/a/b.jpg?Signature=aGVsbG8td29ybGQtdGhpcy1pcy1h&Expires=1790000000",
        "imageBase64Data": base64.b64encode(picture()).decode(),
        "imageDataURI": "data:image/jpeg;base64," + base64.b64encode(KEYS[0].encode()).decode(),
    }.items():
        unique = str(uuid.uuid4())
        client = answers({"imageUUID": unique, name: value}, {"message": "m"})
        (result,) = send(client).results
        client.close()
        assert (result.image_uuid, result.source) == (unique, value)


def test_a_large_inline_picture_costs_no_time():
    """90 MB of base64 are not looked through: what the redaction adds is next to nothing."""
    source = "QUJD" * (22 * 1024 * 1024)
    secret = Secret(KEYS[1])
    started = time.thread_time()
    assert secret.redact_name(source) is source or secret.redact_name(source) == source
    assert time.thread_time() - started < 2
    error = errors.EngineError("x" * 2_000)
    started = time.thread_time()
    secret.redact_error(error)
    assert time.thread_time() - started < 0.5


def held(thing, depth=6):
    """Everything that can be reached from an object by its attributes, as text."""
    if depth == 0 or isinstance(thing, (str, bytes, int, float, type(None))):
        return repr(thing)
    parts = [repr(thing)]
    state = thing.__getstate__() if hasattr(thing, "__getstate__") else None
    for inner in (getattr(thing, "__dict__", None), state):
        if isinstance(inner, dict) and type(thing).__module__.startswith("nbkit"):
            parts += [held(value, depth - 1) for value in inner.values()]
        elif inner is not None:
            parts.append(repr(inner))
    return "\n".join(parts)


def test_nothing_that_has_a_key_gives_it_away(service):
    """Not by its repr, vars, state, copy or pickle: a key, a client, a backend, a studio, its ledger, an engine."""
    key = KEYS[0]
    studio = nbkit.Studio(engine=service.url, api_key=key)
    things = [Secret(key), Client(service.url, api_key=key), backends.resolve(service.url, api_key=key), studio]
    things += [*vars(studio).values(), nbkit.Offline(key=key)]
    for thing in things:
        shown = held(thing)
        for make in (copy.copy, copy.deepcopy, pickle.dumps):
            try:
                made = make(thing)
            except (TypeError, AttributeError, pickle.PicklingError) as error:  # it has a lock or a connection
                made = error
            shown += repr(made) if isinstance(made, bytes) else held(made)
        assert not [p for p in pieces_of(key, 8) if p in shown], type(thing)
    things[1].close()
    studio.close()


def test_the_offline_engine_compares_its_key_whole():
    """The right key passes; another one, a part of it and none do not; an empty one would let everybody in."""
    engine = nbkit.Offline(key="right-key-1")
    for sent, ok in (("right-key-1", True), ("right-key-", False), ("right-key-12", False), (None, False)):
        studio = nbkit.Studio(
            engine="http://127.0.0.1:9", api_key=sent, transport=nbkit.backends.load_offline("OfflineTransport")(engine)
        )
        if ok:
            assert studio.balance() == 100.0
        else:
            with pytest.raises(errors.AuthenticationError):
                studio.balance()
        studio.close()
    with pytest.raises(ValueError, match="must be a text"):
        nbkit.Offline(key=" ")
