// The grid explorer: the cells of a sweep in one slice at a time, with headings that stay in view in the one scroller.
// The lightbox, the messages and what is known of pictures are those of image_grid; this is another view of the same store.

const BETWEEN = 4; // pixels between tiles
const EASY = 88; // pixels: tiles that are not smaller than this are made so small that the whole slice is seen
const WIDE = 320; // pixels of a tile at most, unless it is asked for
const HEADING = 38; // the corner has two lines
const QUIET = "data-lm-suppress-shortcuts";
const HELD_PREVIEWS = 1500; // those of the slices that the slider leads to
const MORE_KEYS = { marked: [["c", "compare the chosen"]], seen: [["Page Up, Page Down", "previous, next value of the slider"]] };

class ExplorerView {
  constructor(store, el) {
    this.store = store;
    this.tiles = []; // of the present slice, line by line
    this.images = new Map(); // by place
    this.columns = 1;
    store.kept = HELD_PREVIEWS;
    this.grid = make("div", { class: "nbkit-explorer-grid", role: "grid" });
    this.scroll = make("div", { class: "nbkit-explorer-scroll" }, this.grid);
    this.empty = make("div", { class: "nbkit-images-empty" });
    this.status = make("div", { class: "nbkit-images-status", role: "status" });
    this.problem = make("div", { class: "nbkit-images-problem", role: "alert" });
    this.keys = new KeyList(store.model, MORE_KEYS);
    this.lightbox = new Lightbox(this);
    this.read();
    this.controls = new Controls(this);
    this.root = make("div", { class: "nbkit-images nbkit-explorer", [QUIET]: "true" },
      this.controls.top, this.controls.held, this.scroll, this.empty, this.controls.acts, this.status, this.problem, this.lightbox.dialog, this.keys.dialog);
    el.append(this.root);
    store.kernel.drawn(el);
    this.listen();
    store.views.add(this);
    this.arrange();
    this.say();
    if (store.pending) { store.hearOpen(store.pending); store.pending = null; }
  }

