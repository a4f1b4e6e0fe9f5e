// A wall of pictures: only the tiles near the view are in the page, and their pictures are asked for.
// What goes to and fro is told in wall.py. One Store for each model, shared by its views; one View for each cell.

const GAP = 8; // pixels between tiles
const TEXT = 56; // pixels under a picture: its signs, and two lines of facts
const HEADING = 30;
const EVERY = 60; // milliseconds between two questions while somebody scrolls
const BATCH = 50; // previews in one question
const FEW = 12; // pictures
const KEPT = 300; // previews in hand, and more where more are in view
const FACTS = 4000;
const PATIENCE = 4000; // milliseconds without an answer before the wall says so
const AGAIN = 20000; // milliseconds after which a question that had no answer may be put again
const PIXELS = [128, 256, 384, 768]; // the sizes that the kernel keeps
const QUIET = "data-lm-suppress-shortcuts";
const KEYS = { 0: "0", 1: "1", 2: "2", 3: "3", 4: "4", 5: "5", k: "k", x: "x", u: "u" };

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const number = (n) => n.toLocaleString("en");

function write(element, text) { // a text that is the same is left alone: a screen reader would read it out again
  if (element.textContent !== text) element.textContent = text;
}

// -- ranges: [[first, end], …], in order, without overlap ------------------------------------------------

const holds = (ranges, i) => ranges.some(([first, end]) => i >= first && i < end);
const size = (ranges) => ranges.reduce((sum, [first, end]) => sum + end - first, 0);

