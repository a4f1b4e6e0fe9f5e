// The controls of an explorer: which axis goes where, which value the others have, how large tiles are; and what can be
// done with the chosen pictures. Their arrow keys are their own, not the notebook's.

const TINIEST = 40, HUGEST = 512; // pixels of a tile
const RATED = [1, 2, 3, 4, 5];

class Controls {
  constructor(view) {
    this.view = view;
    this.sides = Object.fromEntries(SIDES.map(([side, name]) => [side, this.choice(name, (value) => view.assign(side, Number(value)))]));
    this.size = make("input", { type: "range", min: TINIEST, max: HUGEST, step: 4, "aria-label": "Tile size" });
    this.size.addEventListener("input", () => view.resize(Number(this.size.value)));
    this.size.addEventListener("change", () => view.resize(Number(this.size.value), true));
    this.whole = makeButton("Fit the tiles to the window", "Fit", () => view.resize(0, true));
    this.held = make("div", { class: "nbkit-explorer-held" });
    this.top = make("div", { class: "nbkit-explorer-top" }, ...Object.values(this.sides).map(({ label }) => label),
      make("label", { class: "nbkit-explorer-size" }, "Tile size", this.size), this.whole);
    this.acts = make("div", { class: "nbkit-explorer-acts", role: "group", "aria-label": "Chosen pictures" });
    if (view.store.model.get("marking")) this.build();
  }

  choice(name, chosen) {
    const select = make("select", name ? { "aria-label": name } : {});
    select.addEventListener("change", () => chosen(select.value));
    return { label: make("label", {}, name, select), select };
  }

  // where axes stand

  show() {
    const { projection, sides } = this.view;
    const options = [[-1, "–"], ...projection.axes.map(({ name, values }, axis) => [axis, `${name} (${values.length})`])];
    for (const [side, { select, label }] of Object.entries(this.sides)) {
      fillSelect(select, options, sides[side]);
      label.hidden = projection.axes.length < { rows: 1, columns: 1, slider: 2, pages: 3 }[side];
    }
    this.hold();
  }

  hold() { // a control for each axis that is neither down the side nor along the top
    const { projection, sides } = this.view;
    const rest = projection.axes.map((_, axis) => axis).filter((axis) => axis !== sides.rows && axis !== sides.columns && projection.count(axis) > 1);
    const is = JSON.stringify([rest, sides.slider, projection.axes]);
    if (this.is !== is) {
      this.is = is;
      this.values = new Map(rest.map((axis) => [axis, axis === sides.slider ? this.slider(axis) : this.pager(axis)]));
      this.held.replaceChildren(...[...this.values.values()].map(({ element }) => element));
      this.held.hidden = !rest.length;
    }
    for (const [axis, { write }] of this.values) write(this.view.at[axis]);
  }

  slider(axis) {
    const { name, values } = this.view.projection.axes[axis];
    const range = make("input", { type: "range", min: 0, max: values.length - 1, step: 1, "aria-label": name });
    const told = make("output", {});
    range.addEventListener("input", () => this.view.turn(axis, Number(range.value)));
    range.addEventListener("change", () => this.view.save());
    const ends = make("span", { class: "nbkit-explorer-axis" }, name);
    return {
      element: make("label", { class: "nbkit-explorer-slider" }, ends, range, told),
      write: (index) => {
        range.value = index;
        range.setAttribute("aria-valuetext", values[index]);
        write(told, `${values[index]}  (${index + 1} of ${values.length})`);
      },
    };
  }

  pager(axis) {
    const { name, values } = this.view.projection.axes[axis];
    const { select, label } = this.choice(name, (value) => this.step(axis, Number(value)));
    fillSelect(select, values.map((value, index) => [index, value]), 0);
    const [before, after] = [-1, 1].map((by) => makeButton(`${by < 0 ? "Previous" : "Next"} ${name}`, by < 0 ? "‹" : "›", () => this.step(axis, this.view.at[axis] + by)));
    label.firstChild.replaceWith(make("span", { class: "nbkit-explorer-axis" }, name));
    return {
      element: make("span", { class: "nbkit-explorer-pager" }, label, before, after),
      write: (index) => {
        select.value = index;
        dim(before, index === 0);
        dim(after, index === values.length - 1);
      },
    };
  }

  step(axis, index) {
    if (index < 0 || index >= this.view.projection.count(axis)) return;
    this.view.turn(axis, index);
    this.view.save();
  }

  // what can be done with the chosen ones

  build() {
    const { view } = this;
    const mark = (name, text, key) => makeButton(name, text, () => view.markChosen(key));
    this.rate = [...RATED.map((n) => mark(`Rate ${n} (${n})`, "★", String(n))), mark("Keep (k)", "✓", "k"), mark("Reject (x)", "✗", "x")];
    this.compare = makeButton("Compare", "Compare", () => view.compare());
    this.compare.title = "Show two to four chosen pictures side by side (c)";
    this.promote = makeButton("Promote", "Promote", () => this.press("promote", { quote: view.store.model.get("offer").quote }));
    this.promote.className = "nbkit-explorer-paid";
    this.tier = this.choice("", (tier) => this.press("tier", { tier }));
    this.tier.select.setAttribute("aria-label", "Resolution of promoted pictures");
    this.panel = makeButton("Open in panel", "Open in panel", () => this.press("panel"));
    this.panel.title = "A panel with the settings of the chosen picture";
    this.export = makeButton("Export", "Export", () => this.press("export"));
    this.export.title = "Write this grid as one HTML file, which opens without Jupyter and without a network";
    this.stop = makeButton("Stop promoting", "Stop", () => this.press("stop"));
    this.acts.append(make("span", { class: "nbkit-explorer-rate", role: "group", "aria-label": "Rate" }, ...this.rate),
      this.compare, make("span", { class: "nbkit-explorer-promote" }, this.promote, this.tier.label), this.stop, this.panel, this.export);
  }

  press(button, more = {}) {
    const at = this[button]?.getAttribute?.("aria-disabled") === "true";
    if (!at && !this.view.store.send({ type: "press", button, ...more })) this.view.refuse();
  }

  offer() { // what may be pressed for the pictures that are chosen
    const { view } = this, { model } = view.store;
    if (!this.rate) return;
    const chosen = view.chosen(), pictures = chosen.filter((place) => view.store.fact(place)?.name);
    const { promote = "", exact = "", quote = 0, tiers = [], tier = "", busy = false } = model.get("offer");
    for (const button of this.rate) dim(button, !pictures.length);
    const rating = pictures.length === 1 ? view.store.fact(pictures[0]).rating ?? 0 : 0;
    this.rate.forEach((button, i) => button.classList.toggle("nbkit-explorer-on", i < rating));
    dim(this.compare, pictures.length < 2 || pictures.length > SIDE);
    dim(this.promote, !quote || busy);
    dim(this.panel, chosen.length !== 1);
    dim(this.export, !view.store.total);
    write(this.promote, promote || "Promote");
    this.promote.setAttribute("aria-label", promote || "Promote");
    this.promote.title = exact || "Make the chosen pictures again, larger";
    fillSelect(this.tier.select, tiers.map((name) => [name, name]), tier);
    this.stop.hidden = !busy;
  }
}

function dim(button, idle) { // a disabled button would lose the focus
  if (idle) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

function fillSelect(select, options, value) {
  const is = JSON.stringify(options);
  if (select.dataset.is !== is) {
    select.dataset.is = is;
    select.replaceChildren(...options.map(([key, text]) => make("option", { value: key }, text)));
  }
  select.value = value;
}
