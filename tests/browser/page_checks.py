"""What tests ask about a page, and drop on it: what is too wide, how dark it is, which addresses are revoked."""

import re

DROP = """(element, [kind, files, text]) => {
    const data = new DataTransfer();
    for (const [name, content] of files)
        data.items.add(new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], name, {type: "image/png"}));
    if (text) data.setData("text/plain", text);
    const how = {bubbles: true, cancelable: true};
    for (const type of kind === "paste" ? ["paste"] : kind === "over" ? ["dragover"] : ["dragover", "drop"])
        element.dispatchEvent(kind === "paste" ? new ClipboardEvent(type, {...how, clipboardData: data})
                                               : new DragEvent(type, {...how, dataTransfer: data})); }"""
"""Drops, pastes or drags files, each with its bytes in base64, or a text, as ``[kind, [[name, content], …], text]``."""


def overflowing(element, *, scrolled=":not(*)"):
    """The classes of the descendants that extend beyond the right edge of an element.

    Args:
        element: a locator.
        scrolled: a selector of the parts that have scroll bars of their own; their content may be wider.
    """
    return element.evaluate(
        """(element, scrolled) => [...element.querySelectorAll('*')].filter(inner =>
            inner.getBoundingClientRect().right > element.getBoundingClientRect().right + 1 && !inner.closest(scrolled)
        ).map(inner => inner.className)""",
        scrolled,
    )


def brightest_channel(element):
    """The largest of red, green and blue in the background colour of an element, 0 to 255."""
    background = element.evaluate("element => getComputedStyle(element).backgroundColor")
    return max(int(part) for part in re.findall(r"\d+", background)[:3])


def is_revoked(page, address):
    """Whether an object URL of the page no longer leads to a picture."""
    return page.evaluate("address => fetch(address).then(() => false, () => true)", address)


SMALLEST_TEXT = """e => {
    const sizes = [], walker = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const { textContent, parentElement } = walker.currentNode;
        if (textContent.trim() && !parentElement.closest("style") && parentElement.checkVisibility()) {
            sizes.push(parseFloat(getComputedStyle(parentElement).fontSize));
        }
    }
    return Math.min(...sizes); }"""


def smallest_text(element):
    """The smallest computed font size, in CSS pixels, of the texts that are visible in an element."""
    return element.evaluate(SMALLEST_TEXT)
