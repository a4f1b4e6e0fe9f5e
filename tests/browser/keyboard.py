"""What a person with a keyboard and no mouse goes by: where the focus is, and whether it can be seen."""

LOOK = """element => { const s = getComputedStyle(element);
    return [s.outlineStyle === 'none' ? '' : [s.outlineStyle, s.outlineWidth, s.outlineColor].join(' '), s.boxShadow, s.borderColor, s.backgroundColor].join(' / '); }"""


def remember_rest(panel):
    """Remember how every element of the panel looks, now that none of them has the focus."""
    panel.evaluate(
        f"panel => {{ window.atRest = new Map([...panel.querySelectorAll('*')].map(e => [e, ({LOOK})(e)])); }}"
    )


def press(panel, key):
    """Press a key and give the stop at which the focus is then."""
    panel.page.keyboard.press(key)
    return stop(panel)


def stop(panel):
    """The element with the focus.

    Returns:
        ``inside``: whether it is in the panel; ``what``: its tag, role, text and title, for people; ``number``: its
        place in the page; ``seen``: whether it looks other than it did at rest.
    """
    return panel.evaluate(
        f"""panel => {{
            const e = document.activeElement;
            const what = [e.tagName.toLowerCase(), e.getAttribute('role'), e.getAttribute('aria-label'),
                e.labels?.[0]?.textContent, e.tagName === 'BUTTON' && e.textContent].filter(Boolean).join(' ').trim();
            return {{inside: panel.contains(e), what, number: [...document.querySelectorAll('*')].indexOf(e),
                seen: window.atRest?.has(e) ? window.atRest.get(e) !== ({LOOK})(e) : null}}; }}"""
    )


def tab_until(panel, found, limit=60):
    """Press Tab until ``found(stop)``, and give all stops on the way, that one last.

    Raises:
        AssertionError: if it is not met within ``limit`` presses; the message tells the way.
    """
    stops = []
    while len(stops) < limit:
        stops.append(press(panel, "Tab"))
        if found(stops[-1]):
            return stops
    raise AssertionError("not met: " + " → ".join(at["what"] for at in stops))
