// Elements, icons and names: what all scripts of a panel share.

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const ICONS = {
  undo: "M6 3 2.5 6.5 6 10M2.5 6.5H10a3.5 3.5 0 0 1 0 7H6",
  redo: "M10 3l3.5 3.5L10 10M13.5 6.5H6a3.5 3.5 0 0 0 0 7h4",
  reset: "M3 3v4h4M3.5 7A5 5 0 1 1 3 9.5",
  history: "M8 4.5V8l2.5 1.5M2.5 8A5.5 5.5 0 1 0 8 2.5 5.5 5.5 0 0 0 3.2 5.3M3 2.5v3h3",
  presets: "M4 2.5h8v11L8 10.6l-4 2.9z",
  keys: "M2 4.5h12v7H2zM4.5 7h.01M7 7h.01M9.5 7h.01M11.8 7h.01M5 9.3h6",
  random: "M2 4.5h2.5l6 7H14M2 11.5h2.5l1.8-2.1M8.7 6.6l1.8-2.1H14M12 2.7l2 1.8-2 1.8M12 9.7l2 1.8-2 1.8",
  locked: "M4 7.5h8v6H4zM5.5 7.5V5.2a2.5 2.5 0 0 1 5 0v2.3",
  unlocked: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 4.9-.7",
  last: "M8 2.5v6M5.5 6 8 8.5 10.5 6M3 11.5h10",
  clear: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  save: "M8 2.5v7.5M5 7.300 8 10.300l3-3M3 13.200h10",
  full: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  compare: "M2.5 3h4.800v10H2.5zM8.700 3h4.800v10H8.700z",
  vary: "M2.5 4.5h5M11 4.5h2.5M9.2 2.8v3.4M2.5 8h2M8 8h5.5M6.2 6.300v3.400M2.5 11.500h6M12 11.500h1.500M10.200 9.800v3.400",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "nbkit-icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function iconButton(name, label, press, attributes = {}) {
  return h("button", { type: "button", class: "nbkit-icon-button", "aria-label": label, title: label, onclick: press, ...attributes }, icon(name));
}

function textButton(label, press, { class: more = "", ...attributes } = {}) {
  return h("button", { type: "button", class: `nbkit-button ${more}`, onclick: press, ...attributes }, label);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// A small window below its button: Escape and a press elsewhere close it, and the focus goes back.
function popup(button, label, fill) {
  const box = h("div", { class: "nbkit-popup", role: "dialog", "aria-label": label, hidden: true, tabindex: "-1" });
  const shut = (back = true) => {
    if (box.hidden) return false;
    box.hidden = true;
    button.setAttribute("aria-expanded", "false");
    if (back) button.focus();
    return true;
  };
  const open = () => {
    box.replaceChildren();
    fill(box, shut);
    box.hidden = false;
    button.setAttribute("aria-expanded", "true");
    (box.querySelector("input, button") ?? box).focus();
  };
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => (box.hidden ? open() : shut()));
  box.addEventListener("nbkit-shut", () => shut());
  box.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !box.contains(event.relatedTarget) && event.relatedTarget !== button) shut(false);
  });
  const away = (event) => { if (!box.contains(event.target) && !button.contains(event.target)) shut(false); };
  document.addEventListener("pointerdown", away, true);
  return { box, open, shut, close: () => document.removeEventListener("pointerdown", away, true) };
}
