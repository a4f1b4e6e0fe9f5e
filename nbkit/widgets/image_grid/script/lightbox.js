// Pictures in full size over the whole page: one, or up to four side by side.
//
// The scale is in device pixels for each pixel of the original: at 100 % the screen shows its very pixels. It is null
// while each picture fits its room. All panes have the same scale, and the same point of their pictures in the middle.
//
// Before an audience it fills the screen: pictures, two arrows, and large type; the settings are hidden until S. Where the
// browser does not allow a full screen, it fills the window, as it does anyway.

const SIDE = 4; // pictures side by side at most
const LARGEST = 8; // times its own pixels a picture is shown
const STEP = 1.5; // of a key
const WHEEL = 0.002; // for each pixel that the wheel scrolls
const MIDDLE = [0.5, 0.5];

class Lightbox {
  constructor(view) {
    this.view = view;
    this.store = view.store;
    this.pictures = []; // {id, place}; no id before its row has come, no place just after a new showing
    this.actions = this.store.model.get("actions").map(([id, label, tooltip, closes]) => ({ id, label, tooltip, closes }));
    this.previous = makeButton("Previous picture (←)", "←", () => this.move(-1));
    this.next = makeButton("Next picture (→)", "→", () => this.move(1));
    this.fit = makeButton("Fit the picture to the window (z)", "Fit", () => this.zoom(null));
    this.full = makeButton("Each pixel of the picture on one of the screen (z)", "100 %", () => this.zoom(1));
    this.shown = make("span", { class: "nbkit-lightbox-scale", title: "the present size" });
    this.close = makeButton("Close (Esc)", "✕", () => (this.staged ? this.leaveStage() : this.dialog.close()));
    this.stage = makeButton("Full screen, for an audience (f)", "Full screen", () => this.takeStage());
    this.settings = makeButton("Settings (s)", "S", () => this.showSettings(!this.settingsShown));
    this.where = make("span", { class: "nbkit-lightbox-where", role: "status" });
    this.notice = make("span", { class: "nbkit-lightbox-notice", role: "alert" });
    this.deeds = make("span", { class: "nbkit-lightbox-actions" });
    this.panes = make("div", { class: "nbkit-lightbox-panes" });
    const keys = makeButton("Keys (?)", "?", () => view.keys.show());
    const bar = make("div", { class: "nbkit-lightbox-bar" },
      this.previous, this.next, this.where, this.fit, this.full, this.shown, this.notice, this.deeds, this.settings, this.stage, keys, this.close);
    this.body = make("div", { class: "nbkit-lightbox-body" }, bar, this.panes); // a dialog itself cannot fill the screen
    this.dialog = make("dialog", { class: "nbkit-lightbox" }, this.body);
    this.body.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement) this.leaveStage(); }); // Escape, heard by the browser alone
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("close", () => this.leave());
    this.dialog.addEventListener("dblclick", (event) => event.stopPropagation());
    this.watch = new ResizeObserver(() => this.arrange());
    this.watch.observe(this.panes);
  }

  open(at) {
    this.pictures = at.slice(0, SIDE).map((place) => ({ id: this.store.rows.get(place), place }));
    this.scale = null;
    this.centre = MIDDLE;
    this.panes.replaceChildren();
    if (!this.dialog.open) this.dialog.showModal();
    this.close.focus();
    this.paint();
    this.view.say();
  }

  leave() { // back to the tile of the picture that was shown last
    this.leaveStage();
    this.pictures = [];
    this.panes.replaceChildren();
    this.store.dropOriginals();
    this.view.list.focus();
    this.view.reveal(this.store.active);
  }

  // before an audience

  get staged() { return this.dialog.classList.contains("nbkit-lightbox-staged"); }

  get settingsShown() { return this.dialog.classList.contains("nbkit-lightbox-told-all"); }

  takeStage() {
    this.dialog.classList.add("nbkit-lightbox-staged");
    this.showSettings(false);
    this.scale = null;
    this.close.focus();
    this.arrange();
    this.body.requestFullscreen?.().catch(() => {}); // not allowed here: it fills the window
  }

  leaveStage() {
    if (!this.staged) return;
    this.dialog.classList.remove("nbkit-lightbox-staged", "nbkit-lightbox-told-all");
    if (document.fullscreenElement === this.body) document.exitFullscreen().catch(() => {});
    this.arrange();
  }

  showSettings(shown) {
    this.dialog.classList.toggle("nbkit-lightbox-told-all", shown);
    this.settings.setAttribute("aria-pressed", shown);
    this.arrange();
  }

  say(text) { write(this.notice, this.dialog.open ? text : ""); }

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

  // other pictures

  move(by) { // to a neighbour, past those that are still coming
    let to = this.view.beside(this.pictures[0]?.place, by);
    while (isComing(this.store.fact(to))) to = this.view.beside(to, by);
    this.go(to);
  }

  go(to) {
    if (this.pictures.length !== 1 || !this.placed || !(to >= 0 && to < this.store.total) || to === this.pictures[0].place) return;
    if (isComing(this.store.fact(to))) return;
    this.scale = null;
    this.centre = MIDDLE;
    this.store.anchor = to;
    this.store.select([[to, to + 1]], to);
    this.keep([{ id: this.store.rows.get(to), place: to }]);
    this.paint();
  }

  target(key) { // where a key leads from the one picture that is open
    const { view } = this, place = this.pictures[0]?.place;
    if (this.pictures.length !== 1 || !this.placed) return undefined;
    if (key === "Home" || key === "End") return view.edge(key === "Home" ? -1 : 1);
    if (key === "PageUp" || key === "PageDown") return view.flipped?.(key === "PageUp" ? -1 : 1, place);
    const by = { ArrowUp: -1, ArrowDown: 1 }[key];
    return by && (view.columns ? view.below(by, place) : place + by);
  }

  // what is shown

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
    const among = this.view.where(place);
    this.previous.hidden = this.next.hidden = several || !among;
    for (const [button, end] of [[this.previous, this.view.edge(-1)], [this.next, this.view.edge(1)]]) {
      if (place === end && button.matches(":focus")) this.close.focus(); // a disabled button hears no keys
      button.disabled = place === end;
    }
    const which = several ? `${pictures.length} pictures side by side` : among;
    write(this.where, which);
    this.dialog.setAttribute("aria-label", several ? which : `${`Picture ${which}`.trim()}: ${store.facts.get(id)?.alt ?? ""}`);
    this.offer(this.deeds, several ? undefined : id);
  }

  offer(place, id, whose = "") { // the owner's actions, for one picture
    const possible = this.store.facts.get(id)?.name ? id : undefined;
    if (place.of === possible) return; // a button that has the focus keeps it
    place.of = possible;
    const held = [...place.children].indexOf(document.activeElement);
    place.replaceChildren(...(possible === undefined ? [] : this.actions.map((action) => {
      const button = makeButton(`${action.label}${whose}`, action.label, () => this.act(action, possible));
      if (action.tooltip) button.title = action.tooltip;
      return button;
    })));
    if (held >= 0) (place.children[held] ?? this.close).focus();
  }

  act(action, id) {
    if (!this.store.send({ type: "action", action: action.id, id })) this.view.refuse();
    else if (action.closes) this.dialog.close();
  }

  pane() {
    const room = make("div", { class: "nbkit-lightbox-room" }, make("img", { draggable: "false", alt: "" }));
    const part = (name, tag = "div", more = {}) => make(tag, { class: `nbkit-lightbox-${name}`, ...more });
    const pane = make("figure", { class: "nbkit-lightbox-pane" }, room, make("figcaption", {},
      part("prompt"), part("told"), part("actions", "span"), part("details", "ul", { "aria-label": "Details" }), part("fault", "div", { role: "alert" })));
    const image = room.firstChild;
    image.addEventListener("error", () => { // an original that the browser cannot draw is told as one, and not shown as a broken sign
      const original = this.store.originals.get(pane.shown);
      if (!original?.url || image.src !== original.url) return;
      URL.revokeObjectURL(original.url);
      this.store.originals.set(pane.shown, { broken: "its file is damaged" });
      this.paint();
    });
    this.listen(pane, room);
    return pane;
  }

  fill(pane, id) {
    const { store } = this;
    const fact = store.facts.get(id);
    const room = pane.firstChild, image = room.querySelector("img");
    const original = store.originals.get(id);
    const problem = original?.broken ?? (fact && !fact.name ? fact.missing || fact.status || "no picture" : "");
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
    this.tell(pane, fact, original);
    const several = this.pictures.length > 1, place = [...this.panes.children].indexOf(pane) + 1;
    this.offer(pane.querySelector(".nbkit-lightbox-actions"), several ? id : undefined, `: picture ${place}`);
    const { lines = [], problem: fault = "" } = store.details.get(id) ?? {};
    const list = pane.querySelector(".nbkit-lightbox-details");
    if (list.textContent !== lines.join("")) list.replaceChildren(...lines.map((line) => make("li", {}, line)));
    write(pane.querySelector(".nbkit-lightbox-fault"), fault);
  }

  tell(pane, fact, original) {
    const told = pane.querySelector(".nbkit-lightbox-told"), said = fact ? onceEach(fact) : [];
    if (original?.preview) said.push("preview");
    const is = [...said, original?.url, fact?.name].join("\n");
    if (told.dataset.is === is) return; // a link that has the focus keeps it
    told.dataset.is = is;
    told.replaceChildren(said.join(" · ") || "loading…");
    if (original?.url) told.append(" · ", ...this.saving(pane.shown, fact, original));
  }

  saving(id, fact, original) { // what the link saves is on the page already; with its settings, the kernel makes it
    const { store } = this;
    const link = make("a", { href: original.url, download: fact?.name ?? "picture" }, original.preview ? "Save preview" : "Save");
    if (original.preview || !store.model.get("remembers")) return [link];
    const box = make("input", { type: "checkbox" });
    box.checked = store.includes;
    box.addEventListener("change", () => { store.includes = box.checked; });
    box.addEventListener("keydown", (event) => event.key === " " && event.stopPropagation());
    link.addEventListener("click", (event) => {
      if (box.checked && store.send({ type: "save", ids: [id] })) event.preventDefault();
    });
    return [link, make("label", { class: "nbkit-lightbox-include" }, box, "Include settings")];
  }

  // its size

  get dots() { return window.devicePixelRatio || 1; }

  fitted(pane) { // the scale at which a picture fits; small ones are enlarged before an audience only
    const { clientWidth: across, clientHeight: down } = pane.firstChild;
    return Math.min(across / pane.wide, down / pane.high, this.staged ? LARGEST : 1) * this.dots;
  }

  zoom(scale, centre = this.centre) {
    const fitted = Math.min(...[...this.panes.children].map((pane) => this.fitted(pane)));
    this.scale = scale === null || (scale !== 1 && scale <= fitted) ? null : Math.min(scale, LARGEST);
    this.centre = centre;
    this.arrange();
  }

  step(factor) { // by a key; none passes 100 %
    const scale = this.scale ?? this.fitted(this.panes.firstChild), to = scale * factor;
    this.zoom((scale - 1) * (to - 1) < -1e-9 ? 1 : to);
  }

  turn(event, pane) { // the wheel: the point under the cursor stays there
    const factor = Math.exp(-event.deltaY * (event.deltaMode ? 20 : 1) * (event.ctrlKey ? 5 : 1) * WHEEL);
    const scale = Math.min((this.scale ?? this.fitted(pane)) * factor, LARGEST);
    const at = spot(pane, event), box = pane.firstChild.getBoundingClientRect();
    const off = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
    this.zoom(scale, at.map((part, axis) => part - (off[axis] * this.dots) / (scale * [pane.wide, pane.high][axis])));
  }

  inside(centre) { // a point that some picture can have in the middle of its room: dragging further would change nothing
    const edges = [...this.panes.children].map((pane) => {
      const scale = (this.scale ?? this.fitted(pane)) / this.dots, { clientWidth, clientHeight } = pane.firstChild;
      return [clientWidth / 2 / (pane.wide * scale), clientHeight / 2 / (pane.high * scale)];
    });
    return centre.map((part, axis) => {
      const edge = Math.min(0.5, ...edges.map((edge) => edge[axis]));
      return Math.min(Math.max(part, edge), 1 - edge);
    });
  }

  toggle(centre) { this.zoom(this.scale === null ? 1 : null, centre); }

  arrange() { // every picture at the same scale, and around the same point
    if (!this.dialog.open || !this.panes.firstChild) return;
    this.centre = this.inside(this.centre);
    for (const pane of this.panes.children) {
      const room = pane.firstChild, image = room.querySelector("img");
      const { clientWidth: across, clientHeight: down } = room;
      const scale = (this.scale ?? this.fitted(pane)) / this.dots;
      const width = pane.wide * scale, height = pane.high * scale;
      pane.scaled = [shift(across, width, this.centre[0]), shift(down, height, this.centre[1]), width, height];
      const [left, top] = pane.scaled;
      image.style.cssText = `left:${left}px;top:${top}px;width:${width}px;height:${height}px`;
      image.classList.toggle("nbkit-lightbox-pixels", scale * this.dots >= 2);
      for (const name of ["prompt", "details"]) reachable(pane.querySelector(`.nbkit-lightbox-${name}`));
    }
    this.panes.dataset.full = this.scale !== null;
    this.fit.setAttribute("aria-pressed", this.scale === null);
    this.full.setAttribute("aria-pressed", this.scale === 1);
    const sizes = [...this.panes.children].map((pane) => `${Math.round((this.scale ?? this.fitted(pane)) * 100)} %`);
    this.shown.textContent = [...new Set(sizes)].join(", ");
  }

  // mouse and keyboard

  listen(pane, room) {
    let from = null;
    room.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = { x: event.clientX, y: event.clientY, centre: this.centre };
      room.setPointerCapture(event.pointerId);
    });
    room.addEventListener("pointermove", (event) => {
      if (!from || this.scale === null) return;
      const [, , width, height] = pane.scaled;
      this.zoom(this.scale, [from.centre[0] - (event.clientX - from.x) / width, from.centre[1] - (event.clientY - from.y) / height]);
    });
    for (const end of ["pointerup", "pointercancel"]) room.addEventListener(end, () => { from = null; });
    room.addEventListener("dblclick", (event) => this.toggle(spot(pane, event)));
    room.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.turn(event, pane);
    }, { passive: false });
  }

  key(event) {
    if (event.key === "Escape") this.close.click(); // leaves the full screen first
    else if (event.ctrlKey || event.metaKey || !this.look(event)) {
      const marked = this.known && this.view.mark(event, this.pictures.map(({ place }) => [place, place + 1]));
      if (!marked) return event.stopPropagation();
      if (this.pictures.length === 1 && this.view.advances?.(markOf(event), event)) this.move(1);
    }
    event.preventDefault();
    event.stopPropagation();
  }

  look(event) { // a key that is for the view of the pictures; tells whether it was one
    const { key } = event;
    const pan = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    if (pan && event.shiftKey) this.zoom(this.scale, [this.centre[0] + pan[0] / 10, this.centre[1] + pan[1] / 10]);
    else if (pan?.[0]) this.move(pan[0]);
    else if (pan || ["Home", "End", "PageUp", "PageDown"].includes(key)) this.go(this.target(key));
    else if (key === "+" || key === "=") this.step(STEP);
    else if (key === "-") this.step(1 / STEP);
    else if (key === "z" && !event.altKey) this.toggle(this.centre);
    else if (key === "0" && !this.store.model.get("marking")) this.zoom(null);
    else if (key === "f" && !this.staged) this.takeStage();
    else if (key === "f") this.leaveStage();
    else if (key === "s" && this.staged) this.showSettings(!this.settingsShown);
    else if (key === "?" && !this.staged) this.view.keys.show();
    else return false;
    return true;
  }
}

