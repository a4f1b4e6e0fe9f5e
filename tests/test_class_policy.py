"""The policy of a class: whatever a student sends, what is made of it keeps the rules."""

import copy
import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbkit.classroom.policy import BlockedWord, Policy
from nbkit.errors import ConfigurationError
from nbkit.offline.validation import check_image_task
from nbkit.request.models import models
from nbkit.request.profiles import DEFAULT

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10_000)
    | st.text(max_size=12)
    | st.sampled_from([*DEFAULT.tiers, "none"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
SAFETY = st.fixed_dictionaries(
    {}, optional={"checkContent": st.booleans() | JUNK, "mode": st.sampled_from(["none", "fast", "full"]) | JUNK}
)
SEARCH = st.fixed_dictionaries(
    {}, optional={name: st.booleans() | JUNK for name in ("webSearch", "imageSearch", "temperature", "safetyTolerance")}
)
SIZES = st.sampled_from([(512, 512), (1024, 1024), (2048, 2048), (4096, 4096), (1264, 848), (5504, 3072), (7, 9000)])


@st.composite
def tasks(draw):
    """A task of a student: mostly well formed, partly junk, partly against the rules."""
    task = draw(
        st.fixed_dictionaries(
            {"taskType": st.just("imageInference"), "taskUUID": st.uuids().map(str)},
            optional={
                "model": st.sampled_from([profile.identifier for profile in models.values()]) | JUNK,
                "positivePrompt": st.sampled_from(["a cat", "A GUN", "begun", "gun"]) | JUNK,
                "numberResults": st.integers(-2, 30) | JUNK,
                "resolution": st.sampled_from(DEFAULT.tiers) | JUNK,
                "safety": SAFETY | JUNK,
                "checkNSFW": st.booleans() | JUNK,
                "settings": SEARCH | JUNK,
                "providerSettings": st.fixed_dictionaries({}, optional={"google": SEARCH | JUNK}) | JUNK,
                "inputs": st.fixed_dictionaries({}, optional={"referenceImages": st.lists(st.text(max_size=5), max_size=2)}) | JUNK,
                "webhookURL": st.just("https://elsewhere.example/?key=secret") | JUNK,
                "uploadEndpoint": st.just("https://elsewhere.example/?key=secret") | JUNK,
                "steps": JUNK,
            },
        )
    )  # fmt: skip
    if draw(st.booleans()):
        task["width"], task["height"] = draw(SIZES)
    return task


POLICIES = st.builds(
    Policy,
    check_content=st.booleans(),
    safety_tolerance=st.sampled_from([None, "low", "off"]),
    max_resolution=st.sampled_from(DEFAULT.tiers),
    max_results=st.integers(1, 20),
    search=st.booleans(),
    blocked=st.sampled_from([(), ("gun",), ("Gun ", "blood")]),
)


def apply(policy, task):
    """What a policy makes of a task; ``None`` if a word is blocked."""
    try:
        return policy.apply(task)
    except BlockedWord:
        return None


def is_refused(task):
    """Whether the check that follows refuses a task, such as a size that its model does not make."""
    try:
        check_image_task(task)
    except Problem:
        return True
    return False


def keeps(policy, made):
    """Whether a task keeps the rules."""
    rank = list(DEFAULT.tiers).index
    text = json.dumps(made)
    is_checked = not policy.check_content or (
        made["safety"]["checkContent"] is True and made["safety"].get("mode") != "none" and "checkNSFW" not in made
    )
    count, tier = made.get("numberResults"), made.get("resolution")
    is_few = isinstance(count, bool) or not isinstance(count, int) or count <= policy.max_results
    is_small = tier not in DEFAULT.tiers or rank(tier) <= max(rank(policy.max_resolution), 1)
    if isinstance(made.get("width"), int) and isinstance(made.get("height"), int):
        side = {"0.5K": 512, "1K": 1024, "2K": 2048, "4K": 4096}[policy.max_resolution]
        # A model without small pictures makes its smallest ones, of about a megapixel.
        is_small &= made["width"] * made["height"] <= 1.2 * max(side, 1024) ** 2
    searches = policy.search or not any(f'"{name}": true' in text for name in ("webSearch", "imageSearch"))
    return is_checked and is_few and (is_small or is_refused(made)) and searches and "elsewhere.example" not in text


@given(POLICIES, tasks())
@settings(deadline=None, max_examples=60)
def test_what_is_made_of_a_task_keeps_the_policy(policy, task):
    """Whatever the task: an error, or a task that keeps the rules; the student's own is not touched."""
    before = copy.deepcopy(task)
    made = apply(policy, task)
    assert task == before
    if made is not None:
        assert keeps(policy, made[0]), made[0]
        assert "key=secret" not in json.dumps(made[1])


@given(POLICIES, tasks())
@settings(deadline=None, max_examples=60)
def test_a_policy_applied_twice_changes_nothing_more(policy, task):
    """What it made keeps its rules already."""
    made = apply(policy, task)
    if made is not None:
        again, changes = policy.apply(made[0])
        assert again == made[0]
        assert changes == []


@given(st.integers(1, 4), st.sampled_from([(512, 512), (1024, 1024), (1264, 848)]), st.sampled_from([0.0, 0.7]))
@settings(deadline=None)
def test_an_allowed_task_stays_as_it_is(count, size, temperature):
    """Nothing of it is changed, and nothing is said."""
    task = {
        "taskType": "imageInference", "taskUUID": "x", "model": "google:4@3", "positivePrompt": "Begun at dawn",
        "numberResults": count, "width": size[0], "height": size[1], "safety": {"checkContent": True},
        "settings": {"temperature": temperature},
    }  # fmt: skip
    assert Policy(blocked=("gun",), max_resolution="2K").apply(task) == (task, [])


@pytest.mark.parametrize("prompt", ["a gun", "GUN!", "two guns, one Gun"])
def test_a_blocked_word_is_refused(prompt):
    """As a word of its own, in upper or lower case; a system prompt counts too."""
    policy = Policy(blocked=("gun",))
    for task in ({"positivePrompt": prompt}, {"positivePrompt": "a cat", "settings": {"systemPrompt": prompt}}):
        with pytest.raises(BlockedWord, match="does not use"):
            policy.apply(task)


@pytest.mark.parametrize(
    "values",
    [{"max_results": 0}, {"max_results": 1.5}, {"at_work": True}, {"max_resolution": "8K"}, {"safety_tolerance": "x"}],
)
def test_a_rule_that_cannot_be_is_an_error(values):
    """It names the rule."""
    with pytest.raises(ConfigurationError, match=next(iter(values))):
        Policy(**values)


def test_the_sentences_say_each_rule():
    """A change of any rule changes what is said."""
    changes = {
        "check_content": False, "safety_tolerance": "high", "max_resolution": "1K", "max_results": 2, "search": True,
        "blocked": ("gun",), "at_work": 1, "at_once": 2, "waiting": 3,
    }  # fmt: skip
    assert set(changes) == {field.name for field in dataclasses.fields(Policy)}
    for name, value in changes.items():
        assert Policy(**{name: value}).sentences() != Policy().sentences(), name
