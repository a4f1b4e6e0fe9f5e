"""A panel and money: nothing is paid that was not shown before, Stop prevents payments, and the panel says what was paid."""

import contextlib
import threading

import pytest
from offline_tasks import held_engine
from panel_tools import (
    actions,
    do,
    head,
    make_run,
    message,
    messages_of,
    offline_studio,
    paid,
    press,
    press_generate,
    press_paid,
    queue,
    type_in,
)
from sweep_tools import until

import nbkit
from nbkit.errors import NbkitError, RequestError
from nbkit.ledger.in_flight import IN_FLIGHT
from nbkit.ledger.journal import RunPlan
from nbkit.results.run import NOT_SENT

PROMPT = "A paper lantern"


@pytest.fixture
def open_offline(tmp_path):
    """Studios on the offline engine and on one log, closed at the end; keywords override."""
    with contextlib.ExitStack() as opened:
        yield lambda **options: opened.enter_context(offline_studio(tmp_path, **options))


def is_idle(panel):
    return not panel.jobs.jobs


def test_a_prompt_that_is_being_typed_takes_no_price_off_the_button(open_offline):
    """One letter is no prompt yet; who typed the rest and pressed before the kernel had seen it has agreed to the price."""
    panel = open_offline().panel()
    offered = panel.view.bar["quote"]
    type_in(panel, prompt="A")
    bar = panel.view.bar
    assert (bar["ready"], bar["quote"], bar["price"]) == (False, offered, "$0.069")


def test_the_price_that_the_page_showed_is_the_most_that_a_press_pays(open_offline):
    """The kernel may have a newer price than the one that was on the page. The panel says it; a second press sends."""
    studio = open_offline()
    panel = studio.panel(PROMPT)
    older = panel.view.bar["quote"]
    panel.set(number_results=20)
    assert panel.view.bar["quote"] > older
    press_generate(panel, older)
    assert message(panel) == "The price is $1.38 now, so nothing was sent."
    assert [action["quote"] for action in panel.view.bar["status"]["actions"]] == [panel.view.bar["quote"]]
    assert is_idle(panel)
    assert len(studio.log) == 0
    press_generate(panel)
    panel.wait(30)
    assert len(studio.df) == 20


def test_a_press_with_an_older_number_is_served_if_its_price_covers_what_is_sent(open_offline):
    """The page had a higher price, or another one and then the same again."""
    studio = open_offline()
    panel = studio.panel(PROMPT, resolution="4K")
    older = panel.view.bar["quote"]
    for count, resolution in enumerate(("0.5K", "1K"), start=1):
        panel.set(resolution=resolution)
        assert panel.view.bar["quote"] > older
        press_generate(panel, older)
        panel.wait(30)
        assert len(studio.log) == count


def test_a_price_that_stays_the_same_keeps_its_number(open_offline):
    """What is typed into the prompt changes no price, and so nothing of the button."""
    panel = open_offline().panel(PROMPT)
    quote = panel.view.bar["quote"]
    panel.set(prompt="A jade teapot", temperature=0.3)
    assert panel.view.bar["quote"] == quote


@pytest.mark.parametrize("number", [-1, 10**9, "1", 1.5, [1], {"a": 1}, True])
def test_a_press_with_a_number_that_no_button_had_sends_nothing(open_offline, number):
    """The panel says so, and nothing is under way."""
    studio = open_offline()
    panel = studio.panel(PROMPT)
    for button in ("generate", "again", "Rerun", "4K"):
        press(panel, button, quote=number)
        assert "Nothing was sent: press again." in message(panel)
        panel.fault(ValueError("something else"))
    assert panel.jobs.latest is None
    assert len(studio.log) == 0


