// The page's side of references.py. Pictures come and go in messages of their own; what is saved holds only names.
// One of `shared` for each model: views come and go while files are on their way.

const PART = 1 << 20; // bytes; a server cuts a connection over which more than 10 MiB come at once
const LONGEST_TEXT = 100_000; // characters; no address is longer
const OWN = "application/x-nbkit-reference";

// -- between the page and the kernel

function connectReferences(model) {
  const shared = { pictures: new Map(), asked: new Set(), answers: new Map(), views: new Set(), queue: Promise.resolve() };
  const draw = () => shared.views.forEach((view) => view.draw());

  const follow = () => {
    const tiles = model.get("tiles");
    const lacking = tiles.filter((tile) => tile.kind === "picture" && !shared.asked.has(tile.key)).map((tile) => tile.key);
    lacking.forEach((key) => shared.asked.add(key));
    if (lacking.length) model.send({ kind: "want", keys: lacking });
    draw();
    const kept = new Set(tiles.map((tile) => tile.key));
    for (const [key, url] of shared.pictures) {
      if (kept.has(key)) continue;
      URL.revokeObjectURL(url);
      shared.pictures.delete(key);
      shared.asked.delete(key);
    }
  };

  const hear = (message, data) => {
    if (message.kind === "thumbnail" && data?.length && !shared.pictures.has(message.key)) {
      if (!model.get("tiles").some((tile) => tile.key === message.key)) return;
      shared.pictures.set(message.key, URL.createObjectURL(new Blob([data[0]])));
      draw();
    } else if (message.kind === "more" || message.kind === "over") {
      shared.answers.get(message.key)?.(message.kind);
    } else if (message.kind === "left") {
      shared.left = message.text;
      shared.views.forEach((view) => view.giveBack(message.text));
    }
  };

  const leave = () => {
    for (const key of shared.answers.keys()) model.send({ kind: "unusable", key, name: "A file", why: "its page was left" });
  };

  model.on("change:tiles", follow);
  model.on("msg:custom", hear);
  window.addEventListener("pagehide", leave);
  model.send({ kind: "hello" });
  follow();
  shared.close = () => {
    model.off("change:tiles", follow);
    model.off("msg:custom", hear);
    window.removeEventListener("pagehide", leave);
    shared.pictures.forEach((url) => URL.revokeObjectURL(url));
    shared.pictures.clear();
  };
  return shared;
}

function takeFiles(model, shared, files) {
  const batch = [...files].map((file) => ({ file, name: file.name || "picture", key: newKey() }));
  if (!batch.length) return;
  model.send({ kind: "files", files: batch.map(({ file, name, key }) => ({ key, name, size: file.size })) });
  for (const one of batch) shared.queue = shared.queue.then(() => upload(model, shared, one));
}

// A picture whose settings are wanted; the kernel reads the first one.
function takeSettings(model, shared, files) {
  const [file] = files, key = newKey(), name = file.name || "picture";
  model.send({ kind: "settings of", key, name, size: file.size, others: files.length - 1 });
  shared.queue = shared.queue.then(() => upload(model, shared, { file, name, key }));
}

async function upload(model, shared, { file, name, key }) {
  try {
    let answer = "more";
    for (let at = 0; answer === "more"; at += PART) {
      const bytes = await file.slice(at, at + PART).arrayBuffer();
      const answered = new Promise((resolve) => shared.answers.set(key, resolve));
      model.send({ kind: "part", key }, undefined, [bytes]);
      answer = await answered;
    }
  } catch (error) {
    model.send({ kind: "unusable", key, name, why: `it cannot be read; a folder cannot be taken (${error.message})` });
  } finally {
    shared.answers.delete(key);
  }
}

function takeText(model, shared, text) {
  const given = text.trim();
  const file = given.startsWith("data:") && fileOf(given);
  if (file) takeFiles(model, shared, [file]);
  else if (given.length > LONGEST_TEXT) model.send({ kind: "unusable", key: "", name: "The text", why: "it is too long for an address" });
  else if (given || shared.left) model.send({ kind: "text", text: given });
}

function fileOf(uri) {
  try {
    const content = atob(uri.slice(uri.indexOf(",") + 1));
    return new File([Uint8Array.from(content, (c) => c.charCodeAt(0))], "pasted picture");
  } catch {
    return null; // no base64: the kernel says what is wrong with it
  }
}

function textOf(data) {
  const addresses = data.getData("text/uri-list").split(/\r?\n/).filter((line) => line && !line.startsWith("#"));
  return addresses.join("\n") || data.getData("text/plain");
}

// -- what a person sees

