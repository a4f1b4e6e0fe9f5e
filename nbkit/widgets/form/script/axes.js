// What takes several values: a row for each axis, in the order of the sweep, and how the sweep is run.

const AXIS_HINT = "Vary: give each parameter several values, with the mark at its name. {name} in the prompt works too.";
const VALUES_HINT = "0.2, 0.5 · 1..8 · 1, 2, .., 10 · 0 to 1 in 5";
const WORDS_HINT = "words, with commas between or one per line";

function drawAxes(model, store) {
  const list = h("div", { class: "nbkit-axes-rows" });
  const literal = h("div", { class: "nbkit-line" });
  const hint = h("div", { class: "nbkit-quiet" }, AXIS_HINT);
  const options = drawFields(model, store, model.get("options"), "sweep options");
  const root = h("div", { class: "nbkit-axes", role: "group", "aria-label": "Vary" }, hint, list, literal, options);
  const rows = new Map();
  let listed = "", kept = "";
  const draw = () => {
    const { axes, literal: texts, sweep } = store.state;
    root.hidden = !sweep;
    hint.hidden = axes.length > 0;
    const now = axes.map((row) => row.name).join("\n");
    if (now !== listed) {
      const added = listed || list.isConnected ? axes.filter((row) => !rows.has(row.name) && !row.variable) : [];
      const had = document.activeElement;
      listed = now;
      for (const row of axes) if (!rows.has(row.name)) rows.set(row.name, drawAxis(store, row));
      for (const name of [...rows.keys()]) if (!axes.some((row) => row.name === name)) rows.delete(name);
      list.replaceChildren(...axes.map((row) => rows.get(row.name).root));
      const marked = had?.classList?.contains("nbkit-vary") && added[0];
      if (marked) rows.get(marked.name).focus(); // the control that had the mark is gone
      else if (list.contains(had)) had.focus();
    }
    axes.forEach((row) => rows.get(row.name).draw(row));
    if (texts.join() !== kept) {
      kept = texts.join();
      literal.replaceChildren(...texts.map((name) => textButton(`Vary {${name}}`, () => store.press({ kind: "do", what: "vary", name }), { title: "It stays as text; let it take values again" })));
    }
    literal.hidden = !texts.length;
  };
  store.watch(draw);
  return root;
}

function drawAxis(store, { name, title, api, kind, variable, lines: onlyLines, options = [] }) {
  const id = `nbkit-${newKey()}`;
  const key = `axis:${name}`;
  const said = variable ? `${name} values` : `${title} values (${api})`;
  const many = h("span", { class: "nbkit-quiet" });
  const wrong = h("div", { class: "nbkit-complaint", id: `${id}-wrong`, role: "alert" });
  const stop = iconButton("clear", variable ? `${name} as text` : `Vary ${api}`, () => store.press({ kind: "do", what: "vary", name }), {
    "aria-pressed": variable ? null : "true",
    title: variable ? `{${name}} stays in the prompt as it is` : `One value again for ${api}`,
  });
  const told = { "aria-describedby": `${id}-wrong` };
  const control = kind === "ticks" ? tickedValues(store, key, said, options, told) : typedValues(store, key, said, { ...told, id }, onlyLines ? "one per line" : variable ? WORDS_HINT : VALUES_HINT);
  const label = h(kind === "ticks" ? "span" : "label", { class: "nbkit-label", ...(kind === "ticks" ? {} : { for: id }) }, title);
  const root = h("div", { class: `nbkit-field nbkit-axis nbkit-kind-${kind}`, "data-name": name }, label,
    h("div", { class: "nbkit-line" }, control.element, many, stop), wrong);
  const draw = (row) => {
    const { complaints } = store.state;
    const text = complaints[name] ?? "";
    if (wrong.textContent !== text) wrong.replaceChildren(text);
    root.classList.toggle("nbkit-wrong", Boolean(text));
    control.input.setAttribute("aria-invalid", String(Boolean(text)));
    setText(many, row.many === 1 ? "1 value" : `${row.many} values`);
    control.draw();
  };
  return { root, draw, focus: () => control.first().focus() };
}

function typedValues(store, key, said, told, hint) {
  const input = h("textarea", { ...told, "aria-label": said, rows: 1, placeholder: hint, title: hint, spellcheck: "false" });
  const grow = () => {
    input.style.height = "auto";
    if (input.scrollHeight) input.style.height = `${input.scrollHeight + 2}px`;
  };
  input.addEventListener("input", () => { store.set(key, input.value); grow(); });
  new ResizeObserver(grow).observe(input);
  const draw = () => {
    const value = store.values[key] ?? "";
    if (input.value === value) return;
    input.value = value;
    grow();
  };
  return { element: input, input, draw, first: () => input };
}

function tickedValues(store, key, said, options, told) {
  const chosen = () => new Set((store.values[key] ?? "").split(/[,\n]/).map((word) => word.trim()).filter(Boolean));
  const boxes = options.map(([text, value]) => {
    const input = h("input", { type: "checkbox", ...told });
    input.addEventListener("change", () => {
      const now = chosen();
      if (input.checked) now.add(value);
      else now.delete(value);
      store.set(key, options.map(([, one]) => one).filter((one) => now.has(one)).join(", "));
    });
    return { input, value, element: h("label", { class: "nbkit-tick" }, input, text) };
  });
  const root = h("div", { class: "nbkit-ticks", role: "group", "aria-label": said }, ...boxes.map((box) => box.element));
  const draw = () => {
    const now = chosen();
    for (const { input, value } of boxes) input.checked = now.has(value);
  };
  return { element: root, input: root, draw, first: () => boxes[0].input };
}