def test_a_number_of_another_panel_sends_nothing(open_offline):
    """A quote belongs to the button that it stood on."""
    studio = open_offline()
    panel, other = studio.panel(PROMPT), studio.panel(PROMPT, resolution="4K")
    press_generate(panel, other.view.bar["quote"])
    assert "Nothing was sent: press again." in message(panel)
    assert (panel.jobs.latest, other.jobs.latest) == (None, None)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"button": "nothing"},
        {"button": ["generate"]},
        {"button": None},
        {"button": "version"},
        {"button": "use preset"},
    ],
)
def test_a_malformed_press_is_reported_in_the_panel(open_offline, content):
    """The exception does not leave the handler, and nothing is sent."""
    studio = open_offline()
    panel = studio.panel(PROMPT)
    panel.view._handle_custom_msg({"kind": "press", **content}, [])
    assert message(panel)
    assert panel.view.bar["status"]["wrong"]
    assert panel.jobs.latest is None
    assert len(studio.log) == 0


def test_the_number_and_the_price_reach_the_page_in_one_message(open_offline, monkeypatch):
    """Otherwise a press in between would agree to a price that is not on the button yet."""
    panel = open_offline().panel(PROMPT)
    sent = []
    monkeypatch.setattr(panel.view, "send_state", lambda key=None: sent.append(panel.view.bar))
    panel.set(number_results=2)
    (bar,) = sent
    assert (bar["price"], bar["exact"]) == ("$0.14", "$0.1379")
    assert panel._presses.quotes.promised(bar["quote"]) == 137_900


def test_each_press_is_checked_against_the_price_of_its_own_button(open_offline):
    """The price of the dearer button does not let the other one pay as much."""
    studio = open_offline()
    panel = studio.panel(PROMPT, seed=1, resolution="0.5K", at_once=2)
    assert make_run(panel).image.width == 512
    generate, final = panel.view.bar["quote"], paid(panel, "4K")["quote"]
    panel.set(resolution="4K", seed=2)
    press_generate(panel, generate)
    assert message(panel) == "The price is $0.15 now, so nothing was sent."
    press_generate(panel, final)
    assert "Nothing was sent" in message(panel)
    press_paid(panel, "4K", final)
    until(lambda: len(studio.log) == 2)
    panel.wait(60)
    assert sorted(studio.df.width) == [512, 4096]  # and no second picture at 4K, whose price Generate did not show


def test_a_press_on_a_button_without_a_price_sends_nothing(open_offline):
    """A slow page may still show the button as it was before it had a price."""
    studio = open_offline()
    panel = studio.panel(PROMPT)
    type_in(panel, temperature="hot")
    assert (panel.view.bar["price"], panel.view.bar["quote"]) == ("", 0)
    panel.set(temperature=None)
    press_generate(panel, 0)
    assert message(panel) == "The price is $0.069 now, so nothing was sent."
    assert is_idle(panel)
    assert len(studio.log) == 0


def test_a_refused_request_leaves_nothing_under_way(open_offline):
    """The page is told which control to show; ``panel.generate()`` raises, and the panel has the error too."""
    studio = open_offline()
    panel = studio.panel()
    with pytest.raises(RequestError) as caught:
        panel.generate()
    assert (caught.value.parameter, caught.value.reason) == ("prompt", "missing")
    assert message(panel) == str(caught.value)
    sent = messages_of(panel.view)
    press_generate(panel)
    assert message(panel) == "Write a prompt first."
    assert sent == [{"kind": "focus", "name": "prompt", "unless_acted": True}]
    panel.set(prompt=PROMPT)
    type_in(panel, top_p="7")
    press_generate(panel)
    assert message(panel) == "Nothing was sent: see what is wrong below."
    assert sent[1:] == [{"kind": "focus", "name": "top_p", "unless_acted": True}]
    assert panel.jobs.latest is None
    assert len(studio.log) == 0


def test_missing_pictures_of_a_run_are_reported_with_their_reason(open_offline):
    """Some of several results may fail: the panel shows how many came, what they cost, and why the others did not."""
    engine = nbkit.Offline(failures={"partial": 1})
    panel = open_offline(engine=engine).panel(PROMPT, number_results=4, resolution="0.5K")
    run = make_run(panel)
    assert 0 < len(run) < 4
    assert panel.view.bar["status"]["wrong"]
    assert f"{len(run)} of 4 pictures came" in message(panel)
    assert run.failures[0].message in message(panel)


