// Elements and words, as every part of the grid makes them.

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const number = (n) => n.toLocaleString("en");

function write(element, text) { // a text that is the same is left alone: a screen reader would read it out again
  if (element.textContent !== text) element.textContent = text;
}
