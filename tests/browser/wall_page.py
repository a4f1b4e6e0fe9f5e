"""A wall of pictures as a person finds it on a page: its tiles by their place, and what a further cell says.

:class:`BareWall` is one on a page with no notebook around it, whose kernel is the test.
"""

import io

from PIL import Image

from nbkit.widgets.wall.wall import HERE, SCRIPT

MODEL = """async ([code, style, state, shown]) => {
    const handlers = {}, values = state;
    const fire = (event, ...given) => (handlers[event] ?? []).forEach((handler) => handler(...given));
    const model = {
        get: (name) => values[name],
        on: (event, handler) => (handlers[event] ??= []).push(handler),
        off: (event, handler) => { handlers[event] = (handlers[event] ?? []).filter((other) => other !== handler); },
        send: (content) => window.sent.push(content),
    };
    window.sent = [];
    window.hear = (content, buffers) => fire("msg:custom", content, buffers.map((bytes) => Uint8Array.from(bytes)));
    window.update = (changes) => { Object.assign(values, changes); Object.keys(changes).forEach((name) => fire(`change:${name}`)); };
    document.head.append(Object.assign(document.createElement("style"), { textContent: style }));
    const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const widget = (await import(address)).default();
    const el = document.body.appendChild(document.createElement("div"));
    widget.initialize({ model });
    if (shown) window.update(shown);
    window.closeView = widget.render({ model, el });
    return null; }"""


def tile(output, place):
    return output.locator(f'[role=option][aria-posinset="{place}"]')


def selected(output):
    return output.locator('[role=option][aria-selected="true"]')


def said(book, index):
    """What a cell says that is run now."""
    book.run(index)
    return book.output(index).locator(".jp-OutputArea-output").inner_text().strip()


def fact(number):
    """What a kernel tells of a picture."""
    told = {"alt": f"picture {number}", "caption": [f"seed {number}"], "name": f"seed-{number}.jpg"}
    return {"id": number, "width": 64, "height": 48, "media": "image/jpeg", **told}


def jpeg():
    """The bytes of a small picture."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(out, "JPEG")
    return list(out.getvalue())


class BareWall:
    """A wall on an otherwise empty page.

    Args:
        page: the page.
        total: how many pictures are on the wall.
        new: whether it has just been made, and is filled before it is drawn; else the page is loaded again.
    """

    def __init__(self, page, total=6, *, new=False):
        self.page, self.version = page, 1
        state = {
            "label": "pictures",
            "tall": "400px",
            "tallest": 1,
            "size": 120,
            "groups": [],
            "message": "",
            "problem": "",
        }
        shown = {"total": total, "version": 1, "chosen": self._chosen(-1)}
        state |= {**shown, "multiple": True, "marking": True} | ({"total": 0, "version": 0} if new else {})
        code, style = SCRIPT, (HERE / "wall.css").read_text("utf-8")
        page.evaluate(MODEL, [code, style, state, shown if new else None])
        self.dialog = page.get_by_role("dialog")

    def _chosen(self, active):
        return {
            "version": self.version,
            "ranges": [[active, active + 1]] if active >= 0 else [],
            "active": active,
            "by": "",
        }

    def hear(self, kind, *buffers, **content):
        """A message from the kernel."""
        self.page.evaluate("([content, buffers]) => hear(content, buffers)", [{"type": kind, **content}, buffers])

    def show(self, total, active=-1):
        """Something else is on the wall now; its rows have not been told."""
        self.version += 1
        changes = {"total": total, "version": self.version, "chosen": self._chosen(active)}
        self.page.evaluate("(changes) => update(changes)", changes)

    def tell(self, *numbers):
        """These pictures stand on the wall, from its beginning."""
        self.hear("rows", version=self.version, parts=[[0, [fact(number) for number in numbers]]])

    def sent(self, kind):
        """What the page has sent of one kind since it was asked last."""
        return self.page.evaluate(
            "(kind) => { const those = sent.filter((content) => content.type === kind);"
            " sent = sent.filter((content) => content.type !== kind); return those; }",
            kind,
        )

    def wait_for(self, kind):
        """The next message of that kind from the page."""
        self.page.wait_for_function("(kind) => sent.some((content) => content.type === kind)", arg=kind)
        return self.sent(kind)[0]

    def open(self, place):
        """Open a picture in full size by a double click."""
        tile(self.page, place).dblclick()

    def opened(self):
        """The prompts of the pictures that are open in full size."""
        return self.dialog.locator(".nbkit-wall-prompt")