def test_a_price_beyond_the_budget_is_shown_before_the_press(open_offline):
    """The press would be refused, but the budget may change until then, so the button stays enabled."""
    studio = open_offline(budget=0.10)
    panel = studio.panel(PROMPT, number_results=2)
    assert panel.view.bar["why"] == "The budget has $0.10 left, and this may cost $0.14."
    assert panel.view.bar["quote"]
    panel.set(number_results=1)
    assert panel.view.bar["why"] == ""
    studio.generate(PROMPT, resolution="0.5K")
    assert panel.view.bar["why"] == "The budget has $0.053 left, and this may cost $0.069."
    press_generate(panel)
    until(lambda: "this run may cost up to $0.06895" in message(panel))
    assert len(studio.log) == 1


def test_an_exception_in_a_budget_listener_does_not_affect_runs(open_offline):
    """The run is paid, and its pictures come, although the sum cannot be shown."""

    class Broken:
        def on_budget_change(self):
            raise ValueError("nothing to show it on")

    studio, broken = open_offline(), Broken()
    studio.watch(broken)
    assert studio.generate(PROMPT, resolution="0.5K").status == "done"
    assert [run.status for run in studio.sweep(PROMPT, seed=[1, 2], resolution="0.5K").run().runs] == ["done"] * 2


def test_a_panel_shows_the_money_that_a_recovery_releases(open_offline):
    """A run that was planned by a kernel that has ended holds its price until then."""
    studio = open_offline(budget=1.00)
    panel = studio.panel(PROMPT)
    request = nbkit.ImageRequest(PROMPT, resolution="0.5K")
    plan = studio._ledger.plan(RunPlan(request, request.to_send()))
    assert "$0.95343 left of $1.00" in head(panel)
    IN_FLIGHT.discard(plan.task_uuid)  # as if its kernel had ended
    studio.recover()
    assert "$1.00 left of $1.00" in head(panel)


def test_stop_ends_the_attempts_to_send_to_a_busy_service(open_offline, monkeypatch):
    """The run has no picture and no cost, and the panel says that it was not sent."""
    engine, refused = nbkit.Offline(failures={"busy": 1.0}), threading.Event()
    answer = engine.answer

    def answer_and_record(*arguments, **named):
        response = answer(*arguments, **named)
        refused.set()
        return response

    monkeypatch.setattr(engine, "answer", answer_and_record)
    studio = open_offline(engine=engine)
    panel = studio.panel(PROMPT)
    panel.generate()
    assert refused.wait(20)
    press(panel, "stop")
    until(lambda: message(panel) == "Stopped in time: it was not sent, and nothing was charged.")
    assert studio.df.status.tolist() == [NOT_SENT]
    assert studio.budget.spent == 0
    assert studio.budget.held == 0
    assert len(panel.pictures.strip) == 0


def test_a_run_that_fails_after_stop_is_shown_as_failed(open_offline):
    """With advice, and not as pictures that have come."""
    engine, arrived, release = held_engine()
    engine.failures = {"blocked": 1.0}
    panel = open_offline(engine=engine).panel(PROMPT)
    panel.generate()
    assert arrived.wait(20)
    press(panel, "stop")
    release.set()
    until(lambda: "has failed" in message(panel))
    assert "Change the prompt" in message(panel)


def test_a_closed_studio_sends_nothing_and_holds_no_money(open_offline):
    """Neither from a panel nor from code, nor for a sweep."""
    studio = open_offline()
    panel = studio.panel(PROMPT)
    studio.close()
    for attempt in (panel.generate, lambda: studio.generate(PROMPT), lambda: studio.sweep(PROMPT, seed=[1, 2])):
        with pytest.raises(NbkitError, match="closed"):
            attempt()
    assert "closed" in message(panel)
    assert studio.budget.held == 0


