// Elements and texts, as every part of the grid makes them.

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function makeButton(name, text, press) {
  const element = make("button", { type: "button", "aria-label": name, title: name }, text);
  element.addEventListener("click", press);
  return element;
}

const number = (n) => n.toLocaleString("en");

function write(element, text) { // the same text is left alone: a screen reader would read it again
  if (element.textContent !== text) element.textContent = text;
}