function tidy(ranges) {
  const found = [];
  for (const [first, end] of ranges.filter(([a, b]) => a < b).sort((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last && first <= last[1]) last[1] = Math.max(last[1], end);
    else found.push([first, end]);
  }
  return found;
}

function without(ranges, i) {
  return ranges.flatMap(([first, end]) => (i >= first && i < end ? [[first, i], [i + 1, end]] : [[first, end]]));
}

function* places(ranges) {
  for (const [first, end] of ranges) for (let i = first; i < end; i++) yield i;
}

// -- words -------------------------------------------------------------------------------------------------

function signs(fact) {
  const parts = [];
  if (fact.rating) parts.push("★".repeat(fact.rating));
  if (fact.keep !== undefined) parts.push(fact.keep ? "✓ kept" : "✗ rejected");
  if (fact.tags) parts.push(`# ${fact.tags}`);
  if (fact.note) parts.push("✎");
  return parts.join("  ");
}

function words(fact) {
  const parts = [fact.alt || "no prompt", fact.status, fact.missing, ...(fact.caption ?? [])];
  if (fact.rating) parts.push(`rated ${fact.rating} of 5`);
  if (fact.keep !== undefined) parts.push(fact.keep ? "kept" : "rejected");
  if (fact.tags) parts.push(`tags ${fact.tags}`);
  if (fact.note) parts.push(`note ${fact.note}`);
  return parts.filter(Boolean).join(", ");
}

// -- what one model's views share ------------------------------------------------------------------------------

class Store {
  constructor(model) {
    this.model = model;
    this.me = Math.random().toString(36).slice(2);
    this.views = new Set();
    this.rows = new Map(); // place -> number of the picture, for the version that is shown
    this.facts = new Map(); // number -> facts
    this.previews = new Map(); // number -> {url, pixels}; the one that was seen longest ago comes first
    this.broken = new Map(); // number -> why its preview cannot be made
    this.whole = new Map(); // number -> the whole prompt, where a tile has the beginning of it
    this.originals = new Map(); // number -> {url} or {broken}
    this.pressed = []; // clicks on tiles of which nothing has been told since
    this.asked = { rows: new Map(), previews: new Map(), originals: new Map() }; // when, by place or by number
    this.saving = new Set();
    this.waiting = 0;
    this.quiet = false;
    this.take();
    this.on = {
      "msg:custom": (content, buffers) => this.hear(content, buffers ?? []),
      "change:version": () => this.renew(),
      "change:chosen": () => this.take() && this.tell("paint"),
    };
    for (const name of ["size", "tall", "tallest", "total", "groups"]) this.on[`change:${name}`] = () => this.tell("arrange");
    for (const name of ["label", "message", "problem"]) this.on[`change:${name}`] = () => this.tell("say");
    for (const [event, handler] of Object.entries(this.on)) model.on(event, handler);
  }

  get total() { return this.model.get("total"); }
  get version() { return this.model.get("version"); }

  tell(what) { for (const view of this.views) view[what](); }

  take() { // what is selected, unless it is an echo of what this page has said itself
    const chosen = this.model.get("chosen") ?? {};
    if (chosen.by === this.me && chosen.version === this.told) return false;
    this.ranges = tidy((chosen.ranges ?? []).map((part) => [...part]));
    this.active = chosen.active ?? -1;
    this.anchor = this.active;
    return true;
  }

  renew() {
    this.rows.clear();
    this.pressed = [];
    this.asked.rows.clear();
    this.told = undefined;
    this.take();
    for (const view of this.views) view.stage.renew();
    this.tell("arrange");
  }

  fact(place) { return this.facts.get(this.rows.get(place)); }

  send(content) {
    this.model.send({ ...content, version: this.version });
  }

  select(ranges, active) {
    this.ranges = ranges;
    this.active = active;
    this.told = this.version;
    this.send({ type: "select", ranges, active, by: this.me });
    this.tell("paint");
  }

  // questions

  expect() { // an answer; if none comes, the wall says what that may mean
    if (this.waiting) return;
    this.waiting = setTimeout(() => { this.waiting = 0; this.quiet = true; this.tell("say"); }, PATIENCE);
  }

  answered() {
    clearTimeout(this.waiting);
    this.waiting = 0;
    if (this.quiet) { this.quiet = false; this.tell("say"); }
  }

  askRows(ranges, full = false) {
    const now = performance.now();
    const missing = [];
    for (const i of places(ranges)) {
      if (!full && (this.rows.has(i) || now - (this.asked.rows.get(i) ?? -AGAIN) < AGAIN)) continue;
      this.asked.rows.set(i, now);
      missing.push([i, i + 1]);
    }
    if (!missing.length) return;
    this.send({ type: "rows", ranges: tidy(missing), full });
    this.expect();
  }

  askPreviews(wanted, pixels) { // the most wanted first
    const now = performance.now();
    const ids = wanted.map((i) => this.rows.get(i)).filter((id) => {
      if (!this.facts.get(id)?.name || this.broken.has(id)) return false;
      if ((this.previews.get(id)?.pixels ?? 0) >= pixels) return false;
      return now - (this.asked.previews.get(id) ?? -AGAIN) >= AGAIN;
    });
    for (const id of ids) this.asked.previews.set(id, now);
    // The kernel answers the newest question first: the most wanted go out last.
    for (let end = Math.ceil(ids.length / BATCH); end > 0; end--) {
      this.send({ type: "previews", pixels, ids: ids.slice((end - 1) * BATCH, end * BATCH) });
      this.expect();
    }
  }

  askOriginals(wanted) {
    const now = performance.now();
    this.fetch(wanted.filter((id) => {
      const fact = this.facts.get(id);
      const lacking = (fact?.name && !this.originals.has(id)) || (fact?.cut && !this.whole.has(id));
      return lacking && now - (this.asked.originals.get(id) ?? -AGAIN) >= AGAIN;
    }));
  }

  fetch(ids) {
    if (!ids.length) return;
    for (const id of ids) this.asked.originals.set(id, performance.now());
    this.send({ type: "original", ids });
    this.expect();
  }

  // answers

  hear(content, buffers) {
    const heard = {
      rows: () => this.hearRows(content),
      facts: () => { content.facts.forEach((fact) => this.learn(fact)); this.tell("paint"); },
      stale: () => { this.rows.clear(); this.asked.rows.clear(); this.tell("paint"); },
      previews: () => this.hearPreviews(content, buffers),
      whole: () => this.hearWhole(content),
      original: () => this.hearOriginal(content, buffers),
      dropped: () => this.hearDropped(content),
      found: () => { for (const view of this.views) view.stage.found(content); },
      open: () => this.hearOpen(content),
      top: () => { for (const view of this.views) view.list.scrollTop = 0; },
      save: () => this.hearSave(content),
    }[content.type];
    if (!heard) return;
    if (content.type !== "open" && content.type !== "save") this.answered();
    heard();
  }

  learn(fact) {
    if (fact.name && !this.facts.get(fact.id)?.name) this.broken.delete(fact.id);
    this.facts.delete(fact.id);
    this.facts.set(fact.id, fact);
  }

  hearRows({ version, parts }) {
    if (version !== this.version) return;
    const forgotten = [];
    for (const [first, rows] of parts) {
      rows.forEach((row, i) => {
        const id = typeof row === "number" ? row : row.id;
        if (id !== row) this.learn(row);
        else if (!this.facts.has(id)) { forgotten.push([first + i, first + i + 1]); return; }
        this.rows.set(first + i, id);
      });
    }
    const most = Math.max(FACTS, 2 * this.rows.size);
    for (const id of this.facts.keys()) {
      if (this.facts.size <= most) break;
      this.facts.delete(id);
    }
    if (forgotten.length) this.askRows(tidy(forgotten), true);
    const pressed = this.pressed.splice(0);
    for (const late of pressed) {
      if (!this.rows.has(late.place)) this.pressed.push(late);
      else if (this.rows.get(late.place) === late.id) late.press();
    }
    for (const view of this.views) view.lately = 0; // what has just been told is asked for its previews at once
    this.tell("paint");
  }

  hearPreviews({ pixels, ids, broken }, buffers) {
    ids.forEach((id, i) => {
      this.asked.previews.delete(id);
      const old = this.previews.get(id);
      if (old?.pixels >= pixels) return;
      if (old) URL.revokeObjectURL(old.url);
      this.previews.delete(id);
      this.previews.set(id, { url: URL.createObjectURL(new Blob([buffers[i]], { type: "image/jpeg" })), pixels });
    });
    for (const [id, why] of Object.entries(broken ?? {})) {
      this.asked.previews.delete(Number(id));
      this.broken.set(Number(id), why);
    }
    this.evict();
    this.tell("paint");
  }

  seen(id) { // the previews that are in view go to the end of the queue
    const preview = this.previews.get(id);
    if (preview) { this.previews.delete(id); this.previews.set(id, preview); }
    return preview;
  }

  evict() {
    const shown = new Set([...this.views].flatMap((view) => [...view.shown(), ...view.stage.ids()]));
    const most = Math.max(KEPT, 2 * shown.size);
    for (const [id, { url }] of this.previews) {
      if (this.previews.size <= most) break;
      if (shown.has(id)) continue;
      URL.revokeObjectURL(url);
      this.previews.delete(id);
    }
  }

  hearDropped({ ids }) { // asked for again by whoever still shows them
    for (const id of ids) for (const asked of [this.asked.previews, this.asked.originals]) asked.delete(id);
    this.fetch(ids.filter((id) => this.saving.has(id)));
    this.tell("paint");
  }

  hearOriginal({ id, broken }, buffers) {
    this.asked.originals.delete(id);
    if (this.saving.delete(id)) this.save(id, broken, buffers);
    if (!this.opened().has(id)) return;
    const type = this.facts.get(id)?.media ?? "";
    const old = this.originals.get(id);
    if (old?.url) URL.revokeObjectURL(old.url);
    this.originals.set(id, broken ? { broken } : { url: URL.createObjectURL(new Blob([buffers[0]], { type })) });
    for (const view of this.views) view.stage.paint();
  }

  save(id, broken, buffers) {
    const fact = this.facts.get(id);
    this.unsaved = broken ? `${fact?.name ?? "a picture"} cannot be saved: ${broken}` : "";
    if (!broken) download(buffers[0], fact);
    this.tell("say");
  }

  hearWhole({ words }) {
    for (const [id, prompt] of words) {
      this.whole.set(id, prompt);
      if (!this.facts.get(id)?.name) this.asked.originals.delete(id); // nothing else will come
    }
    for (const view of this.views) view.stage.paint();
  }

  opened() { return new Set([...this.views].flatMap((view) => view.stage.ids())); }

  dropOriginals(kept = this.opened()) {
    for (const [id, { url }] of this.originals) {
      if (kept.has(id)) continue;
      if (url) URL.revokeObjectURL(url);
      this.originals.delete(id);
    }
  }

  hearOpen({ version, at, facts }) {
    if (version !== this.version || !at.length) return;
    facts.forEach((fact, i) => { this.learn(fact); this.rows.set(at[i], fact.id); });
    const view = this.latest ?? [...this.views][0];
    if (view) view.stage.open(at);
    else this.pending = { version, at, facts };
  }

  hearSave({ facts }) { // asks for what it has already, too: a copy in hand may be on its way out
    const ids = facts.filter((fact) => fact.name).map((fact) => fact.id);
    for (const fact of facts) this.learn(fact);
    for (const id of ids) this.saving.add(id);
    this.fetch(ids);
  }

  close() {
    clearTimeout(this.waiting);
    for (const [event, handler] of Object.entries(this.on)) this.model.off(event, handler);
    for (const { url } of this.previews.values()) URL.revokeObjectURL(url);
    this.dropOriginals(new Set());
  }
}

function download(bytes, fact) {
  const url = URL.createObjectURL(new Blob([bytes], { type: fact?.media ?? "" }));
  make("a", { href: url, download: fact?.name ?? "picture" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000); // the browser reads it after the click
}

// -- one tile ----------------------------------------------------------------------------------------------------

class Tile {
  constructor(id) {
    this.picture = make("div", { class: "nbkit-wall-picture" });
    this.signs = make("div", { class: "nbkit-wall-signs" });
    this.caption = make("div", { class: "nbkit-wall-caption" });
    this.element = make("div", { class: "nbkit-wall-tile", role: "option", id }, this.picture, this.signs, this.caption);
  }

  place(place, total, left, top, width, room) {
    if (this.at !== place || this.of !== total) {
      this.at = place;
      this.of = total;
      this.element.dataset.place = place;
      this.element.setAttribute("aria-posinset", place + 1);
      this.element.setAttribute("aria-setsize", total);
    }
    this.element.style.cssText = `left:${left}px;top:${top}px;width:${width}px;height:${room + TEXT}px`;
    this.picture.style.height = `${room}px`;
  }

  mark(selected, active) {
    this.element.setAttribute("aria-selected", selected);
    this.element.classList.toggle("nbkit-wall-active", active);
  }

  show(fact, preview, broken) {
    const url = preview?.url ?? "";
    if (this.fact === fact && this.url === url && this.why === broken) return;
    if (!fact) { // not told yet; what stood here in an earlier showing stays until then
      if (!this.fact) this.element.setAttribute("aria-label", "not loaded yet");
      return;
    }
    this.fact = fact;
    this.url = url;
    this.why = broken;
    this.element.setAttribute("aria-label", words(fact));
    this.signs.textContent = signs(fact);
    this.caption.replaceChildren(facts(fact.caption ?? []));
    this.element.title = fact.note ? `${fact.alt ?? ""}\n✎ ${fact.note}` : (fact.alt ?? "");
    const missing = fact.name ? broken : [fact.status, fact.missing].filter(Boolean).join(": ") || "no picture";
    if (missing) this.picture.replaceChildren(make("div", { class: "nbkit-wall-missing" }, missing));
    else if (url) this.draw(fact, url);
    else this.picture.replaceChildren(make("div", { class: "nbkit-wall-blank", style: shape(fact) }));
  }

  draw(fact, url) {
    const image = this.picture.querySelector("img") ?? make("img", { decoding: "async", draggable: "false" });
    image.alt = fact.alt ?? "";
    if (image.src !== url) image.src = url;
    if (!image.parentNode) this.picture.replaceChildren(image);
  }
}

/* Facts with dots between them. What begins a line shows no dot: the style moves that one out of sight. */
function facts(caption) {
  return make("div", {}, ...caption.flatMap((text, i) =>
    i ? [" ", make("span", { class: "nbkit-wall-fact" }, make("span", {}, "· "), text)] : [make("span", { class: "nbkit-wall-fact" }, text)]));
}

function shape({ width, height }) {
  return width && height ? `aspect-ratio:${width}/${height};${width > height ? "width" : "height"}:100%` : "width:100%;height:100%";
}

// -- the pictures in full size ---------------------------------------------------------------------------------------

class Stage {
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
    this.where = make("span", { class: "nbkit-wall-where", role: "status" });
    this.panes = make("div", { class: "nbkit-wall-panes" });
    const bar = make("div", { class: "nbkit-wall-bar" }, this.previous, this.next, this.zoom, this.where, this.close);
    this.dialog = make("dialog", { class: "nbkit-wall-stage" }, bar, this.panes);
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
    const room = make("div", { class: "nbkit-wall-room" }, make("img", { draggable: "false", alt: "" }));
    const pane = make("figure", { class: "nbkit-wall-pane" }, room,
      make("figcaption", {}, make("div", { class: "nbkit-wall-prompt" }), make("div", { class: "nbkit-wall-told" })));
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
    image.classList.toggle("nbkit-wall-rough", !original?.url);
    image.alt = fact?.alt ?? "";
    write(pane.querySelector(".nbkit-wall-prompt"), store.whole.get(id) ?? fact?.alt ?? "");
    const said = fact ? [signs(fact), ...(fact.caption ?? []), fact.width ? `${fact.width} × ${fact.height}` : "", fact.note ?? ""] : [];
    const told = pane.querySelector(".nbkit-wall-told");
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

// -- one view --------------------------------------------------------------------------------------------------

class View {
  constructor(store, el) {
    this.store = store;
    this.name = `nbkit-wall-${Math.random().toString(36).slice(2)}`;
    this.tiles = new Map(); // place -> Tile
    this.sections = new Map(); // place of a group -> its element
    this.groups = [];
    this.ground = make("div", { class: "nbkit-wall-ground", role: "presentation" });
    this.list = make("div", { class: "nbkit-wall-list", role: "listbox", tabindex: "0" }, this.ground);
    this.empty = make("div", { class: "nbkit-wall-empty" }, "Nothing to show.");
    this.status = make("div", { class: "nbkit-wall-status", role: "status" });
    this.problem = make("div", { class: "nbkit-wall-problem", role: "alert" });
    this.stage = new Stage(this);
    this.root = make("div", { class: "nbkit-wall", [QUIET]: "true" },
      this.list, this.empty, this.status, this.problem, this.stage.dialog);
    el.append(this.root);
    this.listen();
    store.views.add(this);
    this.arrange();
    this.say();
    if (store.pending) { store.hearOpen(store.pending); store.pending = null; }
  }

  listen() {
    this.paintSoon = () => { this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.draw(); }); };
    window.addEventListener("keydown", this.hush = (event) => this.quiet(event), { capture: true });
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("click", (event) => this.click(event));
    this.list.addEventListener("dblclick", (event) => this.click(event, true));
    this.list.addEventListener("focus", () => {
      this.store.latest = this;
      if (this.store.active < 0 && this.store.total) { this.store.active = 0; this.paint(); }
    });
    this.root.addEventListener("pointerdown", () => { this.store.latest = this; });
    document.addEventListener("scroll", this.paintSoon, { capture: true, passive: true });
    window.addEventListener("resize", this.paintSoon);
    this.watch = new ResizeObserver(() => { this.arrange(); this.draw(); });
    this.watch.observe(this.list);
    this.sight = new IntersectionObserver(this.paintSoon);
    this.sight.observe(this.root);
  }

  close() {
    this.store.views.delete(this);
    if (this.store.latest === this) this.store.latest = null;
    this.store.dropOriginals();
    document.removeEventListener("scroll", this.paintSoon, { capture: true });
    window.removeEventListener("resize", this.paintSoon);
    window.removeEventListener("keydown", this.hush, { capture: true });
    for (const watch of [this.watch, this.sight, this.stage.watch]) watch.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.later);
    this.root.remove();
  }

  // where everything stands

  arrange() {
    const { model, total } = this.store;
    this.list.style.maxHeight = model.get("tall") || "none"; // fewer take less room
    this.list.hidden = !total;
    this.empty.hidden = !!total;
    this.list.setAttribute("aria-multiselectable", model.get("multiple"));
    const width = this.list.clientWidth - 2 * GAP;
    if (width > 0) this.plan(width, model.get("size"), total, model.get("groups") ?? []);
    this.paint();
  }

  plan(width, wish, total, groups) {
    const { model } = this.store;
    this.columns = Math.max(1, Math.floor((width + GAP) / (wish + GAP)));
    this.tile = Math.min(Math.floor((width + GAP) / this.columns) - GAP, Math.round(wish * 1.3)); // they fill the line
    this.room = Math.ceil(this.tile * model.get("tallest"));
    this.step = this.room + TEXT + GAP;
    let top = GAP, first = 0;
    this.groups = (groups.length ? groups : [["", total]]).map(([heading, many]) => {
      const rows = Math.ceil(many / this.columns);
      const group = { heading, first, end: first + many, top, rows, tiles: top + (groups.length ? HEADING : 0) };
      top = group.tiles + rows * this.step;
      first = group.end;
      return group;
    });
    this.high = top;
    this.ground.style.height = `${top}px`;
  }

  groupOf(place) { // by halving: there may be thousands
    let low = 0, high = this.groups.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.groups[middle].end > place) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  spot(place) {
    const group = this.groups[this.groupOf(place)];
    const row = Math.floor((place - group.first) / this.columns), column = (place - group.first) % this.columns;
    return { group, row, column, left: GAP + column * (this.tile + GAP), top: group.tiles + row * this.step };
  }

  between(top, bottom) { // the places whose tiles touch this part of the ground, as ranges
    const found = [];
    let low = 0, high = this.groups.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const group = this.groups[middle];
      if (group.tiles + group.rows * this.step > top) high = middle;
      else low = middle + 1;
    }
    for (let g = low; g < this.groups.length && this.groups[g].top < bottom; g++) {
      const group = this.groups[g];
      const from = Math.max(0, Math.floor((top - group.tiles) / this.step));
      const to = Math.min(group.rows, Math.ceil((bottom - group.tiles) / this.step));
      const first = group.first + from * this.columns, end = Math.min(group.end, group.first + to * this.columns);
      if (first < end) found.push([first, end]);
    }
    return tidy(found);
  }

  window() { // the part of the ground that can be seen, in its own pixels
    // A few without a scroll bar of their own are always drawn: whoever scrolls to them finds them there.
    if (!this.store.model.get("tall") && this.columns && this.store.total > 0 && this.store.total <= FEW) return [0, this.high];
    const list = this.list.getBoundingClientRect(), ground = this.ground.getBoundingClientRect();
    const top = Math.max(list.top, 0) - ground.top, bottom = Math.min(list.bottom, window.innerHeight) - ground.top;
    return bottom > top && this.columns && this.store.total ? [top, bottom] : null;
  }

  // drawing

  paint() { this.paintSoon(); }

  draw() {
    const seen = this.window();
    this.seen = seen;
    if (seen) {
      const margin = Math.max((seen[1] - seen[0]) / 2, this.step);
      const wanted = new Set(places(this.between(seen[0] - margin, seen[1] + margin)));
      if (this.store.active >= 0 && this.store.active < this.store.total) wanted.add(this.store.active);
      for (const [place, tile] of this.tiles) if (!wanted.has(place)) { tile.element.remove(); this.tiles.delete(place); }
      for (const place of wanted) this.drawTile(place);
      for (const [g, element] of this.sections) if (!element.querySelector("[role=option]")) { element.remove(); this.sections.delete(g); }
      this.askSoon();
    } else if (!this.store.total) {
      this.ground.replaceChildren();
      this.tiles.clear();
      this.sections.clear();
    }
    const active = this.tiles.get(this.store.active);
    if (active) this.list.setAttribute("aria-activedescendant", active.element.id);
    else this.list.removeAttribute("aria-activedescendant");
    this.count();
    this.stage.paint();
  }

  drawTile(place) {
    const { store } = this;
    const spot = this.spot(place);
    let tile = this.tiles.get(place);
    if (!tile) {
      tile = new Tile(`${this.name}-${place}`);
      this.tiles.set(place, tile);
    }
    const section = this.section(this.groupOf(place), spot.group);
    if (tile.element.parentNode !== section) section.append(tile.element);
    tile.place(place, store.total, spot.left, spot.top, this.tile, this.room);
    tile.mark(holds(store.ranges, place), place === store.active);
    const id = store.rows.get(place);
    tile.show(store.facts.get(id), store.seen(id), store.broken.get(id));
  }

  section(g, group) {
    let section = this.sections.get(g);
    if (!section) {
      section = make("div", { role: "presentation" });
      this.sections.set(g, section);
      this.ground.append(section);
    }
    const is = `${group.heading}/${group.end - group.first}/${group.top}`;
    if (section.dataset.is === is) return section;
    section.dataset.is = is;
    section.querySelector(".nbkit-wall-heading")?.remove();
    section.setAttribute("role", group.heading ? "group" : "presentation");
    if (group.heading) {
      const many = `${group.heading} (${number(group.end - group.first)})`;
      section.setAttribute("aria-label", many);
      section.prepend(make("div", { class: "nbkit-wall-heading", "aria-hidden": "true", style: `top:${group.top}px` }, many));
    } else section.removeAttribute("aria-label");
    return section;
  }

  *shown() { for (const place of this.tiles.keys()) { const id = this.store.rows.get(place); if (id !== undefined) yield id; } }

  askSoon() {
    if (this.later) return;
    const wait = Math.max(0, EVERY - (performance.now() - (this.lately ?? 0)));
    this.later = setTimeout(() => { this.later = 0; this.lately = performance.now(); this.ask(); }, wait);
  }

  ask() {
    const seen = this.window();
    if (!seen) return;
    const margin = (seen[1] - seen[0]) / 2;
    const near = this.between(seen[0] - margin, seen[1] + margin);
    this.store.askRows(near);
    const inView = [...places(this.between(...seen))], known = new Set(inView);
    const wish = this.tile * Math.min(window.devicePixelRatio || 1, 2);
    const pixels = PIXELS.find((step) => step >= wish) ?? PIXELS.at(-1);
    this.store.askPreviews([...inView, ...[...places(near)].filter((i) => !known.has(i))], pixels);
  }

  // words

  say() {
    const { model } = this.store;
    this.list.setAttribute("aria-label", model.get("label"));
    write(this.problem, [model.get("problem"), this.store.unsaved].filter(Boolean).join("; "));
    this.problem.hidden = !this.problem.textContent;
    this.count();
  }

  count() {
    const { store } = this;
    const many = `${number(size(store.ranges))} of ${number(store.total)} selected`;
    const quiet = store.quiet ? "No answer: the kernel is busy, or there is none. A wall needs the kernel that made it; with a new one, run its cell again." : "";
    write(this.status, [quiet, store.model.get("message"), store.total ? many : ""].filter(Boolean).join(" · "));
  }

  // moving and selecting

  reveal(place) {
    if (place < 0 || !this.columns || place >= this.store.total) return;
    const { top, row } = this.spot(place);
    const from = row ? top - GAP : top - GAP - HEADING, to = top + this.step;
    if (this.list.scrollHeight > this.list.clientHeight) {
      if (from < this.list.scrollTop) this.list.scrollTop = from;
      else if (to > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = to - this.list.clientHeight;
    }
    this.draw();
    this.tiles.get(place)?.element.scrollIntoView({ block: "nearest" });
  }

  go(place, { extend = false, only = true } = {}) {
    const { store } = this;
    const to = Math.min(Math.max(place, 0), store.total - 1);
    if (extend && store.model.get("multiple")) {
      const anchor = store.anchor >= 0 && store.anchor < store.total ? store.anchor : to;
      store.anchor = anchor;
      store.select([[Math.min(anchor, to), Math.max(anchor, to) + 1]], to);
    } else {
      store.anchor = to;
      store.select(only ? [[to, to + 1]] : store.ranges, to);
    }
    this.reveal(to);
  }

  toggle(place) {
    const { store } = this;
    const single = !store.model.get("multiple");
    const there = holds(store.ranges, place);
    store.anchor = place;
    const others = single ? [] : store.ranges;
    store.select(there ? tidy(without(store.ranges, place)) : tidy([...others.map((part) => [...part]), [place, place + 1]]), place);
  }

  open(at) {
    this.store.latest = this;
    this.stage.open(at);
    this.store.send({ type: "open", at });
  }

  click(event, twice = false) {
    const tile = event.target.closest("[role=option]");
    if (!tile) return;
    const place = Number(tile.dataset.place);
    const press = () => {
      if (twice) this.open([place]);
      else if (event.shiftKey) this.go(place, { extend: true });
      else if (event.ctrlKey || event.metaKey) this.toggle(place);
      else this.go(place);
    };
    // Just after a new showing nobody knows yet which picture stands there: only what was seen there can be meant.
    if (this.store.rows.has(place)) press();
    else this.store.pressed.push({ place, id: this.tiles.get(place)?.fact?.id, press });
  }

  below(by) { // one row up or down, into the next group where this one ends
    const { store } = this;
    const { group, row, column } = this.spot(store.active);
    const g = this.groupOf(store.active);
    const to = row + by;
    if (to >= 0 && to < group.rows) return Math.min(group.first + to * this.columns + column, group.end - 1);
    let next = g + Math.sign(by);
    while (this.groups[next] && !this.groups[next].rows) next += Math.sign(by);
    const other = this.groups[next];
    if (!other) return by > 0 ? group.end - 1 : group.first;
    const first = by > 0 ? other.first : other.first + (other.rows - 1) * this.columns;
    return Math.min(first + column, other.end - 1);
  }

  target(key) {
    const { store } = this;
    const page = Math.max(1, Math.floor(this.list.clientHeight / this.step)) * this.columns;
    const { active } = store;
    switch (key) {
      case "ArrowRight": return active + 1;
      case "ArrowLeft": return active - 1;
      case "ArrowDown": return this.below(1);
      case "ArrowUp": return this.below(-1);
      case "PageDown": return active + page;
      case "PageUp": return active - page;
      case "Home": return 0;
      case "End": return store.total - 1;
      default: return null;
    }
  }

  // A notebook's shortcuts listen on the document before anybody else, and ask the very element that has the focus:
  // "d d" would delete the cell. What is the notebook's own, such as Ctrl+S, stays.
  quiet(event) {
    const home = this.root.closest(".nbkit-gallery") ?? this.root;
    if (!home.contains(event.target)) return;
    const chord = (event.ctrlKey || event.metaKey || event.altKey) && !["a", "z", " "].includes(event.key.toLowerCase());
    for (const element of [event.target, home]) {
      if (chord) element.removeAttribute(QUIET);
      else element.setAttribute(QUIET, "true");
    }
  }

  key(event) {
    const { store } = this;
    if (!store.total) return;
    if (store.active < 0) store.active = 0;
    const command = event.ctrlKey || event.metaKey;
    const to = event.altKey ? null : this.target(event.key);
    if (to !== null) this.go(to, { extend: event.shiftKey, only: !command });
    else if (event.key === " " && command) this.toggle(store.active);
    else if (event.key === " " || event.key === "Enter") {
      const at = [...places(store.ranges)];
      this.open(at.length > 1 && at.includes(store.active) ? at.slice(0, 4) : [store.active]);
    } else if (command && event.key.toLowerCase() === "a" && store.model.get("multiple")) store.select([[0, store.total]], store.active);
    else if (event.key === "Escape" && store.ranges.length) store.select([], store.active);
    else if (!this.mark(event, store.ranges.length ? store.ranges : [[store.active, store.active + 1]])) return;
    event.preventDefault();
    event.stopPropagation();
  }

  mark(event, ranges) { // a key that is for the pictures and not for the wall
    const { store } = this;
    if (!store.model.get("marking") || event.altKey || event.repeat) return false;
    const command = event.ctrlKey || event.metaKey;
    const pressed = command ? (event.key.toLowerCase() === "z" && !event.shiftKey ? "u" : "") : KEYS[event.key.toLowerCase()];
    if (!pressed) return false;
    store.send({ type: "key", key: pressed, ranges });
    return true;
  }
}

export default () => {
  let store;
  return {
    initialize({ model }) {
      store = new Store(model);
      return () => store.close();
    },
    render({ el }) {
      const view = new View(store, el);
      return () => view.close();
    },
  };
};
