"""The page for a user with a keyboard and no mouse: which element has the focus, and whether that is visible."""

LETTERS = "a bold dd xylem zig by my cv lamp"
"""Each of these letters is a shortcut of the notebook, unless it is typed into a text box."""

LOOK = """element => { const s = getComputedStyle(element);
    return [s.outlineStyle === 'none' ? '' : [s.outlineStyle, s.outlineWidth, s.outlineColor].join(' '), s.boxShadow, s.borderColor, s.backgroundColor].join(' / '); }"""


def remember_unfocused_look(panel):
    """Store in the page how every element of the panel looks, while none of them has the focus."""
    panel.evaluate(
        f"panel => {{ window.unfocusedLook = new Map([...panel.querySelectorAll('*')].map(e => [e, ({LOOK})(e)])); }}"
    )


def press(panel, key):
    """Press a key and return the element that has the focus then."""
    panel.page.keyboard.press(key)
    return focused(panel)


def focused(panel):
    """The element with the focus.

    Returns:
        ``inside``: whether it is in the panel; ``label``: its tag, role, name and text, for people; ``position``: among
        all elements of the page; ``box``: left, top, right and bottom on the page; ``visible``: whether it looks
        different from before it had the focus.
    """
    return panel.evaluate(
        f"""panel => {{
            const e = document.activeElement;
            const label = [e.tagName.toLowerCase(), e.getAttribute('role'), e.getAttribute('aria-label'),
                e.labels?.[0]?.textContent, e.tagName === 'BUTTON' && e.textContent].filter(Boolean).join(' ').trim();
            const around = e.closest('.nbkit-choice, .nbkit-ref-choose') ?? e; // what is drawn for an unseen input
            const {{left, top, right, bottom}} = around.getBoundingClientRect();
            const down = panel.getBoundingClientRect().top;
            const changed = around === e ? e : window.unfocusedLook?.has(around) ? around : e;
            return {{inside: panel.contains(e), label, box: [left, top - down, right, bottom - down], position: [...document.querySelectorAll('*')].indexOf(e),
                visible: window.unfocusedLook?.has(changed) ? window.unfocusedLook.get(changed) !== ({LOOK})(changed) : null}}; }}"""
    )


def tab_until(panel, condition, limit=60):
    """Press Tab until the focused element meets a condition; return all that had the focus, that one last.

    Raises:
        AssertionError: if none does within ``limit`` presses; the message lists them.
    """
    path = []
    while len(path) < limit:
        path.append(press(panel, "Tab"))
        if condition(path[-1]):
            return path
    raise AssertionError("not reached: " + labels(path))


def labels(path):
    """The elements that had the focus one after the other, for a message."""
    return " → ".join(element["label"] for element in path)