def test_every_panel_of_a_studio_shows_the_budget_after_a_run_or_a_sweep(open_offline):
    """Also if a cell of the notebook made it."""
    studio = open_offline(budget=1.00)
    panels = (studio.panel(PROMPT), studio.sweep_panel(PROMPT))
    studio.generate(PROMPT, resolution="0.5K")
    for panel in panels:
        assert "$0.95343 left of $1.00" in head(panel)
    studio.sweep(PROMPT, seed=[1, 2], resolution="0.5K").run()
    for panel in panels:
        assert "$0.86029 left of $1.00" in head(panel)


def test_the_panel_shows_that_a_run_was_answered_from_the_log(open_offline):
    """With ``reuse``, the second press sends nothing and charges nothing."""
    studio = open_offline(reuse=True)
    panel = studio.panel(PROMPT, seed=7, resolution="0.5K")
    make_run(panel)
    assert make_run(panel).reused
    assert message(panel) == "Answered from the log: nothing was sent, nothing was charged."
    assert len(studio.log) == 1


def open_in_history(panel, run):
    """Open the history of a panel, and choose the picture of a run there."""
    if not panel.pictures.is_past_open:
        press(panel, "history")
    panel.pictures.gallery.refresh()
    panel.pictures.gallery.select([run.image.image_uuid])


def test_a_deleted_reference_image_is_reported_and_keeps_the_paid_buttons_from_sending(open_offline):
    """A run whose reference image was deleted cannot be made again from the panel."""
    studio = open_offline()
    first = studio.generate(PROMPT, resolution="0.5K", seed=1)
    run = studio.generate(PROMPT, resolution="0.5K", seed=2, reference_images=[first.image])
    first.image.path.unlink()
    panel = studio.panel()
    open_in_history(panel, run)
    press(panel, "settings")
    assert panel.view.bar["why"] == "Not ready: References."
    assert "no longer in the image folder" in panel.form.complaint("reference_images")
    press_generate(panel)
    assert message(panel) == "Nothing was sent: see what is wrong below."
    for name in ("Rerun", "2K", "4K"):
        assert paid(panel, name)["quote"] == 0
        assert "no longer in the image folder" in paid(panel, name)["title"]
        press_paid(panel, name)
        assert "Nothing was sent" in message(panel)
    assert len(studio.log) == 2


def test_a_run_is_not_made_again_without_its_credentials(open_offline):
    """The log does not keep them: a later kernel asks for them, while the panel that made the run has them."""
    studio = open_offline()
    address = "https://h.example/a?k=S"
    run = studio.generate(PROMPT, resolution="0.5K", webhook_url=address, seed=1)
    panel = studio.panel()
    open_in_history(panel, run)
    assert paid(panel, "Rerun")["quote"] == 0
    assert "credentials" in paid(panel, "Rerun")["title"]
    with pytest.raises(NbkitError, match="credentials"):
        studio.log[run.task_uuid].rerun(temperature=0.3)
    without_webhook = studio.log[run.task_uuid].rerun(webhook_url=None)
    assert without_webhook.request.webhook_url is None
    assert run.rerun().request.webhook_url == address
    made_here = make_run(panel, prompt=PROMPT, webhook_url=address, resolution="0.5K")
    open_in_history(panel, made_here)
    assert paid(panel, "Rerun")["quote"]


def test_an_address_that_was_edited_without_its_query_is_refused(open_offline):
    """The page shows ``?…`` in place of the query, so what is typed there is only part of an address."""
    panel = open_offline().panel(PROMPT)

    def shown():
        return panel.view.state["values"]["webhook_url"]

    type_in(panel, webhook_url="https://h.example/a?k=S")
    assert shown() == "https://h.example/a?…"
    assert panel.request.webhook_url == "https://h.example/a?k=S"
    type_in(panel, webhook_url=shown())
    assert panel.request.webhook_url == "https://h.example/a?k=S"
    type_in(panel, webhook_url="https://h.example/av2?…")
    assert panel.view.bar["why"].startswith("Not ready")
    assert "type all of it again" in panel.form.complaint("webhook_url")
    type_in(panel, webhook_url="https://h.example/av2?k=T")
    assert panel.request.webhook_url == "https://h.example/av2?k=T"


