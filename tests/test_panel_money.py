"""A panel and money: nothing is paid that was not shown before, Stop prevents payments, and the panel says what was paid."""

import contextlib
import threading

import pytest
from html_page import Page
from offline_tasks import held_engine
from panel_tools import (
    head,
    make_run,
    message,
    offline_studio,
    press_on_page,
    press_without_number,
    text_of,
    use_manual_clock,
)
from sweep_tools import until

import nbkit
from nbkit.errors import NbkitError, RequestError
from nbkit.ledger.in_flight import IN_FLIGHT
from nbkit.ledger.journal import RunPlan
from nbkit.results.run import NOT_SENT
from nbkit.widgets.panel.work import DOUBLE_CLICK

PROMPT = "A paper lantern"


@pytest.fixture
def open_offline(tmp_path):
    """Studios on the offline engine and on one log, closed at the end; keywords override."""
    with contextlib.ExitStack() as opened:
        yield lambda **options: opened.enter_context(offline_studio(tmp_path, **options))


def test_a_price_that_rises_after_the_click_is_not_paid(open_offline):
    """A busy kernel can process a change after the click. The panel shows both prices, and a second press sends."""
    studio = open_offline()
    panel = studio.panel(PROMPT)
    clock = use_manual_clock(panel)
    panel.bar.generate.click()
    panel.set(number_results=20)
    until(lambda: "press again" in message(panel))
    assert "$0.06895" in message(panel)
    assert "$1.379" in message(panel)
    assert len(studio.log) == 0
    clock.now += DOUBLE_CLICK
    panel.bar.generate.click()
    panel.wait(30)
    assert len(studio.df) == 20


def test_the_price_that_the_page_showed_is_the_most_that_a_press_pays(open_offline):
    """The kernel's button may have a newer price than the one that was on the page at the press."""
    studio = open_offline()
    panel = studio.panel(PROMPT)
    clock = use_manual_clock(panel)
    older = panel.bar.generate.quote
    panel.set(number_results=20)
    assert panel.bar.generate.quote > older
    press_on_page(panel, older)
    until(lambda: "press again" in message(panel))
    assert "The button said $0.06895, and this is up to $1.379 now." in message(panel)
    assert len(studio.log) == 0
    clock.now += DOUBLE_CLICK
    press_on_page(panel, panel.bar.generate.quote)
    panel.wait(30)
    assert len(studio.df) == 20


def test_a_press_with_an_older_number_is_served_if_its_price_covers_what_is_sent(open_offline):
    """The page had a higher price, or another one and then the same again."""
    studio = open_offline()
    panel = studio.panel(PROMPT, resolution="4K")
    clock = use_manual_clock(panel)
    older = panel.bar.generate.quote
    for count, resolution in enumerate(("0.5K", "1K"), start=1):
        panel.set(resolution=resolution)
        assert panel.bar.generate.quote > older
        press_on_page(panel, older)
        until(lambda: panel.work.under_way == 0)
        assert len(studio.log) == count
        clock.now += DOUBLE_CLICK


def test_a_price_that_stays_the_same_keeps_its_number(open_offline):
    """What is typed into the prompt changes no price, and so nothing of the button."""
    panel = open_offline().panel(PROMPT)
    quote = panel.bar.generate.quote
    panel.set(prompt="A jade teapot", temperature=0.3)
    assert panel.bar.generate.quote == quote


@pytest.mark.parametrize("number", [0, -1, 10**9, None, "1", 1.5])
def test_a_press_with_a_number_that_no_button_had_sends_nothing(open_offline, number):
    """The panel says so, and nothing is under way."""
    studio = open_offline()
    panel = studio.panel(PROMPT)
    press_on_page(panel, number)
    assert "Nothing was sent: press again." in message(panel)
    assert panel.work.latest is None
    assert len(studio.log) == 0


def test_a_number_of_another_panel_sends_nothing(open_offline):
    """A quote belongs to the button that it stood on."""
    studio = open_offline()
    panel, other = studio.panel(PROMPT), studio.panel(PROMPT, resolution="4K")
    press_on_page(panel, other.bar.generate.quote)
    assert "Nothing was sent: press again." in message(panel)
    assert (panel.work.latest, other.work.latest) == (None, None)


@pytest.mark.parametrize("quote", [[1], {}])
def test_a_malformed_press_is_reported_in_the_panel(open_offline, quote):
    """The exception does not leave the handler."""
    panel = open_offline().panel(PROMPT)
    press_on_page(panel, quote)
    assert "TypeError" in message(panel)


def test_a_press_is_sent_by_its_number_whatever_the_button_is_called(open_offline):
    """A browser may have translated the page, and written its digits in another way."""
    studio = open_offline()
    panel = studio.panel(PROMPT)
    panel.bar.generate.description = "Erzeugen · ٠٫٠٦٨٩٥ $"
    press_on_page(panel, panel.bar.generate.quote)
    until(lambda: len(studio.log) == 1)
    assert panel.wait(30).cost == 0.06895


