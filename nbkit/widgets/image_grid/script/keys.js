// The keys of the grid and of the lightbox, and the dialog that lists them.

const MARKS = [["1 to 5, 0", "rate, remove the rating"], ["k, x", "keep, reject"], ["u or Ctrl+Z", "undo"]];
const IN_GRID = [
  ["arrows", "move"], ["Home, End", "first, last"], ["Enter or Space", "open in full size"], ["Esc", "select none"],
];
const SEVERAL = [["Shift+arrows", "select several, of which up to four open side by side"], ["Ctrl+A", "select all"]];
const IN_LIGHTBOX = [
  ["← →", "previous, next picture"], ["↑ ↓", "one row up, down"], ["Home, End", "first, last picture"],
  ["+ −, wheel", "zoom"], ["z, double click", "fit or 100 %"], ["Shift+arrows, drag", "move the part that is shown"], ["f", "full screen for an audience, where s shows the settings"], ["Esc", "leave the full screen, close"],
];

const BOXED = [["t, n, /", "to the boxes for tags, note, search"]];

function markOf(event) { // what a key says of pictures: a rating, "k", "x" or "u"; nothing for any other key
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) return key === "z" && !event.shiftKey ? "u" : "";
  return key.length === 1 && "012345kxu".includes(key) ? key : "";
}

class KeyList {
  constructor(model, { marked = BOXED, seen = [] } = {}) { // further keys: where marks are given, and in full size
    const marking = model.get("marking");
    const inGrid = [...IN_GRID, ...(model.get("multiple") ? SEVERAL : []), ...(marking ? [...MARKS, ...marked] : []), ...seen];
    const inLightbox = [...IN_LIGHTBOX, ...(marking ? MARKS : [["0", "fit"]]), ...seen];
    const close = makeButton("Close (Esc)", "✕", () => this.dialog.close());
    this.dialog = make("dialog", { class: "nbkit-images-keys", "aria-label": "Keys" },
      close, keyTable("Among the pictures", inGrid), keyTable("In full size", inLightbox));
    this.dialog.addEventListener("keydown", (event) => {
      event.stopPropagation(); // neither the grid nor the lightbox behind it acts on a key
      if (event.key !== "Escape" && event.key !== "?") return;
      event.preventDefault();
      this.dialog.close();
    });
  }

  show() { this.dialog.showModal(); } // the browser gives the focus back to where it was
}

function keyTable(title, keys) {
  const rows = keys.map(([key, does]) => make("tr", {}, make("th", { scope: "row" }, key), make("td", {}, does)));
  return make("table", {}, make("caption", {}, title), make("tbody", {}, ...rows));
}
