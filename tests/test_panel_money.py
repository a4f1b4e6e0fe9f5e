"""A panel and money: nothing is paid that was not shown, stopped in time or lacking something; and what is said of it."""

import html
import time

import pytest
from sweep_tools import until

import nbkit
from nbkit.errors import NbkitError, RequestError
from nbkit.ledger.in_flight import IN_FLIGHT
from nbkit.results.run import NOT_SENT
from nbkit.widgets.page.access import about
from nbkit.widgets.page.seen import most_in

PROMPT = "A paper lantern"


@pytest.fixture
def open_(tmp_path):
    """``open_(engine=…)`` gives a studio that is closed afterwards."""
    studios = []

    def make(**how):
        studios.append(nbkit.Studio(**{"engine": "offline", "path": tmp_path / "runs", **how}))
        return studios[-1]

    yield make
    for studio in studios:
        studio.close()


def test_what_became_dearer_after_the_press_is_not_sent(open_):
    """A change that comes behind the click, out of a busy kernel's queue, is not paid: the panel says both prices."""
    studio = open_()
    panel = studio.panel(PROMPT)
    panel.bar.generate.click()
    panel.set(number_results=20)
    until(lambda: "press again" in panel.bar.under.value)
    assert "$0.06895" in panel.bar.under.value
    assert "$1.379" in panel.bar.under.value
    assert len(studio.log) == 0
    time.sleep(0.6)  # a second click within half a second is the second half of a double click
    panel.bar.generate.click()
    panel.wait(30)
    assert len(studio.df) == 20


def test_what_the_page_showed_counts_and_not_what_the_kernel_knows(open_):
    """The price of the kernel's button may be newer than the one that was on the page when it was pressed."""
    studio = open_()
    panel = studio.panel(PROMPT, number_results=20)
    assert "$1.379" in panel.bar.generate.description
    panel.access._handle_custom_msg({"seen": "Generate · $0.06895"}, [])
    panel.bar.generate.click()
    until(lambda: "press again" in panel.bar.under.value)
    assert len(studio.log) == 0


def test_two_presses_are_each_judged_by_their_own_button(open_):
    """Both wait in a busy kernel's queue; the dearer one's price does not allow the other to become as dear."""
    studio = open_()
    panel = studio.panel(PROMPT, seed=1, resolution="0.5K", at_once=2)
    panel.generate()
    assert panel.wait(30).image.width == 512
    final = panel.pictures.actions.finals["4K"]
    panel.access._handle_custom_msg({"seen": panel.bar.generate.description}, [])
    panel.bar.generate.click()
    panel.access._handle_custom_msg({"seen": final.description, "about": about(final)}, [])
    final.click()
    panel.set(resolution="4K")
    until(lambda: panel.work.under_way == 0)
    assert sorted(studio.df.width) == [512, 4096]  # and no second one at 4K, which its button did not say


def test_what_named_no_price_is_not_sent(open_):
    """A page that is behind may show the button as it was before there was a price on it."""
    studio = open_()
    panel = studio.panel(PROMPT)
    panel.access._handle_custom_msg({"seen": "Generate"}, [])
    panel.bar.generate.click()
    until(lambda: "named no price yet" in panel.bar.under.value)
    assert len(studio.log) == 0


def test_after_a_refusal_nothing_is_said_to_be_under_way(open_):
    """What is wrong stands at its control, and the line under the buttons says that nothing was sent."""
    panel = open_().panel()
    with pytest.raises(RequestError):
        panel.generate()
    assert "Nothing was sent" in panel.bar.under.value
    assert "missing" in panel.controls["prompt"].complaint


def test_what_did_not_come_is_said_where_the_press_was(open_):
    """Of several results some may fail: how many came, what they cost, and why the others did not."""
    panel = open_(engine=nbkit.Offline(failures={"partial": 1})).panel(PROMPT, number_results=4, resolution="0.5K")
    panel.generate()
    run = panel.wait(30)
    assert 0 < len(run) < 4
    assert 'role="alert"' in panel.bar.under.value
    assert f"{len(run)} of 4 pictures came" in panel.bar.under.value
    assert run.failures[0].message in html.unescape(panel.bar.under.value)


def test_a_request_beyond_the_budget_is_said_before_the_press(open_):
    """The press would be refused; what is left may change meanwhile, so the button can be pressed."""
    studio = open_(budget=0.10)
    panel = studio.panel(PROMPT, number_results=2)
    assert "up to $0.1379, and $0.10 is left of the budget" in panel.bar.beside.value
    assert not panel.bar.generate.disabled
    panel.set(number_results=1)
    assert panel.bar.beside.value.endswith("></span>")
    studio.generate(PROMPT, resolution="0.5K")
    assert "$0.05343 is left" in panel.bar.beside.value


