/* Labelled tables whose tiles fill with pictures. Python's side is board.py. */

const SIGNS = { "done": "✓", "failed": "✗", "blocked": "⊘", "unknown": "?", "not run": "·", "running": "…" };
const PIXELS = [96, 160, 256, 384];
const BATCH = 50;
const FEW = 150; // tiles whose pictures come before they are looked at
const SMALLEST = 96; // pixels of a tile
const KEPT = 1500; // previews that are kept
const AGAIN = 8000; // milliseconds after which an unanswered question is asked again

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/* What the page knows, whichever cell shows it. */
class Store {
  constructor(model) {
    this.model = model;
    this.views = new Set();
    this.previews = new Map(); // picture's number -> { url, pixels }
    this.tiles = new Map(); // place -> { status, note, alt, id }
    this.asked = new Map(); // picture's number -> when
    this.broken = new Map();
    this.on = {
      "msg:custom": (content, buffers) => this.hear(content, buffers ?? []),
      "change:version": () => { this.tiles.clear(); this.tell("build"); this.ask(); },
      "change:chosen": () => this.tell("mark"),
      "change:problem": () => this.tell("mark"),
      "change:bare": () => this.tell("mark"),
    };
    for (const [event, handler] of Object.entries(this.on)) model.on(event, handler);
    this.ask();
  }

  send(content) { this.model.send({ ...content, version: this.model.get("version") }); }
  ask() { this.send({ type: "tiles" }); }
  tell(what, ...rest) { for (const view of this.views) view[what](...rest); }

  hear(content, buffers) {
    if (content.type === "tiles" && content.version === this.model.get("version")) {
      for (const [place, status, note, alt, id] of content.tiles) {
        this.tiles.set(place, { status, note, alt, id });
        this.tell("draw", place);
      }
    } else if (content.type === "previews") {
      content.ids.forEach((id, i) => {
        const old = this.previews.get(id);
        this.asked.delete(id);
        this.broken.delete(id);
        if (old?.pixels >= content.pixels) return;
        if (old) URL.revokeObjectURL(old.url);
        this.previews.set(id, { url: URL.createObjectURL(new Blob([buffers[i]], { type: "image/jpeg" })), pixels: content.pixels });
      });
      for (const [id, why] of Object.entries(content.broken ?? {})) this.broken.set(Number(id), why);
      this.evict();
      this.tell("drawPictures", new Set([...content.ids, ...Object.keys(content.broken ?? {}).map(Number)]));
    } else if (content.type === "dropped") {
      content.ids.forEach((id) => this.asked.delete(id));
      this.tell("askSoon");
    }
  }

  evict() {
    const shown = new Set([...this.tiles.values()].map((tile) => tile.id));
    for (const [id, { url }] of this.previews) {
      if (this.previews.size <= KEPT) break;
      if (shown.has(id)) continue;
      URL.revokeObjectURL(url);
      this.previews.delete(id);
    }
  }

  want(places, pixels) {
    const now = performance.now();
    const at = places.filter((place) => {
      const id = this.tiles.get(place)?.id ?? -1;
      if (id < 0 || this.previews.get(id)?.pixels >= pixels) return false;
      return now - (this.asked.get(id) ?? -AGAIN) >= AGAIN;
    });
    for (const place of at) this.asked.set(this.tiles.get(place).id, now);
    for (let end = Math.ceil(at.length / BATCH); end > 0; end--) // the newest question is answered first
      this.send({ type: "previews", pixels, at: at.slice((end - 1) * BATCH, end * BATCH) });
  }

  close() {
    for (const [event, handler] of Object.entries(this.on)) this.model.off(event, handler);
    for (const { url } of this.previews.values()) URL.revokeObjectURL(url);
  }
}

const FULL_SIZE = ".nbkit-images-hidden dialog";

