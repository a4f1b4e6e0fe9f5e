// What the views of one model share: what the kernel has told, and what it has been asked for.

const BATCH = 50; // previews in one question
const KEPT = 300; // previews in hand, and more where more are in view
const FACTS = 4000;
const PATIENCE = 4000; // milliseconds without an answer before the grid says so
const AHEAD = 12; // pictures that are asked for before there is a view of them
const LIKELY = 1.1; // times its wish a tile is mostly as wide
const FIRST = 384; // pixels of the first preview in a contact sheet, whose room is not known before there is a view
const AGAIN = 20000; // milliseconds after which a question that had no answer may be put again

class Store {
  constructor(model) {
    this.model = model;
    this.me = Math.random().toString(36).slice(2);
    this.views = new Set();
    this.kept = KEPT;
    this.rows = new Map(); // place -> number of the picture, for the version that is shown
    this.facts = new Map(); // number -> facts
    this.previews = new Map(); // number -> {url, pixels}; the one that was seen longest ago comes first
    this.broken = new Map(); // number -> why its preview cannot be made
    this.whole = new Map(); // number -> the whole prompt, where a tile has the beginning of it
    this.originals = new Map(); // number -> {url} or {broken}
    this.details = new Map(); // number -> {lines, problem}, as the owner of the grid tells them
    this.pressed = []; // clicks on tiles of which nothing has been told since
    this.asked = { rows: new Map(), previews: new Map(), originals: new Map() }; // when, by place or by number
    this.saving = new Set();
    this.includes = model.get("remembers"); // whether what is saved carries its settings
    this.waiting = 0;
    this.quiet = false;
    this.kernel = watchKernel(model, () => { clearTimeout(this.waiting); this.waiting = 0; this.quiet = false; this.tell("arrange"); this.tell("say"); });
    this.take();
    this.on = {
      "msg:custom": (content, buffers) => this.hear(content, buffers ?? []),
      "change:version": () => this.renew(),
      "change:chosen": () => this.take() && this.tell("paint"),
    };
    for (const name of ["size", "columns", "tall", "tallest", "shapes", "total", "groups"]) this.on[`change:${name}`] = () => this.tell("arrange");
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
    for (const view of this.views) view.lightbox.renew();
    this.tell("arrange");
    if (!this.views.size) this.askAhead();
  }

  fact(place) { return this.facts.get(this.rows.get(place)); }

  send(content) {
    return this.kernel.send({ ...content, version: this.version });
  }

  select(ranges, active) {
    this.ranges = ranges;
    this.active = active;
    this.told = this.version;
    this.send({ type: "select", ranges, active, by: this.me });
    this.tell("paint");
  }

  // questions

  get live() { return !this.kernel.gone; }

  expect() { // an answer; if none comes, the grid says what that may mean
    if (this.waiting || this.kernel.gone) return;
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

  // The first of a new grid, rows and previews at once: a view takes about as long until it can be drawn. What a page
  // finds when it is loaded again may be many grids that nobody looks at: those wait for a view.
  askAhead() {
    const ranges = tidy([[0, Math.min(this.total, AHEAD)]]);
    if (!ranges.length) return;
    const now = performance.now();
    for (const i of places(ranges)) this.asked.rows.set(i, now);
    this.send({ type: "rows", ranges, pixels: this.model.get("fit") ? FIRST : pixelsFor(this.model.get("size") * LIKELY) });
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
      const told = (!fact?.cut || this.whole.has(id)) && (!this.model.get("detailed") || this.details.has(id));
      const lacking = fact && (!told || (fact.name && !this.originals.has(id)));
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
      details: () => this.hearDetails(content),
      dropped: () => this.hearDropped(content),
      found: () => { for (const view of this.views) view.lightbox.found(content); },
      open: () => this.hearOpen(content),
      top: () => { for (const view of this.views) view.list.scrollTop = 0; },
      save: () => this.hearSave(content),
      saved: () => this.hearSaved(content, buffers),
    }[content.type];
    if (!heard) return;
    if (!["open", "save", "saved"].includes(content.type)) this.answered();
    heard();
  }

  learn(fact) {
    if (fact.name && !this.facts.get(fact.id)?.name) this.broken.delete(fact.id);
    this.facts.delete(fact.id);
    this.facts.set(fact.id, fact);
  }

  hearRows({ version, parts, pixels }) {
    if (version !== this.version) return;
    const now = performance.now();
    const forgotten = [];
    for (const [first, rows] of parts) {
      rows.forEach((row, i) => {
        const id = typeof row === "number" ? row : row.id;
        if (id !== row) this.learn(row);
        else if (!this.facts.has(id)) { forgotten.push([first + i, first + i + 1]); return; }
        this.rows.set(first + i, id);
        if (pixels && this.facts.get(id).name) this.asked.previews.set(id, now); // they come behind this
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
    const shown = new Set([...this.views].flatMap((view) => [...view.shown(), ...view.lightbox.ids()]));
    const most = Math.max(this.kept, 2 * shown.size);
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
    this.paintOpened();
  }

  save(id, broken, buffers) {
    const fact = this.facts.get(id);
    this.unsaved = broken ? `${fact?.name ?? "a picture"} cannot be saved: ${broken}` : "";
    if (!broken) download(buffers[0], fact);
    this.tell("say");
  }

  hearSaved({ fact, broken, beside }, [picture, sidecar]) {
    this.learn(fact);
    this.save(fact.id, broken, [picture]);
    if (sidecar) download(sidecar, { name: `${fact.name}.xmp`, media: "application/rdf+xml" });
    this.beside = beside ?? "";
    this.tell("say");
  }

  hearWhole({ words }) {
    for (const [id, prompt] of words) this.whole.set(id, prompt);
    this.paintOpened();
  }

  hearDetails({ id, lines, problem }) {
    this.details.set(id, { lines, problem });
    this.paintOpened();
  }

  paintOpened() { for (const view of this.views) view.lightbox.paint(); }

  opened() { return new Set([...this.views].flatMap((view) => view.lightbox.ids())); }

  dropOriginals(kept = this.opened()) {
    for (const [id, { url }] of this.originals) {
      if (kept.has(id)) continue;
      if (url) URL.revokeObjectURL(url);
      this.originals.delete(id);
    }
    for (const id of this.details.keys()) if (!kept.has(id)) this.details.delete(id); // they may be others the next time
  }

  hearOpen({ version, at, facts }) {
    if (version !== this.version || !at.length) return;
    facts.forEach((fact, i) => { this.learn(fact); this.rows.set(at[i], fact.id); });
    const view = this.latest ?? [...this.views][0];
    if (view) view.lightbox.open(at);
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
    this.kernel.stop();
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

// The widget of a kind of view: one Store for each model, shared by its views; one view for each output that shows it.
function gridWidget(Kind) {
  return () => {
    let store;
    return {
      initialize({ model }) {
        store = new Store(model);
        return () => store.close();
      },
      render({ el }) {
        const view = new Kind(store, el);
        return () => view.close();
      },
    };
  };
}