def test_a_watcher_that_fails_does_not_come_between_a_run_and_its_pictures(open_):
    """Whoever shows a sum may be wrong; the run is paid."""

    class Broken:
        def on_budget_change(self):
            raise ValueError("nothing to show it on")

    studio, broken = open_(), Broken()
    studio.watch(broken)
    assert studio.generate(PROMPT, resolution="0.5K").status == "done"
    assert [run.status for run in studio.sweep(PROMPT, seed=[1, 2], resolution="0.5K").run().runs] == ["done"] * 2


def test_what_a_recovery_sets_free_is_shown(open_):
    """A run that was planned by a kernel that is gone held its money until now."""
    studio = open_(budget=1.00)
    panel = studio.panel(PROMPT)
    plan = studio._ledger.plan(nbkit.ImageRequest(PROMPT, resolution="0.5K"))
    assert "$0.95343 left of $1.00" in panel._head.value
    IN_FLIGHT.discard(plan.task_uuid)  # as if its kernel had ended
    studio.recover()
    assert "$1.00 left of $1.00" in panel._head.value


def test_what_became_cheaper_is_sent(open_):
    """Nobody minds that."""
    studio = open_()
    panel = studio.panel(PROMPT, resolution="4K")
    panel.bar.generate.click()
    panel.set(resolution="0.5K")
    until(lambda: len(studio.log) == 1)
    panel.wait(30)
    assert panel.last.cost == 0.04657


@pytest.mark.parametrize(
    ("text", "micros"),
    [("Generate · $0.06895", 68_950), ("Run · 9 cells · $1,234.50 to $2,000.00", 2_000_000_000), ("Generate", None)],
)
def test_the_upper_price_is_read_off_a_button(text, micros):
    """Of a range, the higher end."""
    assert most_in(text) == micros


def test_stop_keeps_what_the_service_has_not_accepted_from_being_sent(open_):
    """While the service says that it is busy, Stop ends it for good: no picture, no cost, and the panel says so."""
    studio = open_(engine=nbkit.Offline(failures={"busy": 1.0}))
    panel = studio.panel(PROMPT)
    panel.generate()
    until(lambda: len(studio.log) == 1)
    time.sleep(0.3)  # long enough for the first refusal
    panel.bar.stop.click()
    until(lambda: "was not sent" in panel.bar.under.value)
    assert studio.df.status.tolist() == [NOT_SENT]
    assert studio.budget.spent == 0
    assert studio.budget.held == 0
    assert len(panel.pictures.strip) == 0


def test_a_late_failure_is_told_as_one(open_):
    """Not as pictures that have come."""
    studio = open_(engine=nbkit.Offline(latency=0.6, failures={"blocked": 1.0}))
    panel = studio.panel(PROMPT)
    panel.generate()
    time.sleep(0.2)
    panel.bar.stop.click()
    until(lambda: "has failed" in panel.bar.under.value)
    assert "Change the prompt" in panel.bar.under.value


def test_a_closed_studio_says_so_and_holds_no_money(open_):
    """From the panel, from code and for a sweep."""
    studio = open_()
    panel = studio.panel(PROMPT)
    studio.close()
    for attempt in (panel.generate, lambda: studio.generate(PROMPT), lambda: studio.sweep(PROMPT, seed=[1, 2])):
        with pytest.raises(NbkitError, match="closed"):
            attempt()
    assert "closed" in panel.bar.under.value
    assert studio.budget.held == 0


def test_a_cell_and_a_sweep_move_the_budget_that_is_shown(open_):
    """Whoever spends, what is left is right."""
    studio = open_(budget=1.00)
    panel = studio.panel(PROMPT)
    sweeps = studio.sweep_panel(PROMPT)
    studio.generate(PROMPT, resolution="0.5K")
    for shown in (panel, sweeps):
        assert "$0.95343 left of $1.00" in shown._head.value
    studio.sweep(PROMPT, seed=[1, 2], resolution="0.5K").run()
    for shown in (panel, sweeps):
        assert "$0.86029 left of $1.00" in shown._head.value


def test_a_run_from_the_log_is_told_as_one(open_):
    """With ``reuse`` nothing is sent and nothing is charged."""
    studio = open_(reuse=True)
    panel = studio.panel(PROMPT, seed=7, resolution="0.5K")
    for _ in range(2):
        panel.generate()
        panel.wait(30)
    assert "from the log" in panel.bar.under.value
    assert len(studio.log) == 1