class View {
  constructor(store, el) {
    this.store = store;
    this.cells = new Map(); // place -> td
    this.seen = new Set();
    this.root = make("div", { class: "nbkit-board" });
    this.problem = make("div", { class: "nbkit-board-problem", role: "alert" });
    el.append(this.root, this.problem);
    this.sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) this.seen[isIntersecting ? "add" : "delete"](Number(target.dataset.place));
      this.askSoon();
    }, { rootMargin: "300px" });
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.root);
    this.root.addEventListener("click", (event) => this.click(event));
    this.root.addEventListener("dblclick", (event) => { const td = this.tdOf(event); if (td) this.open(Number(td.dataset.place)); });
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.over = new AbortController();
    this.comeBack(this.over.signal);
    store.views.add(this);
    this.build();
  }

  close() {
    this.store.views.delete(this);
    this.sight.disconnect();
    this.watch.disconnect();
    this.over.abort();
    clearTimeout(this.later);
  }

  get model() { return this.store.model; }

  build() {
    this.sight.disconnect();
    this.seen.clear();
    this.cells.clear();
    const [down, across] = this.model.get("names");
    this.fit();
    this.root.replaceChildren(...this.model.get("tables").map((table) => this.table(table, down, across)));
    const first = this.root.querySelector("td[data-place]");
    if (first) first.tabIndex = 0;
    this.mark();
    for (const place of this.cells.keys()) this.draw(place);
  }

  fit() { // all columns beside each other as long as something can be seen in them
    const widest = Math.max(1, ...this.model.get("tables").map(({ columns }) => columns.length));
    const heading = this.model.get("names")[0] ? 118 : 14;
    const room = this.root.clientWidth ? Math.floor((this.root.clientWidth - heading) / widest) - 5 : Infinity;
    this.root.style.setProperty("--nbkit-tile", `${Math.max(SMALLEST, Math.min(this.model.get("size"), room))}px`);
    requestAnimationFrame(() => this.reach());
  }

  reach() { // what is larger than its place is moved by keyboard, too
    for (const part of this.root.querySelectorAll(".nbkit-board-scroll")) {
      const moves = part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight;
      for (const [name, value] of [["tabindex", "0"], ["role", "group"], ["aria-label", `${part.dataset.name}, scrolled`]])
        if (moves) part.setAttribute(name, value);
        else part.removeAttribute(name);
    }
  }

  table({ title, rows, columns, places }, down, across) {
    const named = (name, value) => (name ? [make("span", { class: "nbkit-board-axis" }, name), ` ${value}`] : [value]);
    const name = [title, this.model.get("label")].filter(Boolean).join(": ");
    const table = make("table", { role: "grid", "aria-label": name, "aria-multiselectable": "true" });
    if (title) table.append(make("caption", {}, title));
    if (across) {
      const corner = down ? [make("td", { class: "nbkit-board-corner" })] : [];
      table.append(make("thead", {}, make("tr", {}, ...corner, ...columns.map((value) => make("th", { scope: "col" }, ...named(across, value))))));
    }
    table.append(make("tbody", {}, ...places.map((line, r) => make("tr", {},
      ...(down ? [make("th", { scope: "row" }, ...named(down, rows[r]))] : []), ...line.map((place) => this.cell(place))))));
    return make("div", { class: "nbkit-board-scroll", "data-name": name }, table);
  }

  cell(place) {
    if (place < 0) return make("td", { class: "nbkit-board-none" }, make("span", { class: "nbkit-unseen" }, "no such cell"));
    const td = make("td", { "data-place": place, tabindex: "-1", "aria-selected": "false" });
    this.cells.set(place, td);
    this.sight.observe(td);
    return td;
  }

  draw(place) {
    const td = this.cells.get(place), tile = this.store.tiles.get(place);
    if (!td || !tile) return;
    td.dataset.status = tile.status;
    const preview = this.store.previews.get(tile.id), broken = this.store.broken.get(tile.id);
    if (preview) {
      const image = td.querySelector("img") ?? make("img", { draggable: "false", decoding: "async" });
      image.alt = tile.alt;
      td.title = tile.alt;
      if (image.src !== preview.url) image.src = preview.url;
      const note = tile.note ? [make("div", { class: "nbkit-board-note" }, tile.note)] : [];
      td.replaceChildren(image, ...note);
    } else {
      const word = tile.id >= 0 ? broken ?? "" : `${SIGNS[tile.status] ?? ""} ${tile.status}`;
      const note = tile.note ? [make("div", { class: "nbkit-board-note" }, tile.note)] : [];
      td.replaceChildren(make("div", { class: "nbkit-board-blank" }, make("span", {}, word), ...note));
    }
    if (tile.id >= 0 && !preview) this.askSoon();
  }

  drawPictures(ids) { for (const [place, tile] of this.store.tiles) if (ids.has(tile.id)) this.draw(place); }

  mark() {
    const chosen = new Set(this.model.get("chosen"));
    if (document.activeElement?.closest?.(FULL_SIZE)) [this.last] = chosen; // it shows another cell
    for (const [place, td] of this.cells) td.setAttribute("aria-selected", String(chosen.has(place)));
    this.root.classList.toggle("nbkit-board-bare", this.model.get("bare"));
    this.problem.textContent = this.model.get("problem");
    if (this.store.broken.size) this.askSoon(); // a file that was gone may have been fetched since
  }

  askSoon() {
    this.later ??= setTimeout(() => {
      this.later = undefined;
      const wish = this.model.get("size") * Math.min(window.devicePixelRatio || 1, 2);
      const seen = [...this.seen].sort((a, b) => a - b);
      const rest = this.cells.size <= FEW ? [...this.cells.keys()].filter((place) => !this.seen.has(place)) : [];
      this.store.want([...seen, ...rest], PIXELS.find((step) => step >= wish) ?? PIXELS.at(-1));
    }, 60);
  }

  tdOf(event) { return event.target.closest?.("td[data-place]"); }

  focus(td) {
    for (const other of this.root.querySelectorAll('td[tabindex="0"]')) other.tabIndex = -1;
    td.tabIndex = 0;
    td.focus();
  }

  choose(place, add) {
    const chosen = this.model.get("chosen");
    const rest = add ? chosen.filter((other) => other !== place) : [];
    this.store.send({ type: "choose", at: add && chosen.includes(place) ? rest : [...rest, place].slice(-4) });
  }

  open(place) {
    const chosen = this.model.get("chosen");
    const at = chosen.length > 1 && chosen.includes(place) ? chosen : [place];
    if (!at.some((one) => (this.store.tiles.get(one)?.id ?? -1) >= 0)) return;
    if (at !== chosen) this.store.send({ type: "choose", at });
    this.store.send({ type: "open", at });
    this.from = place;
    this.last = undefined;
  }

  comeBack(signal) { // the lightbox is a widget of its own; whoever leaves it goes on at the cell that it showed last
    document.addEventListener("close", (event) => {
      const td = this.from !== undefined && this.cells.get(this.last ?? this.from);
      if (!td || !event.target.matches?.(FULL_SIZE)) return;
      this.from = undefined;
      setTimeout(() => td.focus(), 0);
    }, { capture: true, signal });
    document.addEventListener("focusin", ({ target }) => { // whoever went elsewhere, because none opened, stays there
      if (!target.closest?.("dialog") && target !== this.cells.get(this.from)) this.from = undefined;
    }, { signal });
  }

  click(event) {
    const td = this.tdOf(event);
    if (!td) return;
    this.focus(td);
    if (event.detail < 2) this.choose(Number(td.dataset.place), event.ctrlKey || event.metaKey || event.shiftKey);
  }

  key(event) {
    const td = this.tdOf(event);
    if (!td || event.altKey) return;
    const place = Number(td.dataset.place);
    const to = this.target(td, event);
    if (to) this.focus(to);
    else if (event.key === "Enter") this.open(place);
    else if (event.key === " ") this.choose(place, true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  target(td, event) {
    const line = [...td.parentNode.querySelectorAll("td[data-place]")];
    const column = td.cellIndex;
    const rows = [...this.root.querySelectorAll("tbody tr")];
    const below = (by) => {
      for (let r = rows.indexOf(td.parentNode) + by; rows[r]; r += by) {
        const found = rows[r].cells[Math.min(column, rows[r].cells.length - 1)];
        if (found?.dataset.place !== undefined) return found;
      }
      return td;
    };
    const all = [...this.root.querySelectorAll("td[data-place]")];
    switch (event.key) {
      case "ArrowRight": return line[line.indexOf(td) + 1] ?? td;
      case "ArrowLeft": return line[line.indexOf(td) - 1] ?? td;
      case "ArrowDown": return below(1);
      case "ArrowUp": return below(-1);
      case "Home": return event.ctrlKey || event.metaKey ? all[0] : line[0];
      case "End": return event.ctrlKey || event.metaKey ? all.at(-1) : line.at(-1);
      default: return null;
    }
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
