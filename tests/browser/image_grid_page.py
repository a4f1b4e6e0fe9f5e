"""A grid of pictures on a page: its tiles by their place.

:class:`BareGrid` is a grid on an empty page without a notebook; the test takes the part of the kernel.
"""

from small_pictures import encode

from nbkit.widgets.image_grid.image_grid import HERE, SCRIPT

MODEL = """async ([code, style, state, shown]) => {
    const handlers = {}, values = state;
    const fire = (event, ...given) => (handlers[event] ?? []).forEach((handler) => handler(...given));
    const model = {
        get: (name) => values[name],
        on: (event, handler) => (handlers[event] ??= []).push(handler),
        off: (event, handler) => { handlers[event] = (handlers[event] ?? []).filter((other) => other !== handler); },
        send: (content) => window.sentMessages.push(content),
    };
    window.sentMessages = [];
    window.receive = (content, buffers) => fire("msg:custom", content, buffers.map((bytes) => Uint8Array.from(bytes)));
    window.restartKernel = () => fire("comm_live_update");
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


def fact(number, **more):
    """What a kernel sends about a picture."""
    texts = {"alt": f"picture {number}", "caption": [f"seed {number}"], "name": f"seed-{number}.jpg"}
    return {"id": number, "width": 64, "height": 48, "media": "image/jpeg", **texts, **more}


def coming(number):
    """What a kernel sends about a picture that is being made."""
    return fact(number, caption=["coming"], status="coming", name="")


def jpeg(size=(64, 48)):
    """The bytes of a picture of one colour, as a list for the page."""
    return list(encode("JPEG", size=size))


class BareGrid:
    """A grid on an otherwise empty page.

    Args:
        page: the page.
        total: number of pictures in the grid.
        new: whether the grid gets its pictures before it is drawn, as after its cell has run; otherwise it has them
            already, as after the page was reloaded.
        **traits: further traits of the widget, such as ``fit=True``.
    """

    def __init__(self, page, total=6, *, new=False, **traits):
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
        defaults = {
            "multiple": True,
            "marking": True,
            "fit": False,
            "columns": 0,
            "shapes": [],
            "actions": [],
            "detailed": False,
            "advances": False,
            "opens": True,
            "empty": "Nothing to show.",
        }
        state |= {**shown, **defaults, **traits} | ({"total": 0, "version": 0} if new else {})
        code, style = SCRIPT, (HERE / "image_grid.css").read_text("utf-8")
        page.evaluate(MODEL, [code, style, state, shown if new else None])
        self.dialog = page.get_by_role("dialog")

    def _chosen(self, active):
        return {
            "version": self.version,
            "ranges": [[active, active + 1]] if active >= 0 else [],
            "active": active,
            "by": "",
        }

    # -- from the kernel -------------------------------------------------------------------------------------

    def receive(self, kind, *buffers, **content):
        """Deliver a message of the kernel to the page."""
        self.page.evaluate("([content, buffers]) => receive(content, buffers)", [{"type": kind, **content}, buffers])

    def receive_rows(self, *facts):
        """Deliver the facts of these pictures, given by their numbers or in full, as the first ones in the grid."""
        rows = [fact(one) if isinstance(one, int) else one for one in facts]
        self.receive("rows", version=self.version, parts=[[0, rows]])

    def show(self, total, active=-1):
        """Show other pictures, whose facts the page does not have yet."""
        self.version += 1
        changes = {"total": total, "version": self.version, "chosen": self._chosen(active)}
        self.page.evaluate("(changes) => update(changes)", changes)

    # -- to the kernel ---------------------------------------------------------------------------------------

    def take_sent(self, kind):
        """The messages of one kind that the page has sent since the last call."""
        return self.page.evaluate(
            "(kind) => { const taken = sentMessages.filter((content) => content.type === kind);"
            " sentMessages = sentMessages.filter((content) => content.type !== kind); return taken; }",
            kind,
        )

    def wait_for(self, kind):
        """Wait for a message of that kind from the page, and return the first one."""
        self.page.wait_for_function("(kind) => sentMessages.some((content) => content.type === kind)", arg=kind)
        return self.take_sent(kind)[0]

    # -- the user ----------------------------------------------------------------------------------------------

    def image_box(self, place):
        """Left, top, width and height of the picture in a tile, as it is drawn."""
        return (
            tile(self.page, place)
            .locator("img, .nbkit-images-blank")
            .evaluate(
                "e => { const { x, y, width, height } = e.getBoundingClientRect(); return [x, y, width, height]; }"
            )
        )

    def open(self, place):
        """Open a picture in full size by a double click."""
        tile(self.page, place).dblclick()

    def opened_prompts(self):
        """The prompts of the pictures that are open in full size."""
        return self.dialog.locator(".nbkit-lightbox-prompt")
