"""The panel as a person meets it: in JupyterLab, with a mouse and a keyboard."""

import re

import pytest
from playwright.sync_api import expect

STUDIO = "import nbkit\nstudio = nbkit.Studio(engine='offline', path='{path}', budget=5)"


@pytest.fixture
def shown(notebook, tmp_path):
    def show(*further, studio=STUDIO):
        book = notebook(studio.replace("{path}", str(tmp_path / "runs")), "panel = studio.panel()\npanel", *further)
        book.run(0)
        book.run(1)
        expect(book.output(1).get_by_label("prompt", exact=True)).to_be_visible()
        return book, book.output(1)

    return show


def readout(panel, name):
    slider = panel.locator(".widget-slider", has=panel.page.get_by_text(name, exact=True))
    return slider.locator(".widget-readout")


def type_number(panel, name, number):
    readout(panel, name).fill(str(number))
    readout(panel, name).press("Enter")


def generate(panel):
    return panel.get_by_role("button", name=re.compile("^Generate"))


def test_look(shown, screenshots):
    book, panel = shown("studio.df[['prompt', 'seed', 'temperature', 'topP', 'cost']]")
    page = book.page
    page.screenshot(path=screenshots / "empty.png")
    panel.get_by_label("prompt", exact=True).fill("A paper lantern shop at night, the sign reads “OPEN LATE”")
    for t in (0.2, 0.72):
        type_number(panel, "temperature", t)
        panel.get_by_label("seed", exact=True).fill("7")
        panel.get_by_label("aspectRatio").select_option("3:2")
        expect(generate(panel)).to_have_text("Generate · $0.06895")
        page.wait_for_timeout(600)
        generate(panel).click()
        expect(panel.get_by_text("temperature %s" % t).first).to_be_visible()
    page.set_viewport_size({"width": 1200, "height": 1060})
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(600)
    page.screenshot(path=screenshots / "light.png")
    book.theme("JupyterLab Dark")
    page.screenshot(path=screenshots / "dark.png")
    book.theme("JupyterLab Light")
    page.set_viewport_size({"width": 860, "height": 1060})
    page.wait_for_timeout(600)
    page.screenshot(path=screenshots / "narrow.png")
    page.set_viewport_size({"width": 1200, "height": 1400})
    panel.get_by_role("button", name="Output").click()
    panel.get_by_role("button", name="Delivery").click()
    panel.get_by_role("button", name="referenceImages").click()
    panel.get_by_label("seed", exact=True).fill("-3x")
    panel.get_by_label("ttl", exact=True).fill("4")
    panel.get_by_role("button", name="Show code").click()
    page.wait_for_timeout(600)
    page.screenshot(path=screenshots / "open.png")
    page.set_viewport_size({"width": 1200, "height": 1000})
    saved = book.save()
    import json
    (screenshots / "saved.json").write_text(json.dumps(saved, indent=1))
