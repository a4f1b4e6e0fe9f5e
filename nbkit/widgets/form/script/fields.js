// The controls: one function for each kind, all with a label in words, the API's name in their accessible name, their
// sentence of help on focus and hover, and what is wrong under them.

const KINDS = { text: textField, line: lineField, slider: sliderField, select: selectField, buttons: buttonsField, seed: seedField, pixels: pixelsField, references: referencesField };

function drawField(model, store, field) {
  const id = `nbkit-${newKey()}`;
  const name = `${field.title} (${field.api})`;
  const tip = h("div", { class: "nbkit-tip", id: `${id}-tip`, role: "tooltip" }, field.help, ...(field.prompt ? [] : [" ", h("code", {}, field.api)]));
  const wrong = h("div", { class: "nbkit-complaint", id: `${id}-wrong`, role: "alert" });
  const note = h("div", { class: "nbkit-quiet nbkit-note", id: `${id}-note` });
  const told = { id, "aria-describedby": `${id}-tip ${id}-wrong ${id}-note` };
  // What the model takes: its own choices and bounds stand in for the declared ones.
  const own = () => store.state.own[field.name] ?? {};
  const make = () => KINDS[field.kind]({ model, store, field: { ...field, ...own() }, id, name, told });
  let control = make();
  let made = JSON.stringify(own());
  const mark = field.vary ? [iconButton("vary", `Vary ${field.api}`, () => store.press({ kind: "do", what: "vary", name: field.name }), { class: "nbkit-icon-button nbkit-vary", "aria-pressed": "false", title: `Vary ${field.api}: make it an axis of several values` })] : [];
  const title = control.heading ?? h(control.labelled ? "label" : "span", { class: "nbkit-label", ...(control.labelled ? { for: id } : {}) }, field.title);
  const heading = mark.length ? h("div", { class: "nbkit-marked" }, title, ...mark) : title;
  const root = h("div", { class: `nbkit-field nbkit-kind-${field.kind}`, "data-name": field.name }, heading, control.element, tip, wrong, note);
  const follow = () => {
    const now = JSON.stringify(own());
    if (now === made) return;
    made = now;
    const old = control.element;
    control = make();
    old.replaceWith(control.element);
  };
  const draw = () => {
    follow();
    const shown = isVaried(store, field) ? "" : store.state.complaints[field.key ?? field.name] ?? ""; // its axis says it
    if (wrong.textContent !== shown) wrong.replaceChildren(...lines(shown));
    root.hidden = isVaried(store, field);
    root.classList.toggle("nbkit-wrong", Boolean(shown));
    control.input?.setAttribute("aria-invalid", String(Boolean(shown)));
    control.draw?.();
    const { lacking = "", note: known = "" } = own();
    const set = isSet(store.values[field.name]);
    setText(note, [lacking, store.state.aside[field.name], !lacking && set && known].filter(Boolean).join(" · "));
    root.classList.toggle("nbkit-lacking", Boolean(lacking));
    if (lacking) for (const part of root.querySelectorAll("input, select, textarea, button")) part.disabled = true;
    else root.querySelectorAll(".nbkit-vary").forEach((part) => { part.disabled = false; });
  };
  // The last controls of a panel have no room below them.
  const place = () => root.classList.toggle("nbkit-tip-above", field.prompt || roomBelow(root) < tip.offsetHeight + 8);
  root.addEventListener("pointerenter", place);
  root.addEventListener("focusin", () => { root.classList.remove("nbkit-tip-off"); place(); });
  root.addEventListener("pointerleave", () => root.classList.remove("nbkit-tip-off"));
  // Whoever has begun to type or to choose has read it, and needs what is below.
  for (const act of ["input", "change"]) root.addEventListener(act, () => root.classList.add("nbkit-tip-off"));
  return { root, draw };
}

const isVaried = (store, field) => store.state.axes.some((row) => row.name === field.name);

const lines = (text) => text.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line]));

function roomBelow(root) {
  const outer = root.closest(".nbkit-panel, .nbkit-fields").getBoundingClientRect();
  return Math.min(outer.bottom, window.innerHeight) - root.getBoundingClientRect().bottom;
}

function isSet(value) { return value !== null && value !== undefined && value !== ""; }

