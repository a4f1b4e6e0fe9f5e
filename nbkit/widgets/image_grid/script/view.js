// One view: where the tiles stand, which are in the page, and what the keyboard and the mouse do.

const GAP = 8; // pixels between tiles
const HEADING = 30;
const STRETCH = 1.3; // of the size that was asked for: tiles fill the line
const EVERY = 60; // milliseconds between two questions while somebody scrolls
const QUIET = "data-lm-suppress-shortcuts";
const BOXES = { t: ".nbkit-tag input", n: ".nbkit-note input", "/": ".nbkit-search input" }; // of the gallery around it
const READ = { tag: BOXES.t, note: BOXES.n, value: ".nbkit-value input" }; // boxes whose text is used at a press

class View {
  constructor(store, el) {
    this.store = store;
    this.name = `nbkit-images-${Math.random().toString(36).slice(2)}`;
    this.tiles = new Map(); // place -> Tile
    this.sections = new Map(); // place of a group -> its element
    this.groups = [];
    this.ground = make("div", { class: "nbkit-images-ground", role: "presentation" });
    this.list = make("div", { class: "nbkit-images-list", role: "listbox", tabindex: "0" }, this.ground);
    this.empty = make("div", { class: "nbkit-images-empty" });
    this.status = make("div", { class: "nbkit-images-status", role: "status" });
    this.keys = new KeyList(store.model);
    this.problem = make("div", { class: "nbkit-images-problem", role: "alert" });
    this.lightbox = new Lightbox(this);
    this.root = make("div", { class: "nbkit-images", [QUIET]: "true" },
      this.list, this.empty, this.status, this.problem, this.lightbox.dialog, this.keys.dialog);
    el.append(this.root);
    store.kernel.drawn(el);
    this.listen();
    store.views.add(this);
    this.arrange();
    this.say();
    if (store.pending) { store.hearOpen(store.pending); store.pending = null; }
  }