function showReferences(model, el, shared, name, told) {
  const text = h("input", {
    ...told, type: "text", class: "nbkit-ref-text", placeholder: "drop, paste, URL…",
    "aria-label": `${name}: URL or UUID`, autocomplete: "off", spellcheck: "false",
  });
  const input = h("input", { type: "file", multiple: "", accept: "image/*", class: "nbkit-ref-unseen", "aria-label": `${name}: choose files` });
  const invitation = h("span", { class: "nbkit-ref-invitation" });
  const zone = h("div", { class: "nbkit-ref-zone", tabindex: "0", role: "group", "aria-label": `${name}: drop or paste pictures here` },
    invitation, h("label", { class: "nbkit-ref-choose" }, "Choose files…", input), text);
  const list = h("ol", { class: "nbkit-ref-list", "aria-label": `${name} in order` });
  const status = h("div", { class: "nbkit-ref-unseen", role: "status", "aria-live": "polite" });
  const root = h("div", { class: "nbkit-ref" }, zone, list, status);
  const rows = new Map(); // by key
  let order = null; // null before the first drawing, which is no news

  const view = {
    draw() {
      const tiles = model.get("tiles");
      const focus = focused(list);
      for (const [key, row] of rows) {
        if (tiles.some((tile) => tile.key === key)) continue;
        row.element.remove();
        rows.delete(key);
      }
      tiles.forEach((tile, index) => {
        if (!rows.has(tile.key)) rows.set(tile.key, makeRow(model, shared, tile.key, name));
        const row = rows.get(tile.key);
        row.update(tile, index, tiles.length);
        if (list.children[index] !== row.element) list.insertBefore(row.element, list.children[index] ?? null);
      });
      list.hidden = !tiles.length;
      refocus(focus, rows, list, zone);
      const news = newsOf(tiles, order, focus?.key, model.get("limit"));
      if (news) status.textContent = news;
      order = tiles.filter((tile) => tile.kind !== "coming").map((tile) => tile.key);
    },
    giveBack(words) {
      if (!text.value || text.value === view.given) text.value = words;
      view.given = words;
    },
    given: "",
  };

  const invite = (over) => {
    root.classList.toggle("nbkit-ref-over", over);
    invitation.textContent = over ? "Drop to use as reference" : "";
  };
  const addText = () => {
    takeText(model, shared, text.value);
    text.value = view.given = "";
  };
  const wanted = (event) => ["Files", "text/uri-list", "text/plain"].some((type) => event.dataTransfer.types.includes(type));

  text.addEventListener("change", addText);
  text.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && addText());
  input.addEventListener("change", () => {
    takeFiles(model, shared, input.files);
    input.value = ""; // the same file can be chosen again
  });
  zone.addEventListener("click", (event) => event.target === zone || event.target === invitation ? zone.focus() : null);
  for (const type of ["keydown", "keypress", "keyup", "paste", "copy", "cut"]) root.addEventListener(type, (event) => event.stopPropagation());
  root.addEventListener("paste", (event) => {
    const { files } = event.clipboardData;
    if (!files.length && event.target === text) return;
    event.preventDefault();
    if (files.length) takeFiles(model, shared, files);
    else takeText(model, shared, textOf(event.clipboardData));
  });
  root.addEventListener("dragover", (event) => {
    event.stopPropagation();
    if (event.dataTransfer.types.includes(OWN) || !wanted(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    invite(true);
  });
  root.addEventListener("dragleave", (event) => root.contains(event.relatedTarget) || invite(false));
  root.addEventListener("drop", (event) => {
    event.stopPropagation();
    invite(false);
    if (event.dataTransfer.types.includes(OWN) || (event.target === text && !event.dataTransfer.files.length)) return;
    event.preventDefault();
    if (event.dataTransfer.files.length) takeFiles(model, shared, event.dataTransfer.files);
    else takeText(model, shared, textOf(event.dataTransfer));
  });
  letReorder(model, shared, list);

  invite(false);
  el.append(root);
  shared.views.add(view);
  view.giveBack(shared.left ?? "");
  return () => view.draw();
}

function makeRow(model, shared, key, label) {
  const place = h("div", { class: "nbkit-ref-picture" });
  const badge = h("span", { class: "nbkit-ref-badge" });
  const caption = h("div", { class: "nbkit-ref-name" });
  const button = (role, sign) => h("button", { type: "button", "data-role": role }, h("span", { "aria-hidden": "true" }, sign));
  const [left, drop, right] = [button("left", "◀\uFE0E"), button("remove", "✕\uFE0E"), button("right", "▶\uFE0E")];
  const element = h("li", { class: "nbkit-ref-tile", "data-key": key }, place, badge, caption, h("div", { class: "nbkit-ref-buttons" }, left, drop, right));
  let index = 0;
  let shown = ""; // what stands in the place now, so that a picture is not loaded anew at every change

  left.addEventListener("click", () => model.send({ kind: "move", key, to: index - 1 }));
  right.addEventListener("click", () => model.send({ kind: "move", key, to: index + 1 }));
  drop.addEventListener("click", () => model.send({ kind: "remove", key }));

  const update = (tile, at, count) => {
    index = at;
    const what = `number ${at + 1}, ${tile.name}`;
    badge.textContent = at + 1;
    caption.textContent = tile.name;
    element.title = [tile.name, tile.about].filter(Boolean).join("\n");
    element.draggable = tile.kind !== "coming";
    element.classList.toggle("nbkit-ref-beyond", at >= model.get("limit"));
    nameButton(drop, `${label}: remove ${what}`);
    nameButton(left, `${label}: move ${what}, forward`);
    nameButton(right, `${label}: move ${what}, back`);
    left.disabled = at === 0;
    right.disabled = at === count - 1;
    const picture = shared.pictures.get(key);
    const next = JSON.stringify([tile.kind, tile.word, tile.percent, picture]);
    if (next !== shown) place.replaceChildren(referenceContent(tile, picture));
    shown = next;
  };
  return { element, update, buttons: { left, remove: drop, right } };
}

function referenceContent(tile, picture) {
  if (tile.kind === "coming") {
    const said = tile.percent < 100 ? `${tile.percent} %` : "reading…";
    const bar = h("progress", { max: "100", value: tile.percent, "aria-label": `${tile.name}: on its way` });
    return h("span", { class: "nbkit-ref-word" }, said, bar);
  }
  if (!picture) return h("span", { class: "nbkit-ref-word" }, tile.word ?? "…");
  return h("img", { src: picture, alt: "", draggable: "false" });
}

function nameButton(button, text) {
  button.setAttribute("aria-label", text);
  button.title = text;
}

// -- where the focus is, and what is said

function focused(list) {
  const active = list.getRootNode().activeElement;
  if (!active || !list.contains(active)) return null;
  const element = active.closest("li");
  return { key: element.dataset.key, role: active.dataset.role, index: [...list.children].indexOf(element) };
}

function refocus(focus, rows, list, zone) {
  if (!focus) return;
  const key = rows.has(focus.key) ? focus.key : list.children[Math.min(focus.index, list.children.length - 1)]?.dataset.key;
  const buttons = rows.get(key)?.buttons;
  if (!buttons) {
    zone.focus();
    return;
  }
  const wanted = [buttons[focus.role], buttons.left, buttons.right, buttons.remove].find((button) => button && !button.disabled);
  if (list.getRootNode().activeElement !== wanted) wanted.focus();
}

function newsOf(tiles, before, key, limit) {
  const here = tiles.filter((tile) => tile.kind !== "coming");
  if (!before || here.length !== tiles.length) return "";
  const now = here.map((tile) => tile.key);
  if (now.join() === before.join()) return "";
  const many = `${now.length} reference image${now.length === 1 ? "" : "s"}${now.length > limit ? `, ${limit} are the most` : ""}`;
  const place = now.length === before.length && key ? now.indexOf(key) : -1;
  return place < 0 ? many : `${here[place].name} is now number ${place + 1} of ${now.length}`;
}

// -- dragging one to another place

function letReorder(model, shared, list) {
  let dragged = null;
  let target = null;
  const mark = (element, after) => {
    target?.element.classList.remove("nbkit-ref-before", "nbkit-ref-after");
    target = element && { element, after };
    element?.classList.add(after ? "nbkit-ref-after" : "nbkit-ref-before");
  };
  list.addEventListener("dragstart", (event) => {
    dragged = event.target.closest("li")?.dataset.key;
    event.dataTransfer.setData(OWN, dragged);
    event.dataTransfer.effectAllowed = "move";
    event.stopPropagation();
  });
  list.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault();
    const element = event.target.closest("li");
    const box = element?.getBoundingClientRect();
    if (element) mark(element, event.clientX > box.left + box.width / 2);
  });
  list.addEventListener("drop", (event) => {
    if (!dragged || !target) return;
    event.preventDefault();
    const keys = model.get("tiles").map((tile) => tile.key);
    const from = keys.indexOf(dragged);
    const place = keys.indexOf(target.element.dataset.key) + (target.after ? 1 : 0);
    model.send({ kind: "move", key: dragged, to: place > from ? place - 1 : place });
  });
  list.addEventListener("dragend", () => {
    mark(null);
    dragged = null;
  });
}