function textField({ store, field, name, told }) {
  const input = h("textarea", { ...told, "aria-label": name, rows: field.prompt ? 3 : 2, placeholder: field.help, spellcheck: "true" });
  const grow = () => {
    input.style.height = "auto";
    if (input.scrollHeight) input.style.height = `${input.scrollHeight + 2}px`;
  };
  input.addEventListener("input", () => { store.set(field.name, input.value); grow(); });
  new ResizeObserver(grow).observe(input);
  const draw = () => {
    const value = store.values[field.name] ?? "";
    if (input.value === value) return;
    input.value = value;
    grow();
  };
  return { element: input, input, draw, labelled: true, heading: field.prompt ? "" : undefined };
}

function lineField({ store, field, name, told }) {
  const input = h("input", { ...told, type: "text", "aria-label": name, placeholder: field.unset, autocomplete: "off", spellcheck: "false" });
  // An address is told when it is whole: its credentials then leave the page.
  input.addEventListener(["webhook_url", "upload_endpoint"].includes(field.name) ? "change" : "input", () => store.set(field.name, input.value));
  const draw = () => {
    const value = store.values[field.name] ?? "";
    if (input.value !== value && document.activeElement !== input) input.value = value;
    else if (input.value !== value && !store.dirty.has(field.name)) input.value = value;
  };
  return { element: input, input, draw, labelled: true };
}

function sliderField({ store, field, name, told }) {
  const digits = Number.isInteger(field.step) ? 0 : 2;
  const range = h("input", { type: "range", min: field.min, max: field.max, step: field.step, "aria-label": name, "aria-describedby": told["aria-describedby"] });
  const number = h("input", { ...told, type: "text", inputmode: "decimal", class: "nbkit-number", "aria-label": `${name}, as a number`, placeholder: digits ? "Default" : String(field.rest), autocomplete: "off" });
  const clear = iconButton("clear", `${name}: use the default`, () => { store.set(field.name, null); number.focus(); });
  range.addEventListener("input", () => store.set(field.name, Number(range.value).toFixed(digits)));
  number.addEventListener("input", () => store.set(field.name, number.value));
  number.addEventListener("focus", () => number.select());
  number.addEventListener("keydown", (event) => {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const from = isSet(store.values[field.name]) ? Number(store.values[field.name]) : field.rest;
    const to = Math.min(field.max, Math.max(field.min, from + by * field.step));
    if (!Number.isNaN(to)) store.set(field.name, to.toFixed(digits));
  });
  const draw = () => {
    const value = store.values[field.name];
    const set = isSet(value);
    const there = set ? Number(value) : field.rest;
    if (!Number.isNaN(there)) range.value = there;
    range.style.setProperty("--nbkit-part", set ? `${(100 * (there - field.min)) / (field.max - field.min)}%` : "0%");
    range.setAttribute("aria-valuetext", set ? String(value) : field.unset);
    if (number.value !== (value ?? "") && !(document.activeElement === number && Number(number.value) === there && number.value !== "")) number.value = value ?? "";
    root.classList.toggle("nbkit-unset", !set);
    clear.hidden = !set;
    const off = store.state.draft && field.name === "number_results";
    for (const part of [range, number, clear]) part.disabled = off;
    number.placeholder = off ? "1" : number.placeholder;
  };
  const root = h("div", { class: "nbkit-slider" }, range, number, clear);
  return { element: root, input: number, draw, labelled: true };
}

function selectField({ store, field, name, told }) {
  const first = h("option", { value: "" }, field.unset);
  const input = h("select", { ...told, "aria-label": name }, first, ...field.options.map(([text, value]) => h("option", { value: String(value) }, text)));
  const values = new Map(field.options.map(([, value]) => [String(value), value]));
  input.addEventListener("change", () => store.set(field.name, values.get(input.value) ?? null));
  const draw = () => {
    setText(first, store.state.unset[field.name] ?? field.unset);
    input.value = isSet(store.values[field.name]) ? String(store.values[field.name]) : "";
  };
  return { element: input, input, draw, labelled: true };
}

function buttonsField({ store, field, name, told, id }) {
  const options = [[field.unset, ""], ...field.options];
  const choices = options.map(([text, value]) => {
    const input = h("input", { type: "radio", name: `${id}-choice`, value: String(value), "aria-describedby": told["aria-describedby"] });
    const said = h("span", {}, text);
    input.addEventListener("change", () => store.set(field.name, value === "" ? null : value));
    return { input, said, value: String(value), element: h("label", { class: "nbkit-choice" }, input, said) };
  });
  const root = h("div", { class: "nbkit-choices", role: "radiogroup", "aria-label": name, id }, ...choices.map((one) => one.element));
  const draw = () => {
    const off = store.state.draft && field.name === "resolution";
    const now = off ? String(field.options[0][1]) : isSet(store.values[field.name]) ? String(store.values[field.name]) : "";
    setText(choices[0].said, store.state.unset[field.name] ?? field.unset);
    for (const { input, value } of choices) {
      input.checked = value === now;
      input.disabled = off;
    }
  };
  return { element: root, input: root, draw };
}