def test_the_query_of_a_reference_image_is_in_neither_the_code_nor_the_json(open_offline):
    """It may be a credential; a comment says that it is left out."""
    panel = open_offline().panel(PROMPT, reference_images=["https://cdn.example/x.png?sig=SECRET"])
    press(panel, "code")
    press(panel, "json")
    shown = panel.view.source["code"] + panel.view.source["json"]
    assert "SECRET" not in shown
    assert "left out here" in shown
    assert panel.request.to_task()["inputs"]["referenceImages"] == ["https://cdn.example/x.png?sig=SECRET"]


def test_a_damaged_picture_does_not_keep_the_next_run_out_of_the_output(open_offline):
    """The damaged picture is shown as damaged, beside the new run."""
    studio = open_offline()
    panel = studio.panel(PROMPT, resolution="0.5K")
    make_run(panel, seed=1).image.path.write_bytes(b"junk")
    make_run(panel, seed=2)
    assert "seed 2" in panel.saved.output.bundle.text
    assert "damaged" in panel.saved.output.bundle.html


def test_an_exception_in_a_handler_of_the_pictures_is_shown_in_the_panel(open_offline, monkeypatch):
    """Jupyter would drop it."""
    panel = open_offline().panel(PROMPT)
    monkeypatch.setattr("nbkit.widgets.panel.pictures.Gallery", lambda *_, **__: 1 / 0)
    press(panel, "history")
    assert "ZeroDivisionError" in message(panel)


@pytest.mark.parametrize("number", [0, -1, "2", True, 1.5])
def test_at_once_must_be_a_whole_number_of_at_least_1(open_offline, number):
    """No panel is made with another value."""
    with pytest.raises(RequestError) as caught:
        open_offline().panel(PROMPT, at_once=number)
    assert caught.value.parameter == "at_once"


def test_a_button_sends_only_for_the_picture_that_it_belonged_to_on_the_page(open_offline):
    """A new run may have replaced the chosen picture before the press was processed."""
    studio = open_offline()
    panel = studio.panel(PROMPT, resolution="0.5K")
    make_run(panel, seed=1)
    older = paid(panel, "2K")["quote"]
    make_run(panel, seed=2)
    press_paid(panel, "2K", older)
    assert "Another picture" in message(panel)
    assert len(studio.df) == 2
    press_paid(panel, "2K")
    assert panel.wait(30).seed == 2
    assert len(studio.df) == 3


# -- what waits in line ------------------------------------------------------------------------------------------


@pytest.fixture
def held(open_offline):
    """A studio whose engine holds its tasks back until the event is set: the studio, when one has come, the event."""
    engine, arrived, release = held_engine()
    yield open_offline(engine=engine, budget=1.00), arrived, release
    release.set()


def test_presses_wait_in_line_and_are_sent_in_their_order(held):
    """Four at most, each with its price and its prompt; a fifth is not taken, neither from code nor on the page."""
    studio, arrived, release = held
    panel = studio.panel("Picture 0", resolution="0.5K")
    assert panel.generate()
    assert arrived.wait(20)
    for number in range(1, 5):
        panel.set(prompt=f"Picture {number}")
        press_generate(panel)
    assert queue(panel) == [(1, True), (2, False), (3, False), (4, False), (5, False)]
    job = panel.view.bar["jobs"][4]
    assert (job["prompt"], job["price"], job["exact"]) == ("Picture 4", "$0.047", "$0.04657")
    assert panel.view.bar["why"] == "4 runs wait already."
    assert not panel.generate()
    press_generate(panel)
    assert message(panel) == "4 runs wait already: nothing was added."
    assert len(studio.log) == 1
    release.set()
    assert panel.wait(30).request.prompt == "Picture 4"
    assert studio.df.prompt.tolist() == [f"Picture {number}" for number in range(5)]
    assert queue(panel) == []


