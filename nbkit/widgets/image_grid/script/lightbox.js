// The pictures in full size: one, or up to four side by side.

class Lightbox {
  constructor(view) {
    this.view = view;
    this.store = view.store;
    this.pictures = []; // {id, place}; no id before its row has come, no place just after a new showing
    const button = (name, text, press) => {
      const element = make("button", { type: "button", "aria-label": name, title: name }, text);
      element.addEventListener("click", press);
      return element;
    };
    this.previous = button("Previous picture", "←", () => this.step(-1));
    this.next = button("Next picture", "→", () => this.step(1));
    this.zoom = button("100 % (+)", "100 %", () => this.scale(!this.full));
    this.close = button("Close (Esc)", "✕", () => this.dialog.close());
    this.where = make("span", { class: "nbkit-lightbox-where", role: "status" });
    this.panes = make("div", { class: "nbkit-lightbox-panes" });
    const bar = make("div", { class: "nbkit-lightbox-bar" }, this.previous, this.next, this.zoom, this.where, this.close);
    this.dialog = make("dialog", { class: "nbkit-lightbox" }, bar, this.panes);
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("close", () => this.leave());
    this.dialog.addEventListener("dblclick", (event) => event.stopPropagation());
    this.watch = new ResizeObserver(() => this.arrange());
    this.watch.observe(this.panes);
  }

  open(at) {
    this.pictures = at.slice(0, 4).map((place) => ({ id: this.store.rows.get(place), place }));
    this.full = false;
    this.centre = [0.5, 0.5];
    this.panes.replaceChildren();
    if (!this.dialog.open) this.dialog.showModal();
    this.close.focus();
    this.paint();
  }

  leave() {
    this.pictures = [];
    this.panes.replaceChildren();
    this.store.dropOriginals();
    this.view.list.focus();
    this.view.reveal(this.store.active);
  }

  ids() { return this.pictures.map(({ id }) => id).filter((id) => id !== undefined); }

  get placed() { return this.pictures.every(({ place }) => place >= 0); }

  get known() { return this.placed && this.ids().length === this.pictures.length; }

  renew() { // the same pictures stand elsewhere now, or nowhere; until the kernel has said where, no key is for them
    if (!this.dialog.open) return;
    this.keep(this.ids().map((id) => ({ id, place: -1 })));
    if (!this.pictures.length) return;
    this.store.send({ type: "find", ids: this.ids() });
    this.store.expect();
  }

  found({ version, at }) {
    const places = new Map(at);
    if (!this.dialog.open || version !== this.store.version || !this.pictures.every(({ id }) => places.has(id))) return;
    this.keep(this.pictures.map(({ id }) => ({ id, place: places.get(id) })).filter(({ place }) => place >= 0));
    this.paint();
  }

  keep(pictures) {
    this.pictures = pictures;
    if (!pictures.length) this.dialog.close();
    this.store.dropOriginals();
  }

  step(by) {
    const to = this.pictures[0]?.place + by;
    if (this.pictures.length !== 1 || !this.placed || to < 0 || to >= this.store.total) return;
    this.centre = [0.5, 0.5];
    this.store.anchor = to;
    this.store.select([[to, to + 1]], to);
    this.keep([{ id: this.store.rows.get(to), place: to }]);
    this.paint();
  }

  scale(full, centre = this.centre) {
    this.full = full;
    this.centre = centre;
    this.arrange();
  }

  paint() {
    if (!this.dialog.open) return;
    const { store, pictures } = this;
    for (const picture of pictures) picture.id ??= store.rows.get(picture.place);
    if (this.placed) store.askRows(pictures.map(({ place }) => [place, place + 1]));
    store.askOriginals(this.ids());
    while (this.panes.children.length > pictures.length) this.panes.lastChild.remove();
    while (this.panes.children.length < pictures.length) this.panes.append(this.pane());
    pictures.forEach(({ id }, i) => this.fill(this.panes.children[i], id));
    if (this.placed) this.tellWhere();
    this.arrange();
  }

  tellWhere() {
    const { store, pictures } = this;
    const [{ id, place }] = pictures;
    const several = pictures.length > 1;
    this.previous.hidden = this.next.hidden = several;
    for (const [button, end] of [[this.previous, 0], [this.next, store.total - 1]]) {
      if (place === end && button.matches(":focus")) this.close.focus(); // a disabled button hears no keys
      button.disabled = place === end;
    }
    write(this.where, several ? `${pictures.length} pictures side by side` : `${number(place + 1)} of ${number(store.total)}`);
    this.dialog.setAttribute("aria-label", several ? this.where.textContent : `Picture ${this.where.textContent}: ${store.facts.get(id)?.alt ?? ""}`);
  }