  listen() {
    const { model } = this.store;
    this.grid.addEventListener("click", (event) => this.click(event));
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.root.addEventListener("pointerdown", () => { this.store.latest = this; });
    window.addEventListener("keydown", this.hush = (event) => this.quiet(event), { capture: true });
    window.addEventListener("resize", this.fitSoon = () => { this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.fit(); }); });
    this.watch = new ResizeObserver(() => {
      if (this.root.clientWidth !== this.across || heights(this.root, HEADING)[0] !== this.heading) this.fitSoon();
    });
    this.watch.observe(this.root);
    this.on = {
      "change:sides": () => { this.sides = { ...model.get("sides") }; this.arrange(); },
      "change:at": () => { this.at = [...model.get("at")]; this.arrange(); },
      "change:tile": () => this.fit(),
      "change:offer": () => this.controls.offer(),
      "msg:custom": ({ type }) => { if (type === "below") this.goBelow(performance.now()); },
    };
    for (const [event, handler] of Object.entries(this.on)) model.on(event, handler);
  }

  close() {
    this.store.views.delete(this);
    if (this.store.latest === this) this.store.latest = null;
    for (const [event, handler] of Object.entries(this.on)) this.store.model.off(event, handler);
    window.removeEventListener("keydown", this.hush, { capture: true });
    window.removeEventListener("resize", this.fitSoon);
    for (const watch of [this.watch, this.lightbox.watch]) watch.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.later);
    this.store.dropOriginals();
    this.root.remove();
  }

  read() { // what the kernel says of the sweep
    const { model } = this.store;
    this.projection = new Projection(model.get("axes"), model.get("spots"));
    this.sides = { ...model.get("sides") };
    this.at = [...model.get("at")];
    this.version = this.store.version;
    this.images.clear();
  }

  // which axis is where

  assign(side, axis) {
    this.sides = this.projection.assign(this.sides, side, axis);
    this.store.model.set("sides", this.sides);
    this.store.model.save_changes();
    this.arrange();
  }

  turn(axis, index) { // to another value of an axis that is neither down the side nor along the top
    this.at[axis] = index;
    this.controls.hold();
    this.draw();
    this.askSoon();
  }

  save() {
    this.store.model.set("at", [...this.at]);
    this.store.model.save_changes();
  }

  resize(pixels, done = false) {
    this.wish = pixels;
    this.fit();
    if (!done) return;
    this.store.model.set("tile", pixels);
    this.store.model.save_changes();
    this.wish = undefined;
  }

  goBelow(since) { // to the panel that the kernel has put under the grid, once it is drawn
    const panel = this.root.closest(".nbkit-exploring")?.querySelector(".nbkit-panel");
    if (!panel?.querySelector("textarea") && performance.now() - since < 8000) requestAnimationFrame(() => this.goBelow(since));
    else panel?.scrollIntoView({ block: "start" });
  }

  // where everything stands

  arrange() {
    if (this.version !== this.store.version) this.read();
    const { gone } = this.store.kernel, nothing = !this.store.total || (gone && !this.store.facts.size);
    this.scroll.hidden = this.controls.top.hidden = this.controls.acts.hidden = nothing;
    this.empty.hidden = !nothing;
    write(this.empty, gone ? KERNEL_GONE : this.store.model.get("empty"));
    this.controls.show();
    this.controls.held.hidden ||= nothing;
    this.fit();
    this.askSoon();
  }

  fit() { // the size of a tile: as asked for, or such that the slice is seen as a whole
    this.across = this.root.clientWidth;
    const { projection, sides } = this, across = projection.count(sides.columns), down = projection.count(sides.rows);
    const letters = sides.rows < 0 ? 0 : Math.max(...[projection.axes[sides.rows].name, ...projection.axes[sides.rows].values].map(({ length }) => length));
    const [heading, widest, needed] = heights(this.root, HEADING, 160, 44 + 7 * letters);
    const head = sides.rows < 0 ? 0 : Math.min(widest, 0.2 * this.across, needed);
    this.heading = heading;
    const room = this.scroll.clientWidth - head - BETWEEN * 2, high = (parseFloat(getComputedStyle(this.scroll).maxHeight) || 500) - BETWEEN * 3;
    if (room <= 0) return;
    const ratio = this.store.model.get("tallest"), wish = this.wish ?? this.store.model.get("tile");
    const beside = (size) => Math.max(1, Math.floor((room + BETWEEN) / (size + BETWEEN)));
    const fitting = (columns) => Math.floor((room + BETWEEN) / columns) - BETWEEN;
    let size = wish;
    if (!size && sides.rows >= 0) {
      const low = (high - (sides.columns < 0 ? 0 : heading)) / down - BETWEEN;
      size = Math.min(fitting(across), WIDE, low / ratio >= EASY ? Math.floor(low / ratio) : WIDE);
    } else if (!size) { // lines are broken: the fewest columns with which all of them are seen
      const fits = Array.from({ length: across }, (_, i) => i + 1).slice(beside(WIDE) - 1).find((columns) =>
        Math.ceil(across / columns) * (Math.min(fitting(columns), WIDE) * ratio + BETWEEN + heading) <= high);
      size = Math.min(fitting(fits ?? Math.max(1, Math.min(across, beside(EASY * 1.5)))), WIDE);
    }
    this.size = Math.max(TINIEST, Math.min(size, HUGEST));
    this.most = beside(this.size);
    this.root.style.setProperty("--nbkit-tile", `${this.size}px`);
    this.root.style.setProperty("--nbkit-high", `${Math.round(this.size * ratio)}px`);
    this.root.style.setProperty("--nbkit-head", `${Math.round(head)}px`);
    if (document.activeElement !== this.controls.size || !this.wish) this.controls.size.value = this.size;
    this.controls.size.setAttribute("aria-valuetext", `${this.size} pixels`);
    this.controls.whole.setAttribute("aria-pressed", !wish);
    this.draw();
    this.askSoon();
  }

  draw() {
    if (!this.size) return; // not on the page yet
    const { projection, sides, store } = this;
    this.lines = projection.lines(sides, this.at, this.most);
    const is = JSON.stringify([this.version, sides.rows, sides.columns, this.lines[0]?.columns.length]);
    if (this.is !== is) {
      this.is = is;
      this.build();
    }
    this.order = this.lines.flatMap(({ places }) => places);
    const there = this.order.filter((place) => place >= 0);
    this.steps = new Map(there.map((place, i) => [place, i]));
    this.tiles.forEach((tile, i) => {
      const place = this.order[i], id = store.rows.get(place);
      tile.show(place, projection.facts(place), store.facts.get(id), this.imageOf(place), store.broken.get(id));
    });
    this.paintChosen();
    if (store.facts.size && store.live) this.root.classList.add("nbkit-live"); // the output beside it stands aside
    this.lightbox.paint();
  }

  imageOf(place) { // made as soon as its preview is there: whoever turns the slider does not wait until it is decoded
    const preview = this.store.seen(this.store.rows.get(place)), old = this.images.get(place);
    if (!preview) return undefined;
    if (old?.src === preview.url) return old;
    const image = make("img", { draggable: "false", alt: "", src: preview.url });
    image.decode().catch(() => {}); // one that is damaged is said in its tile, or in full size
    this.images.set(place, image);
    return image;
  }

  build() { // the headings and the tiles of a slice, whose places change with the slider
    const { projection, sides } = this;
    const names = [sides.rows >= 0 && `${projection.axes[sides.rows].name} ↓`, sides.columns >= 0 && `${projection.axes[sides.columns].name} →`].filter(Boolean);
    const heading = (role, axis, index) => make("div", { role, class: "nbkit-explorer-head", "aria-label": projection.said(axis, index), title: projection.said(axis, index) },
      make("span", {}, projection.axes[axis].values[index]));
    const corner = () => make("div", { role: "columnheader", class: "nbkit-explorer-corner", "aria-label": "axes" }, ...names.toReversed().map((name) => make("div", {}, name)));
    const broken = this.lines.length > projection.count(sides.rows);
    this.tiles = [];
    const rows = [];
    this.lines.forEach(({ row, columns }, i) => {
      if (sides.columns >= 0 && (!i || broken)) {
        const top = make("div", { role: "row", class: "nbkit-explorer-tops" }, ...(sides.rows >= 0 ? [corner()] : []), ...columns.map((column) => heading("columnheader", sides.columns, column)));
        rows.push(top);
      }
      const tiles = columns.map(() => new CellTile());
      this.tiles.push(...tiles);
      rows.push(make("div", { role: "row" }, ...(row >= 0 ? [heading("rowheader", sides.rows, row)] : []), ...tiles.map(({ element }) => element)));
    });
    this.grid.replaceChildren(...rows);
    this.grid.classList.toggle("nbkit-explorer-broken", broken);
    this.columns = this.lines[0]?.columns.length ?? 1;
    this.grid.style.gridTemplateColumns = `${sides.rows >= 0 ? "var(--nbkit-head) " : ""}repeat(${this.columns}, var(--nbkit-tile))`;
  }

  paintChosen() { // what is chosen, and where the keyboard is
    const { store } = this;
    const active = this.steps.has(store.active) ? store.active : this.order.find((place) => place >= 0);
    for (const { element, place } of this.tiles) {
      element.tabIndex = place >= 0 && place === active ? 0 : -1;
      if (place >= 0) element.setAttribute("aria-selected", holds(store.ranges, place));
    }
    this.grid.setAttribute("aria-multiselectable", "true");
    this.controls.offer();
    this.count();
  }

  paint() { this.drawing ||= requestAnimationFrame(() => { this.drawing = 0; this.draw(); this.askSoon(); }); }

  *shown() { for (const place of this.order ?? []) { const id = this.store.rows.get(place); if (id !== undefined) yield id; } }

  // questions: every fact, the previews of this slice, then of those that the slider leads to, the nearest first

  askSoon() {
    if (this.later) return;
    this.later = setTimeout(() => { this.later = 0; this.ask(); }, 30);
  }

  ask() {
    const { store, projection, sides } = this;
    if (!store.total || !this.order || this.version !== store.version) return;
    store.askRows([[0, store.total]]);
    const wanted = this.order.filter((place) => place >= 0), asked = new Set(wanted);
    const near = (spot) => projection.axes.reduce((far, _, axis) => far + (axis === sides.rows || axis === sides.columns ? 0
      : Math.abs(spot[axis] - this.at[axis]) * (axis === sides.slider ? 1 : 100)), 0);
    const ahead = projection.spots.map((spot, place) => [near(spot), place]).filter(([, place]) => !asked.has(place)).sort(([a], [b]) => a - b);
    for (const [, place] of ahead) this.imageOf(place);
    store.askPreviews([...wanted, ...ahead.slice(0, HELD_PREVIEWS / 2).map(([, place]) => place)], pixelsFor(this.size));
  }

  // words

  say() {
    const { model } = this.store;
    this.grid.setAttribute("aria-label", model.get("label"));
    write(this.problem, [this.refused ? PRESS_REFUSED : "", model.get("problem"), this.store.unsaved].filter(Boolean).join("; "));
    this.problem.hidden = !this.problem.textContent;
    this.count();
  }

  count() {
    const { store } = this, many = size(store.ranges);
    const chosen = many ? `${number(many)} of ${number(store.total)} chosen` : "";
    const quiet = store.quiet ? "No answer: the kernel is busy, or there is none." : "";
    const gone = this.refused || this.scroll.hidden ? "" : KERNEL_GONE;
    write(this.status, (store.kernel.gone ? [gone] : [quiet, store.model.get("message"), chosen]).filter(Boolean).join(" · "));
    this.lightbox.say(store.kernel.gone ? (this.refused ? PRESS_REFUSED : KERNEL_GONE) : "");
  }

  // moving and choosing

  chosen() { return [...places(this.store.ranges)]; }

  get list() { return this.tileOf(this.store.active)?.element ?? this.grid; } // where the lightbox gives the focus back

  tileOf(place) { return place >= 0 ? this.tiles.find((tile) => tile.place === place) : undefined; }

  reveal(place) { // turns to the slice of a place that the lightbox has led to
    const { projection, sides } = this, spot = projection.spots[place];
    if (!spot) return;
    if (!this.steps?.has(place)) {
      spot.forEach((index, axis) => { if (axis !== sides.rows && axis !== sides.columns) this.at[axis] = index; });
      this.save();
      this.controls.hold();
      this.draw();
    }
    const element = this.tileOf(place)?.element;
    element?.focus({ preventScroll: true });
    element?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  go(place, { extend = false, only = true } = {}) {
    const { store } = this;
    this.looking = false;
    if (extend) {
      if (!this.steps.has(store.anchor)) store.anchor = place;
      store.select(this.between(store.anchor, place), place);
    } else {
      store.anchor = place;
      store.select(only ? [[place, place + 1]] : store.ranges, place);
    }
    this.draw();
    this.reveal(place);
  }

  between(from, to) { // the rectangle with these corners
    const [[a, b], [c, d]] = [from, to].map((place) => this.seat(place));
    const inside = (value, one, other) => value >= Math.min(one, other) && value <= Math.max(one, other);
    return tidy(this.order.flatMap((place, i) => {
      const [line, column] = [Math.floor(i / this.columns), i % this.columns];
      return place >= 0 && inside(line, a, c) && inside(column, b, d) ? [[place, place + 1]] : [];
    }));
  }

  seat(place) { const i = this.order.indexOf(place); return [Math.floor(i / this.columns), i % this.columns]; }

  toggle(place) {
    const { store } = this;
    store.anchor = place;
    const only = this.chosen();
    if (this.looking && only.length === 1 && only[0] !== place) store.select([], place);
    this.looking = false;
    const there = holds(store.ranges, place);
    store.select(there ? tidy(without(store.ranges, place)) : tidy([...store.ranges.map((part) => [...part]), [place, place + 1]]), place);
    this.draw();
    this.reveal(place);
  }

  open(at) {
    if (!at.every((place) => this.store.rows.has(place))) return;
    for (const place of at) this.store.broken.delete(this.store.rows.get(place)); // its file may be back
    this.askSoon();
    this.store.latest = this;
    this.lightbox.open(at);
  }

  compare() {
    const at = this.chosen().filter((place) => this.store.fact(place)?.name);
    if (at.length > 1 && at.length <= SIDE) this.open(at);
  }

  // what the lightbox asks: neighbours in the order of the slice, lines above and below, another value of the slider

  beside(place, by) {
    const there = [...this.steps.keys()], to = there[this.steps.get(place) + by];
    return to ?? -1;
  }

  edge(by) { return [...this.steps.keys()].at(by < 0 ? 0 : -1) ?? -1; }

  where(place) { return this.steps.size > 1 && this.steps.has(place) ? `${number(this.steps.get(place) + 1)} of ${number(this.steps.size)}` : ""; }

  below(by, from = this.store.active) {
    const [line, column] = this.seat(from);
    for (let i = line + by; this.lines[i]; i += by) if (this.lines[i].places[column] >= 0) return this.lines[i].places[column];
    return from;
  }

  flipped(by, place = this.store.active) {
    const { slider } = this.sides, spot = this.projection.spots[place];
    if (slider < 0 || !spot) return -1;
    const to = this.projection.place(moved(spot, [[slider, spot[slider] + by]]));
    if (to >= 0) {
      this.turn(slider, spot[slider] + by);
      this.save();
    }
    return to;
  }

  // mouse and keyboard

  placeOf(event) {
    const place = event.target.closest?.("[data-place]")?.dataset.place;
    return place === undefined ? -1 : Number(place);
  }

  click(event) {
    const place = this.placeOf(event);
    if (place < 0) return;
    if (event.shiftKey) this.go(place, { extend: true });
    else if (event.ctrlKey || event.metaKey || event.target.matches(".nbkit-explorer-tick")) this.toggle(place);
    else this.look(place);
  }

  look(place) { // opens it; who then chooses others begins anew
    this.go(place);
    this.looking = true;
    this.open([place]);
  }

  target(event, place) {
    const line = this.lines[this.seat(place)[0]].places.filter((other) => other >= 0), at = line.indexOf(place);
    const command = event.ctrlKey || event.metaKey;
    switch (event.key) {
      case "ArrowRight": return line[at + 1] ?? place;
      case "ArrowLeft": return line[at - 1] ?? place;
      case "ArrowDown": return this.below(1, place);
      case "ArrowUp": return this.below(-1, place);
      case "Home": return command ? this.edge(-1) : line[0];
      case "End": return command ? this.edge(1) : line.at(-1);
      case "PageDown": return this.flipped(1, place);
      case "PageUp": return this.flipped(-1, place);
      default: return undefined;
    }
  }

  key(event) {
    const { store } = this, place = this.placeOf(event), command = event.ctrlKey || event.metaKey;
    if (place < 0 || event.altKey) return;
    const to = this.target(event, place);
    if (to !== undefined) { if (to >= 0) this.go(to, { extend: event.shiftKey, only: !command || event.key === "Home" || event.key === "End" }); }
    else if (event.key === "?") this.keys.show();
    else if (event.key === " " && command) this.toggle(place);
    else if (event.key === " " || event.key === "Enter") this.openFrom(place);
    else if (event.key === "c" && !command) this.compare();
    else if (command && event.key.toLowerCase() === "a") { store.select(tidy([...this.steps.keys()].map((one) => [one, one + 1])), place); this.draw(); }
    else if (event.key === "Escape" && store.ranges.length) { store.select([], place); this.draw(); }
    else if (!this.mark(event, holds(store.ranges, place) ? store.ranges : [[place, place + 1]])) return;
    event.preventDefault();
    event.stopPropagation();
  }

  openFrom(place) {
    const several = this.chosen();
    if (several.length > 1 && several.length <= SIDE && several.includes(place)) this.open(several);
    else this.look(place);
  }

  mark(event, ranges) { // a key that is for the pictures and not for the grid; the lightbox has them too
    const { store } = this, key = event.repeat || event.altKey || !store.model.get("marking") ? "" : markOf(event);
    if (key) this.markChosen(key, ranges);
    return !!key;
  }

  markChosen(key, ranges = this.store.ranges) {
    if (!this.store.send({ type: "key", key, ranges })) this.refuse();
  }

  refuse() { // a press that needs the kernel
    this.refused = true;
    write(this.problem, "");
    this.say();
  }

  // A notebook's shortcuts listen on the document before anybody else, and ask the very element that has the focus.
  quiet(event) {
    if (!this.root.contains(event.target)) return;
    const chord = (event.ctrlKey || event.metaKey || event.altKey) && !["a", "z", " "].includes(event.key.toLowerCase());
    for (const element of [event.target, this.root]) {
      if (chord) element.removeAttribute(QUIET);
      else element.setAttribute(QUIET, "true");
    }
  }
}