def test_what_waits_in_line_counts_as_spent(held):
    """So that no press of a line is refused later for what the others cost; Stop gives it back."""
    studio, arrived, _release = held
    panel = studio.panel(PROMPT, number_results=6, resolution="0.5K")  # $0.27942 each, of $1.00
    panel.generate()
    assert arrived.wait(20)
    press_generate(panel)
    assert panel.view.bar["why"] == ""
    panel.generate()
    assert queue(panel) == [(1, True), (2, False), (3, False)]
    assert panel.view.bar["why"] == "The budget has $0.16 left, and this may cost $0.28."
    press_generate(panel)
    assert message(panel) == "The budget has $0.16 left, and this may cost $0.28. What waits in line counts."
    with pytest.raises(nbkit.BudgetExceeded, match="What waits in line counts") as caught:
        panel.generate()
    assert (caught.value.limit, caught.value.asked, caught.value.held) == (1.0, 0.27942, pytest.approx(3 * 0.27942))
    assert message(panel) == str(caught.value)
    assert len(queue(panel)) == 3
    press(panel, "stop", number=3)
    assert panel.view.bar["why"] == ""
    press_generate(panel)
    assert queue(panel) == [(1, True), (2, False), (4, False)]


def test_one_press_of_the_line_can_be_stopped(held):
    """By its number: nothing of it is sent or held, and the others go on in their order."""
    studio, arrived, release = held
    panel = studio.panel("Picture 0", resolution="0.5K")
    panel.generate()
    assert arrived.wait(20)
    for number in (1, 2):
        panel.set(prompt=f"Picture {number}")
        panel.generate()
    press(panel, "stop", number=2)
    assert message(panel) == "Run 2 was not sent."
    assert queue(panel) == [(1, True), (3, False)]
    press(panel, "stop", number=2)  # a second click, on its way when the first one was served
    press(panel, "stop", number=99)
    assert queue(panel) == [(1, True), (3, False)]
    release.set()
    panel.wait(30)
    assert studio.df.prompt.tolist() == ["Picture 0", "Picture 2"]
    assert (studio.df.status == "done").all()


def test_the_press_under_way_can_be_stopped_and_the_next_one_is_sent(held):
    """Its picture still comes, and takes the place of none that was made later."""
    studio, arrived, release = held
    panel = studio.panel("Picture 0", resolution="0.5K")
    panel.generate()
    assert arrived.wait(20)
    arrived.clear()
    panel.set(prompt="Picture 1")
    panel.generate()
    press(panel, "stop", number=1)
    assert "so it may still count up to $0.047 at list prices" in message(panel)
    assert arrived.wait(20)
    assert queue(panel) == [(2, True)]
    release.set()
    assert panel.wait(30).request.prompt == "Picture 1"
    until(lambda: set(studio.df.status) == {"done"})
    until(lambda: len(panel.pictures.strip) == 2)
    assert panel.pictures.chosen.run.request.prompt == "Picture 1"


def test_stop_without_a_number_stops_the_whole_line(held):
    """What was sent may still be paid, what waited is not sent."""
    studio, arrived, release = held
    panel = studio.panel(PROMPT, resolution="0.5K")
    for _ in range(3):
        panel.generate()
    assert arrived.wait(20)
    press(panel, "stop")
    sent, waiting = message(panel).splitlines()
    assert sent == (
        "Stopped waiting. The request was already sent, so it may still count up to $0.047 at list prices; "
        "the picture will appear in History."
    )
    assert waiting == "2 waiting runs were not sent."
    assert queue(panel) == []
    release.set()
    until(lambda: "has come" in message(panel))
    assert len(studio.log) == 1
    press(panel, "stop")
    assert "has come" in message(panel)  # nothing to stop: nothing to say