def test_the_number_and_the_label_reach_the_page_in_one_message(open_offline, monkeypatch):
    """Otherwise a press in between would agree to a price that is not on the button yet."""
    panel = open_offline().panel(PROMPT)
    sent = []
    monkeypatch.setattr(panel.bar.generate, "send_state", lambda key=None: sent.append(set(key)))
    panel.set(number_results=2)
    assert {"description", "_dom_classes"} in sent
    assert sum("description" in keys for keys in sent) == 1


def test_each_of_two_presses_is_checked_against_the_price_of_its_own_button(open_offline):
    """Both wait in a busy kernel's queue; the price of the dearer button does not let the other one pay as much."""
    studio = open_offline()
    panel = studio.panel(PROMPT, seed=1, resolution="0.5K", at_once=2)
    assert make_run(panel).image.width == 512
    final = panel.pictures.actions.finals["4K"]
    press_on_page(panel, panel.bar.generate.quote)
    press_on_page(panel, final.quote)
    panel.set(resolution="4K")
    until(lambda: panel.work.under_way == 0)
    assert sorted(studio.df.width) == [512, 4096]  # and no second picture at 4K, whose price Generate did not show


def test_a_press_on_a_button_without_a_price_sends_nothing(open_offline):
    """A slow page may still show the button as it was before it had a price; and where no script runs, it has none."""
    studio = open_offline()
    panel = studio.panel()
    clock = use_manual_clock(panel)
    without_price = panel.bar.generate.quote
    panel.set(prompt=PROMPT)
    press_without_number(panel.bar.generate)
    until(lambda: "named no price yet" in message(panel))
    assert "this is up to $0.06895" in message(panel)
    panel.bar.say()
    clock.now += DOUBLE_CLICK
    panel.set(prompt=None)
    assert panel.bar.generate.quote > without_price
    press_on_page(panel, panel.bar.generate.quote)
    panel.set(prompt=PROMPT)
    until(lambda: "named no price yet" in message(panel))
    assert len(studio.log) == 0


def test_a_press_before_the_script_runs_pays_the_only_price_that_was_shown(open_offline):
    """The button's own message has no number. Once the button has had another price, such a press sends nothing."""
    studio = open_offline()
    panel = studio.panel(PROMPT)
    clock = use_manual_clock(panel)
    panel._ipython_display_()
    press_without_number(panel.bar.generate)
    until(lambda: len(studio.log) == 1 and panel.work.under_way == 0)
    clock.now += DOUBLE_CLICK
    panel.set(resolution="4K")
    panel._ipython_display_()
    press_without_number(panel.bar.generate)
    until(lambda: "named no price yet" in message(panel))
    assert len(studio.log) == 1


def test_a_refused_request_leaves_nothing_under_way(open_offline):
    """The problem is reported at its control, and the line under the buttons says that nothing was sent."""
    panel = open_offline().panel()
    with pytest.raises(RequestError) as caught:
        panel.generate()
    assert (caught.value.parameter, caught.value.reason) == ("prompt", "missing")
    assert "Nothing was sent" in message(panel)
    assert "missing" in panel.controls["prompt"].complaint


def test_missing_pictures_of_a_run_are_reported_with_their_reason(open_offline):
    """Some of several results may fail: the panel shows how many came, what they cost, and why the others did not."""
    engine = nbkit.Offline(failures={"partial": 1})
    panel = open_offline(engine=engine).panel(PROMPT, number_results=4, resolution="0.5K")
    run = make_run(panel)
    assert 0 < len(run) < 4
    (line,) = Page(panel.bar.under.value).all("div")
    assert line["role"] == "alert"
    assert f"{len(run)} of 4 pictures came" in message(panel)
    assert run.failures[0].message in message(panel)


def test_a_price_beyond_the_budget_is_shown_before_the_press(open_offline):
    """The press would be refused, but the budget may change until then, so the button stays enabled."""
    studio = open_offline(budget=0.10)
    panel = studio.panel(PROMPT, number_results=2)
    assert "up to $0.1379, and $0.10 is left of the budget" in text_of(panel.bar.beside.value)
    assert not panel.bar.generate.disabled
    panel.set(number_results=1)
    assert text_of(panel.bar.beside.value) == ""
    studio.generate(PROMPT, resolution="0.5K")
    assert "$0.05343 is left" in text_of(panel.bar.beside.value)


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