def test_a_lost_reference_is_said_at_its_control_and_nothing_is_offered(open_):
    """A run whose reference image was deleted cannot be made again from the panel."""
    studio = open_()
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


def test_a_run_whose_credentials_the_log_does_not_keep_is_not_paid_without_them(open_):
    """In a later kernel; in this one the panel knows them."""
    studio = open_()
    address = "https://h.example/a?k=S"
    run = studio.generate(PROMPT, resolution="0.5K", webhook_url=address, seed=1)
    panel = studio.panel()
    panel.pictures.history.value = True
    panel.pictures.gallery.select([run.image.image_uuid])
    assert panel.pictures.actions.again.disabled
    assert "credentials" in panel.pictures.actions.again.tooltip
    with pytest.raises(NbkitError, match="credentials"):
        studio.log[run.task_uuid].rerun(temperature=0.3)
    again = studio.log[run.task_uuid].rerun(webhook_url=None)
    assert again.request.webhook_url is None
    assert run.rerun().request.webhook_url == address
    panel.set(prompt=PROMPT, webhook_url=address, resolution="0.5K")
    panel.generate()
    mine = panel.wait(30)
    panel.pictures.gallery.refresh()
    panel.pictures.gallery.select([mine.image.image_uuid])
    assert not panel.pictures.actions.again.disabled


def test_half_an_address_is_not_taken(open_):
    """What the page shows of an address stands for its query, and cannot be sent in its place."""
    panel = open_().panel(PROMPT)
    field = panel.controls["webhook_url"].field
    field.value = "https://h.example/a?k=S"
    assert field.value == "https://h.example/a?…"
    assert panel.request.webhook_url == "https://h.example/a?k=S"
    field.value = "https://h.example/av2?…"
    assert panel.bar.generate.disabled
    assert "type all of it again" in panel.controls["webhook_url"].complaint
    field.value = "https://h.example/av2?k=T"
    assert panel.request.webhook_url == "https://h.example/av2?k=T"


def test_the_query_of_a_reference_is_in_no_code_and_no_json(open_):
    """It may be a credential; the line says that it is left out."""
    panel = open_().panel(PROMPT, reference_images=["https://cdn.example/x.png?sig=SECRET"])
    panel.source.code.value = panel.source.json.value = True
    shown = "".join(place.value for place in panel.source.box.children)
    assert "SECRET" not in shown
    assert "left out here" in shown
    assert panel.request.reference_images[0].text.endswith("SECRET")


def test_a_damaged_picture_does_not_keep_the_next_from_being_shown(open_):
    """The tile says that it is damaged; the new run stands in the output that the notebook keeps."""
    studio = open_()
    panel = studio.panel(PROMPT, resolution="0.5K", seed=1)
    panel.generate()
    panel.wait(30).image.path.write_bytes(b"junk")
    panel.set(seed=2)
    panel.generate()
    panel.wait(30)
    assert "seed 2" in panel.results.bundle.text
    assert "damaged" in panel.results.bundle.html


def test_a_fault_of_a_picture_handler_is_said(open_, monkeypatch):
    """Jupyter would lose it."""
    panel = open_().panel(PROMPT)
    monkeypatch.setattr("nbkit.widgets.panel.pictures.Gallery", lambda *_, **__: 1 / 0)
    panel.pictures.history.value = True
    assert "ZeroDivisionError" in panel.bar.under.value


@pytest.mark.parametrize("number", [0, -1, "2", True, 1.5])
def test_at_once_is_a_number_of_runs(open_, number):
    """Anything else is refused before the panel is there."""
    with pytest.raises(RequestError, match="at_once"):
        open_().panel(PROMPT, at_once=number)


def test_a_button_is_about_the_picture_that_stood_on_the_page(open_):
    """A run that came meanwhile has taken the stage: its picture is not the one whose final was wanted."""
    studio = open_()
    panel = studio.panel(PROMPT, seed=1, resolution="0.5K")
    panel.generate()
    panel.wait(30)
    final = panel.pictures.actions.finals["2K"]
    seen = {"seen": final.description, "about": about(final)}
    panel.set(seed=2)
    panel.generate()
    panel.wait(30)
    panel.access._handle_custom_msg(seen, [])
    final.click()
    until(lambda: "Another picture" in panel.bar.under.value)
    assert len(studio.df) == 2
    panel.access._handle_custom_msg({"seen": final.description, "about": about(final)}, [])
    final.click()
    until(lambda: len(studio.df) == 3)
    assert panel.wait(30).seed == 2