  pane() {
    const room = make("div", { class: "nbkit-lightbox-room" }, make("img", { draggable: "false", alt: "" }));
    const pane = make("figure", { class: "nbkit-lightbox-pane" }, room,
      make("figcaption", {}, make("div", { class: "nbkit-lightbox-prompt" }), make("div", { class: "nbkit-lightbox-told" })));
    const image = room.firstChild;
    image.addEventListener("error", () => { // an original that the browser cannot draw is told as one, and not shown as a broken sign
      const original = this.store.originals.get(pane.shown);
      if (!original?.url || image.src !== original.url) return;
      URL.revokeObjectURL(original.url);
      this.store.originals.set(pane.shown, { broken: "its file is damaged" });
      this.paint();
    });
    let from = null;
    room.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = { x: event.clientX, y: event.clientY, centre: this.centre, moved: false };
      room.setPointerCapture(event.pointerId);
    });
    room.addEventListener("pointermove", (event) => {
      if (!from) return;
      const x = event.clientX - from.x, y = event.clientY - from.y;
      from.moved ||= Math.hypot(x, y) > 4;
      if (from.moved && this.full) this.scale(true, [from.centre[0] - x / pane.wide, from.centre[1] - y / pane.high]);
    });
    room.addEventListener("pointerup", (event) => {
      if (from && !from.moved) this.scale(!this.full, spot(pane, event));
      from = null;
    });
    room.addEventListener("pointercancel", () => { from = null; });
    return pane;
  }

  fill(pane, id) {
    const { store } = this;
    const fact = store.facts.get(id);
    const room = pane.firstChild, image = room.querySelector("img");
    const original = store.originals.get(id);
    const problem = original?.broken ?? (fact && !fact.name ? fact.missing || "no picture" : "");
    pane.shown = id;
    pane.wide = fact?.width || 1024;
    pane.high = fact?.height || 1024;
    image.hidden = !!problem;
    room.dataset.problem = problem;
    const url = original?.url ?? store.previews.get(id)?.url ?? "";
    if (url && image.src !== url) image.src = url;
    if (!url) image.removeAttribute("src");
    image.classList.toggle("nbkit-lightbox-rough", !original?.url);
    image.alt = fact?.alt ?? "";
    write(pane.querySelector(".nbkit-lightbox-prompt"), store.whole.get(id) ?? fact?.alt ?? "");
    const said = fact ? [signs(fact), ...(fact.caption ?? []), fact.width ? `${fact.width} × ${fact.height}` : "", fact.note ?? ""] : [];
    const told = pane.querySelector(".nbkit-lightbox-told");
    const is = [...said, original?.url, fact?.name].join("\n");
    if (told.dataset.is === is) return; // a link that has the focus keeps it
    told.dataset.is = is;
    told.replaceChildren(said.filter(Boolean).join(" · ") || "loading…");
    if (original?.url) told.append(" · ", make("a", { href: original.url, download: fact?.name ?? "picture" }, "Save"));
  }

  arrange() { // every picture at the same scale, and around the same place
    if (!this.dialog.open) return;
    this.zoom.textContent = this.full ? "Fit" : "100 %";
    this.zoom.setAttribute("aria-label", this.full ? "Fit to the window (-)" : "100 % (+)");
    this.zoom.title = this.zoom.getAttribute("aria-label");
    this.panes.dataset.full = this.full;
    this.centre = this.centre.map((part) => Math.min(Math.max(part, 0), 1));
    for (const pane of this.panes.children) {
      const room = pane.firstChild, image = room.querySelector("img");
      const { clientWidth: across, clientHeight: down } = room;
      const scale = this.full ? 1 : Math.min(across / pane.wide, down / pane.high, 1);
      const width = pane.wide * scale, height = pane.high * scale;
      pane.scaled = [shift(across, width, this.centre[0]), shift(down, height, this.centre[1]), width, height];
      const [left, top] = pane.scaled;
      image.style.cssText = `left:${left}px;top:${top}px;width:${width}px;height:${height}px`;
    }
  }

  key(event) {
    const pan = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "Escape") this.dialog.close();
    else if (pan && event.shiftKey && this.full) this.scale(true, [this.centre[0] + pan[0] / 10, this.centre[1] + pan[1] / 10]);
    else if (pan && !event.shiftKey && !command) this.step(pan[0] || pan[1]);
    else if ((event.key === "+" || event.key === "=") && !command) this.scale(true);
    else if (event.key === "-" && !command) this.scale(false);
    else if (!this.known || !this.view.mark(event, this.pictures.map(({ place }) => [place, place + 1]))) return event.stopPropagation();
    event.preventDefault();
    event.stopPropagation();
  }
}

const shift = (room, picture, centre) =>
  picture <= room ? (room - picture) / 2 : Math.min(Math.max(room / 2 - centre * picture, room - picture), 0);

function spot(pane, event) { // which part of the picture was clicked, from 0 to 1
  const [left, top, width, height] = pane.scaled;
  const box = pane.firstChild.getBoundingClientRect();
  return [(event.clientX - box.left - left) / width, (event.clientY - box.top - top) / height];
}