def test_a_price_that_falls_after_the_click_is_paid(open_offline):
    """The button showed more."""
    studio = open_offline()
    panel = studio.panel(PROMPT, resolution="4K")
    panel.bar.generate.click()
    panel.set(resolution="0.5K")
    until(lambda: len(studio.log) == 1)
    panel.wait(30)
    assert panel.last.cost == 0.04657


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
    panel.bar.stop.click()
    until(lambda: "was not sent" in message(panel))
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
    panel.bar.stop.click()
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
    assert "from the log" in message(panel)
    assert len(studio.log) == 1


def test_a_deleted_reference_image_is_reported_and_disables_the_paid_buttons(open_offline):
    """A run whose reference image was deleted cannot be made again from the panel."""
    studio = open_offline()
    first = studio.generate(PROMPT, resolution="0.5K", seed=1)
    run = studio.generate(PROMPT, resolution="0.5K", seed=2, reference_images=[first.image])
    first.image.path.unlink()
    panel = studio.panel()
    panel.use_settings(studio.log[run.task_uuid].request)
    assert panel.bar.generate.disabled
    assert "no longer in the image folder" in panel.controls["reference_images"].complaint
    panel.pictures.history.value = True
    panel.pictures.gallery.select([run.image.image_uuid])
    actions = panel.pictures.actions
    assert actions.again.disabled
    assert "no longer in the image folder" in actions.again.tooltip


def test_a_run_is_not_made_again_without_its_credentials(open_offline):
    """The log does not keep them: a later kernel asks for them, while the panel that made the run has them."""
    studio = open_offline()
    address = "https://h.example/a?k=S"
    run = studio.generate(PROMPT, resolution="0.5K", webhook_url=address, seed=1)
    panel = studio.panel()
    panel.pictures.history.value = True
    panel.pictures.gallery.select([run.image.image_uuid])
    assert panel.pictures.actions.again.disabled
    assert "credentials" in panel.pictures.actions.again.tooltip
    with pytest.raises(NbkitError, match="credentials"):
        studio.log[run.task_uuid].rerun(temperature=0.3)
    without_webhook = studio.log[run.task_uuid].rerun(webhook_url=None)
    assert without_webhook.request.webhook_url is None
    assert run.rerun().request.webhook_url == address
    made_here = make_run(panel, prompt=PROMPT, webhook_url=address, resolution="0.5K")
    panel.pictures.gallery.refresh()
    panel.pictures.gallery.select([made_here.image.image_uuid])
    assert not panel.pictures.actions.again.disabled


def test_an_address_that_was_edited_without_its_query_is_refused(open_offline):
    """The page shows ``?…`` in place of the query, so what is typed there is only part of an address."""
    panel = open_offline().panel(PROMPT)
    field = panel.controls["webhook_url"].field
    field.value = "https://h.example/a?k=S"
    assert field.value == "https://h.example/a?…"
    assert panel.request.webhook_url == "https://h.example/a?k=S"
    field.value = "https://h.example/av2?…"
    assert panel.bar.generate.disabled
    assert "type all of it again" in panel.controls["webhook_url"].complaint
    field.value = "https://h.example/av2?k=T"
    assert panel.request.webhook_url == "https://h.example/av2?k=T"


def test_the_query_of_a_reference_image_is_in_neither_the_code_nor_the_json(open_offline):
    """It may be a credential; a comment says that it is left out."""
    panel = open_offline().panel(PROMPT, reference_images=["https://cdn.example/x.png?sig=SECRET"])
    panel.source.code.value = panel.source.json.value = True
    shown = "".join(part.value for part in panel.source.box.children)
    assert "SECRET" not in shown
    assert "left out here" in shown
    assert panel.request.to_task()["inputs"]["referenceImages"] == ["https://cdn.example/x.png?sig=SECRET"]


def test_a_damaged_picture_does_not_keep_the_next_run_out_of_the_output(open_offline):
    """The damaged picture is shown as damaged, beside the new run."""
    studio = open_offline()
    panel = studio.panel(PROMPT, resolution="0.5K")
    make_run(panel, seed=1).image.path.write_bytes(b"junk")
    make_run(panel, seed=2)
    assert "seed 2" in panel.results.bundle.text
    assert "damaged" in panel.results.bundle.html


def test_an_exception_in_a_handler_of_the_pictures_is_shown_in_the_panel(open_offline, monkeypatch):
    """Jupyter would drop it."""
    panel = open_offline().panel(PROMPT)
    monkeypatch.setattr("nbkit.widgets.panel.pictures.Gallery", lambda *_, **__: 1 / 0)
    panel.pictures.history.value = True
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
    final = panel.pictures.actions.finals["2K"]
    older = final.quote
    make_run(panel, seed=2)
    press_on_page(panel, older)
    until(lambda: "Another picture" in message(panel))
    assert len(studio.df) == 2
    press_on_page(panel, final.quote)
    until(lambda: len(studio.df) == 3)
    assert panel.wait(30).seed == 2
