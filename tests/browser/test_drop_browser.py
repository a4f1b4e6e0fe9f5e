"""A picture that is dropped on a panel: its settings, or a reference image, as what is marked says."""

import base64

from page_checks import DROP
from panel_page import control, prompt, status
from playwright.sync_api import expect
from small_pictures import encode

import nbkit
from nbkit.measures.facts import examine
from nbkit.metadata.embedding import with_settings
from nbkit.results.image import settings_of

REFERENCES = "References (referenceImages)"


def remembering(request):
    """A small picture that carries a request, as ``DROP`` takes it."""
    data = encode("PNG")
    image = nbkit.GeneratedImage(facts=examine(data), data=data, request=request)
    return ["lantern.png", base64.b64encode(with_settings(data, settings_of(image)).data).decode()]


def test_a_dropped_picture_brings_its_settings_back_or_becomes_a_reference(show_next_panel):
    """While it is dragged, the panel says what a drop there does; undo takes the settings back."""
    book, panel = show_next_panel("len(panel.request.reference_images or ())")
    prompt(panel).fill("A boat")
    file = remembering(nbkit.ImageRequest("A paper lantern", temperature=0.4, seed=5))
    root = panel.locator(".nbkit-panel")
    invitation = panel.get_by_text("Drop to use its settings")
    zone = panel.get_by_role("group", name=f"{REFERENCES}: drop or paste pictures here")
    expect(invitation).to_be_hidden()
    before = zone.bounding_box()
    root.evaluate(DROP, ["over", [file], ""])
    expect(invitation).to_be_visible()
    zone.evaluate(DROP, ["over", [file], ""])
    assert zone.bounding_box() == before  # what somebody aims at does not move
    expect(panel.get_by_text("Drop to use as reference")).to_be_visible()
    expect(invitation).to_be_hidden()
    zone.evaluate(DROP, ["drop", [file], ""])
    expect(panel.get_by_role("button", name=f"{REFERENCES}: remove number 1, lantern.png")).to_be_visible()
    expect(prompt(panel)).to_have_value("A boat")
    root.evaluate(DROP, ["drop", [file], ""])
    expect(status(panel)).to_contain_text("Settings of lantern.png.")
    expect(prompt(panel)).to_have_value("A paper lantern")
    expect(control(panel, "Seed (seed)")).to_have_value("5")
    expect(invitation).to_be_hidden()
    status(panel).get_by_role("button", name="Undo").click()
    expect(prompt(panel)).to_have_value("A boat")
    root.evaluate(DROP, ["drop", [["plain.png", base64.b64encode(encode("PNG")).decode()]], ""])
    expect(panel.get_by_role("alert").filter(has_text="plain.png")).to_contain_text("has no settings in it")
    assert book.run_and_read(2).endswith("1")
    assert book.page.script_errors == []