function seedField({ store, field, name, told }) {
  const input = h("input", { ...told, type: "text", inputmode: "numeric", "aria-label": name, placeholder: "Random", autocomplete: "off", spellcheck: "false" });
  input.addEventListener("input", () => store.set(field.name, input.value));
  const press = (what) => () => store.press({ kind: "do", what });
  const keep = iconButton("locked", "Keep this seed for the next run", press("keep seed"));
  const last = iconButton("last", "Use the last picture's seed", press("last seed"));
  const tools = [keep, iconButton("random", "New random seed", press("random seed")), last];
  const draw = () => {
    const value = store.values[field.name] ?? "";
    if (input.value !== value) input.value = value;
    const { kept, last: known } = store.state.seed;
    const locked = kept && isSet(value);
    if (keep.dataset.locked !== String(locked)) {
      keep.replaceChildren(icon(locked ? "locked" : "unlocked"));
      keep.dataset.locked = String(locked);
      keep.setAttribute("aria-pressed", String(locked));
    }
    keep.title = !isSet(value) ? "Keep this seed for the next run: there is none yet" : locked ? "The seed is kept for the next run" : "A new seed is drawn after each run";
    keep.disabled = !isSet(value);
    last.disabled = !known;
  };
  return { element: h("div", { class: "nbkit-line" }, input, ...tools), input, draw, labelled: true };
}

function pixelsField({ store, field, name, told }) {
  const shape = h("i", {});
  const input = h("input", { ...told, type: "text", "aria-label": name, placeholder: "As the first reference", autocomplete: "off", spellcheck: "false" });
  input.addEventListener("change", () => store.set(field.name, input.value));
  const draw = () => {
    const [width, height] = store.state.shape;
    const scale = 20 / Math.max(width ?? 1, height ?? 1);
    shape.style.cssText = width ? `width:${Math.max(2, width * scale)}px;height:${Math.max(2, height * scale)}px` : "display:none";
    const value = store.values[field.name] ?? "";
    if (input.value !== value && document.activeElement !== input) input.value = value;
    else if (!store.dirty.has(field.name) && (store.sent.get(field.name) ?? 0) > 0 && store.seen >= store.sent.get(field.name)) input.value = value;
    input.disabled = store.state.draft;
  };
  input.addEventListener("blur", () => draw());
  return { element: h("div", { class: "nbkit-line" }, input, h("span", { class: "nbkit-shape", "aria-hidden": "true" }, shape)), input, draw, labelled: true };
}

function referencesField({ model, store, name, told }) {
  const element = h("div", { class: "nbkit-references" });
  const drawn = showReferences(model, element, store.references, name, told);
  return { element, draw: drawn };
}

// All controls but the first ones in groups that are folded, each behind a button that counts what is set.
function drawFields(model, store, fields = model.get("fields"), name = model.get("description")) {
  const root = h("div", { class: "nbkit-fields", role: "group", "aria-label": name });
  const draws = [];
  const add = (field, to) => {
    const { root: element, draw } = drawField(model, store, field);
    to.append(element);
    draws.push(draw);
  };
  const groups = new Map();
  for (const field of fields) {
    if (!field.group) add(field, root);
    else groups.set(field.group, [...(groups.get(field.group) ?? []), field]);
  }
  const row = h("div", { class: "nbkit-groups" });
  if (groups.size) root.append(row);
  for (const [title, held] of groups) {
    const section = h("div", { class: "nbkit-group", role: "group", "aria-label": title, hidden: true, id: `nbkit-${newKey()}` });
    const button = textButton(title, () => show(section.hidden), { "aria-expanded": "false", "aria-controls": section.id, class: "nbkit-fold" });
    const show = (on) => { section.hidden = !on; button.setAttribute("aria-expanded", String(on)); };
    held.forEach((field) => add(field, section));
    row.append(button);
    root.append(section);
    draws.push(() => {
      const set = held.filter((field) => isSet(store.values[field.name])).length;
      setText(button, set ? `${title} · ${set} set` : title);
      button.hidden = held.every((field) => isVaried(store, field));
      if (held.some((field) => store.state.complaints[field.key ?? field.name])) show(true);
    });
  }
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.target.closest(".nbkit-field")?.classList.add("nbkit-tip-off");
  });
  store.watch(() => draws.forEach((draw) => draw()));
  return root;
}