/* The facts of a picture, each once: its size and its marks are often in its caption too. */
function onceEach(fact) {
  const size = fact.width ? `${fact.width} × ${fact.height}` : "";
  const own = (fact.caption ?? []).map((text) => text.replace(/^(\d+) ?[x×] ?(\d+)$/, "$1 × $2"));
  const marked = [fact.rating && "rating", fact.keep !== undefined && "keep", fact.tags && "tags", fact.note && "note"].filter(Boolean);
  const left = own.filter((text) => !marked.includes(text.split(" ")[0]));
  const found = new Map();
  for (const text of [fact.badge ?? "", signs({ ...fact, badge: "" }).replace("✎", ""), ...left, size, fact.note ? `✎ ${fact.note}` : ""].filter((text) => text.trim())) {
    const key = text.replace(/-?\d+(\.\d+)?/g, (digits) => String(Number(digits))); // 0 and 0.0 are the same number
    if (!found.has(key)) found.set(key, text.trim());
  }
  return [...found.values()];
}

const shift = (room, picture, centre) =>
  picture <= room ? (room - picture) / 2 : Math.min(Math.max(room / 2 - centre * picture, room - picture), 0);

function spot(pane, event) { // which point of the picture is under the cursor, from 0 to 1
  const [left, top, width, height] = pane.scaled;
  const box = pane.firstChild.getBoundingClientRect();
  return [(event.clientX - box.left - left) / width, (event.clientY - box.top - top) / height];
}

function reachable(element) { // what is longer than its place is scrolled by keyboard, too
  if (element.scrollHeight > element.clientHeight + 1) element.tabIndex = 0;
  else element.removeAttribute("tabindex");
}
