// What a page knows of a form. One for each model, shared by its views: what is typed is here at once, and the
// kernel's state is taken where it has seen what was typed last. How they talk is told in view.py.

const PATIENCE = 400; // milliseconds after which the next change goes although the last one is not seen yet

class Store {
  constructor(model) {
    this.model = model;
    this.page = newKey();
    this.number = 0;
    this.values = {};
    this.dirty = new Map();
    this.sent = new Map();
    this.views = new Set();
    this.kernel = watchKernel(model, () => this.draw());
    this.references = connectReferences(model);
    this.adopt = this.adopt.bind(this);
    model.on("change:state change:seen", this.adopt);
    this.adopt();
  }

  get state() { return this.model.get("state"); }

  get seen() { return this.model.get("seen")[this.page] ?? 0; }

  get isAhead() { return this.dirty.size > 0 || this.seen !== this.number; }

  set(name, value, { whole = false } = {}) { // whole: chosen at once, and a step of its own for undo
    if (this.values[name] === value) return;
    if (whole) this.flush();
    this.whole = whole;
    this.values[name] = value;
    this.dirty.set(name, value);
    if (this.seen === this.number) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), PATIENCE);
    this.draw();
  }

  flush() {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.dirty.size) return;
    this.number += 1;
    for (const name of this.dirty.keys()) this.sent.set(name, this.number);
    this.kernel.send({ kind: "set", page: this.page, number: this.number, values: Object.fromEntries(this.dirty), whole: this.whole ?? false });
    this.dirty.clear();
  }

  press(message) { // with whatever the kernel has not seen, in case it was lost on the way
    for (const [name, number] of this.sent) if (number > this.seen) this.dirty.set(name, this.values[name]);
    this.flush();
    this.kernel.send(message);
  }

  adopt() {
    const { values } = this.state;
    for (const name of new Set([...Object.keys(values), ...Object.keys(this.values)])) {
      if (this.dirty.has(name) || (this.sent.get(name) ?? 0) > this.seen) continue;
      this.values[name] = values[name] ?? null;
    }
    if (this.seen === this.number) this.flush();
    this.draw();
  }

  draw() { this.views.forEach((draw) => draw()); }

  watch(draw) {
    this.views.add(draw);
    draw();
    return () => this.views.delete(draw);
  }

  close() {
    clearTimeout(this.timer);
    this.model.off("change:state change:seen", this.adopt);
    this.references.close();
    this.kernel.stop();
  }
}

function widget(render) {
  return () => {
    let store;
    return {
      initialize({ model }) {
        store = new Store(model);
        return () => store.close();
      },
      render: ({ model, el }) => render(model, store, el),
    };
  };
}