  listen() {
    this.paintSoon = () => { this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.draw(); }); };
    window.addEventListener("keydown", this.hush = (event) => this.quiet(event), { capture: true });
    window.addEventListener("click", this.pressed = (event) => this.tellTyped(event, "button.nbkit-reads"), { capture: true });
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
    this.watch.observe(this.root);
    this.watch.observe(this.status); // its height follows the size of the text
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
    window.removeEventListener("click", this.pressed, { capture: true });
    for (const watch of [this.watch, this.sight, this.lightbox.watch]) watch.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.later);
    this.root.remove();
  }

  // where everything stands

  arrange() {
    const { model, total } = this.store;
    const { gone } = this.store.kernel, nothing = !total || (gone && !this.store.facts.size);
    const fit = model.get("fit"), groups = model.get("groups");
    this.sheet = fit && total <= SHEET && !groups.length;
    this.root.classList.toggle("nbkit-images-fit", fit);
    this.root.classList.toggle("nbkit-images-sheet", this.sheet);
    this.root.classList.toggle("nbkit-images-single", this.sheet && total === 1);
    this.list.style.maxHeight = (!fit && model.get("tall")) || "none"; // fewer take less room
    this.list.hidden = nothing;
    this.empty.hidden = !nothing;
    write(this.empty, gone ? KERNEL_GONE : model.get("empty"));
    this.list.setAttribute("aria-multiselectable", model.get("multiple"));
    [this.line, this.lines, this.heading] = heights(this.root, LINE, TEXT, HEADING);
    const width = this.list.clientWidth - 2 * GAP;
    if (width > 0 && this.sheet) this.planSheet(total);
    else if (width > 0) this.plan(width, model.get("size"), total, groups);
    this.paint();
  }

  planSheet(total) {
    const { clientWidth, clientHeight } = this.list, shapes = this.store.model.get("shapes");
    const usual = shapes.find(Boolean) ?? 1; // of those whose shape is not known
    const best = fitSheet(Array.from({ length: total }, (_, i) => shapes[i] || usual), clientWidth, clientHeight, this.line);
    this.text = this.line;
    this.columns = best.columns;
    this.tile = best.width;
    this.room = best.height;
    this.sharp = Math.max(best.width, best.height);
    this.stand(total, []);
  }

  plan(width, wish, total, groups) {
    this.text = this.lines;
    this.columns = this.store.model.get("columns") || Math.max(1, Math.floor((width + GAP) / (wish + GAP)));
    this.tile = Math.min(Math.floor((width + GAP) / this.columns) - GAP, Math.round(wish * STRETCH)); // they fill the line
    this.room = Math.ceil(this.tile * this.store.model.get("tallest"));
    this.sharp = this.tile;
    this.stand(total, groups);
  }

  stand(total, groups) {
    this.step = this.room + this.text + GAP;
    const across = Math.min(total, this.columns) * (this.tile + GAP) - GAP;
    this.left = this.sheet ? Math.max(GAP, (this.list.clientWidth - across) / 2) : GAP;
    // A sheet that is lower than its room hangs in the middle.
    const spare = this.sheet ? this.list.clientHeight - GAP - Math.ceil(total / this.columns) * this.step : 0;
    let top = GAP + Math.max(0, Math.floor(spare / 2)), first = 0;
    this.groups = (groups.length ? groups : [["", total]]).map(([heading, many, all = many]) => {
      const rows = Math.ceil(many / this.columns);
      const group = { heading, all, first, end: first + many, top, rows, tiles: top + (groups.length ? this.heading : 0) };
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
    return { group, row, column, left: this.left + column * (this.tile + GAP), top: group.tiles + row * this.step };
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
    if ((this.sheet || !this.store.model.get("tall")) && this.columns && this.store.total > 0 && this.store.total <= SHEET) return [0, this.high];
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
    this.lightbox.paint();
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
    tile.place(place, store.total, { ...spot, width: this.tile, room: this.room, text: this.text });
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
    const is = `${group.heading}/${group.end - group.first}/${group.all}/${group.top}`;
    if (section.dataset.is === is) return section;
    section.dataset.is = is;
    section.querySelector(".nbkit-images-heading")?.remove();
    section.setAttribute("role", group.heading ? "group" : "presentation");
    if (group.heading) {
      const shown = group.end - group.first, of = shown < group.all ? `first ${number(shown)} of ` : "";
      const many = `${group.heading} (${of}${number(group.all)})`;
      section.setAttribute("aria-label", many);
      section.prepend(make("div", { class: "nbkit-images-heading", "aria-hidden": "true", style: `top:${group.top}px` }, many));
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
    this.store.askPreviews([...inView, ...[...places(near)].filter((i) => !known.has(i))], pixelsFor(this.sharp));
  }

  // words

  say() {
    const { model } = this.store;
    this.list.setAttribute("aria-label", model.get("label"));
    const wrong = [this.refused ? PRESS_REFUSED : "", model.get("problem"), this.store.unsaved].filter(Boolean);
    write(this.problem, [...wrong, this.store.beside].filter(Boolean).join("; "));
    this.problem.classList.toggle("nbkit-images-said", !wrong.length);
    this.problem.hidden = !this.problem.textContent;
    this.count();
  }

  count() {
    const { store } = this;
    const chosen = size(store.ranges), counted = this.sheet ? chosen > 1 : store.total;
    const many = counted ? `${number(chosen)} of ${number(store.total)} selected` : "";
    const quiet = store.quiet ? "No answer: the kernel is busy, or there is none. The pictures need the kernel that made them; with a new one, run this cell again." : "";
    const gone = this.refused || this.list.hidden ? "" : KERNEL_GONE; // an alert says it already, or the empty grid does
    write(this.status, (store.kernel.gone ? [gone] : [quiet, store.model.get("message"), many]).filter(Boolean).join(" · "));
    this.lightbox.say(store.kernel.gone ? (this.refused ? PRESS_REFUSED : KERNEL_GONE) : "");
  }

  // moving and selecting

  reveal(place) {
    if (place < 0 || !this.columns || place >= this.store.total) return;
    const { top, row } = this.spot(place);
    const from = row ? top - GAP : top - GAP - this.heading, to = top + this.step;
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
    const there = at.filter((place) => !isComing(this.store.fact(place)));
    if (!there.length) return;
    if (!this.store.model.get("opens")) {
      this.store.send({ type: "open", ranges: there.map((place) => [place, place + 1]) });
      return;
    }
    this.store.latest = this;
    this.lightbox.open(there);
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

  // what the lightbox asks: the neighbour of a picture (-1: none), the first or the last one, which one it is

  beside(place, by) { return place + by >= 0 && place + by < this.store.total ? place + by : -1; }
  edge(by) { return by < 0 ? 0 : this.store.total - 1; }
  where(place) { return this.store.total > 1 ? `${number(place + 1)} of ${number(this.store.total)}` : ""; }

  below(by, from = this.store.active) { // one row up or down, into the next group where this one ends
    const { group, row, column } = this.spot(from);
    const g = this.groupOf(from);
    const to = row + by;
    if (to >= 0 && to < group.rows) return Math.min(group.first + to * this.columns + column, group.end - 1);
    let next = g + Math.sign(by);
    while (this.groups[next] && !this.groups[next].rows) next += Math.sign(by);
    const other = this.groups[next];
    if (!other) return from;
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
    if (!event.isComposing) this.atBox(event);
    const chord = (event.ctrlKey || event.metaKey || event.altKey) && !["a", "z", " "].includes(event.key.toLowerCase());
    for (const element of [event.target, home]) {
      if (chord) element.removeAttribute(QUIET);
      else element.setAttribute(QUIET, "true");
    }
  }

  atBox(event) {
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.altKey) this.tellTyped(event, Object.values(READ).join());
    if (event.key === "Escape" && event.target.matches(Object.values(BOXES).join())) this.list.focus(); // back from a box
  }

  // While a kernel is busy, ipywidgets holds back what is typed, but neither Enter nor a press: what stands in the boxes
  // goes before these, or "dusk" would be written as "d".
  tellTyped(event, from) {
    const home = this.root.closest(".nbkit-gallery");
    if (!home?.contains(event.target) || !event.target.closest(from)) return;
    const texts = Object.entries(READ).map(([name, box]) => [name, home.querySelector(box)?.value ?? ""]);
    this.store.send({ type: "typed", texts: Object.fromEntries(texts) });
  }

  key(event) {
    const { store } = this;
    if (!store.total) return;
    if (store.active < 0) store.active = 0;
    const command = event.ctrlKey || event.metaKey;
    const to = event.altKey ? null : this.target(event.key);
    if (to !== null) this.go(to, { extend: event.shiftKey, only: !command });
    else if (event.key === "?") this.keys.show();
    else if (event.key === " " && command) this.toggle(store.active);
    else if (event.key === " " || event.key === "Enter") {
      const at = [...places(store.ranges)];
      this.open(at.length > 1 && at.includes(store.active) ? at.slice(0, 4) : [store.active]);
    } else if (command && event.key.toLowerCase() === "a" && store.model.get("multiple")) store.select([[0, store.total]], store.active);
    else if (event.key === "Escape" && store.ranges.length) store.select([], store.active);
    else if (!command && !event.altKey && this.jump(event.key.toLowerCase())) { /* the box has the focus now */ }
    else if (!this.mark(event, store.ranges.length ? store.ranges : [[store.active, store.active + 1]])) return;
    event.preventDefault();
    event.stopPropagation();
  }

  jump(key) { // to the box in which the selected are tagged or noted, or others are searched for
    const { store } = this;
    const box = store.model.get("marking") && BOXES[key] && this.root.closest(".nbkit-gallery")?.querySelector(BOXES[key]);
    if (!box) return false;
    if (key !== "/" && !store.ranges.length) store.select([[store.active, store.active + 1]], store.active);
    box.focus();
    box.select();
    return true;
  }

  mark(event, ranges) { // a key that is for the pictures and not for the grid
    const { store } = this;
    if (!store.model.get("marking") || event.altKey || event.repeat) return false;
    const pressed = markOf(event);
    if (!pressed) return false;
    if (!store.send({ type: "key", key: pressed, ranges })) this.refuse();
    else if (this.advances(pressed, event) && size(ranges) === 1) this.go(Math.min(ranges[0][0] + 1, store.total - 1));
    return true;
  }

  advances(pressed, event) { // whether the next picture follows a mark; with Shift one stays
    return this.store.model.get("advances") && pressed !== "u" && !event.shiftKey;
  }

  refuse() { // a press that needs the kernel
    this.refused = true;
    write(this.problem, ""); // or a second press would not be answered: the same words are not read again
    this.say();
    if (!this.lightbox.dialog.open) this.problem.scrollIntoView({ block: "nearest" });
  }
}