def test_what_waits_is_sent_as_it_was_at_its_press(held):
    """Neither later changes of the controls nor undo change it."""
    studio, arrived, release = held
    panel = studio.panel(PROMPT, resolution="0.5K")
    panel.generate()
    assert arrived.wait(20)
    panel.set(temperature=0.4, seed=5)
    press_generate(panel)
    panel.set(temperature=0.9, resolution="4K", seed=None)
    do(panel, "undo")
    do(panel, "reset")
    release.set()
    run = panel.wait(30)
    assert (run.request.prompt, run.request.temperature, run.request.seed) == (PROMPT, 0.4, 5)
    assert run.cost == 0.04657


# -- an identical request ----------------------------------------------------------------------------------------


@pytest.fixture
def made(open_offline):
    """A studio, and a panel whose request has been made."""
    studio = open_offline(budget=1.00)
    panel = studio.panel(PROMPT, seed=7, resolution="0.5K")
    make_run(panel)
    return studio, panel


def test_an_identical_request_with_a_seed_is_offered_and_not_sent(made):
    """Its picture would be the same: the panel shows it, or makes it again for the price that stands on the button."""
    studio, panel = made
    first = panel.last
    press_generate(panel)
    assert message(panel) == "This exact request is in the log (seed 7)."
    assert not panel.view.bar["status"]["wrong"]
    assert list(actions(panel)) == ["show same", "again"]
    again = actions(panel)["again"]
    assert (again["label"], again["title"]) == ("Make it again · $0.047", "$0.04657")
    assert len(studio.log) == 1
    make_run(panel, seed=8)
    panel.set(seed=7)
    press_generate(panel)
    press(panel, "show same")
    assert panel.pictures.chosen.run.task_uuid == first.task_uuid
    assert message(panel) == "From the log; nothing was sent."
    assert len(studio.log) == 2


def test_make_it_again_sends_the_request_once_more(made):
    """The log has which run it comes from."""
    studio, panel = made
    first = panel.last
    press_generate(panel)
    press(panel, "again", quote=actions(panel)["again"]["quote"])
    until(lambda: len(studio.log) == 2)
    run = panel.wait(30)
    assert run.request == first.request
    assert studio.df.parent.iloc[-1] == first.task_uuid


def test_make_it_again_agrees_to_the_request_that_it_was_offered_for(made):
    """After a change of the controls it sends nothing, and neither does a number of another offer."""
    studio, panel = made
    press_generate(panel)
    quote = actions(panel)["again"]["quote"]
    press(panel, "again")
    assert "Nothing was sent" in message(panel)
    panel.set(resolution="4K")
    assert actions(panel) == {}
    press(panel, "again", quote=quote)
    assert message(panel) == "The controls have changed since. Nothing was sent: press again."
    make_run(panel, resolution="1K")
    press_generate(panel)
    press(panel, "again", quote=quote)  # of the cheaper request
    assert "The controls have changed since." in message(panel)
    press(panel, "again", quote=panel.view.bar["quote"])
    assert "Nothing was sent" in message(panel)
    assert len(studio.log) == 2


def test_code_and_requests_without_a_seed_are_sent_although_the_log_has_them(made):
    """Code says what it wants; and without a seed the picture is another one."""
    studio, panel = made
    assert panel.generate()
    panel.wait(30)
    assert len(studio.log) == 2
    panel.set(seed=None)
    for count in (3, 4):
        press_generate(panel)
        panel.wait(30)
        assert len(studio.log) == count


def test_a_request_of_another_engine_or_another_value_is_not_identical(made):
    """A change that makes another picture is sent; one that does not, such as ``ttl``, is offered."""
    studio, panel = made
    panel.set(temperature=0.3)
    press_generate(panel)
    panel.wait(30)
    assert len(studio.log) == 2
    panel.set(temperature=None, ttl=600)
    press_generate(panel)
    assert "This exact request is in the log" in message(panel)
    assert len(studio.log) == 2
