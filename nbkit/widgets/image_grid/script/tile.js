// One tile: a small picture with its signs and facts, the frame of one that is coming, or why there is none.

const LETTER = 13; // pixels: the size of text for which heights are given; they grow with it
const TEXT = 56; // under a picture: its signs, and two lines of facts
const LINE = 22; // under a picture in a contact sheet: one line
const EDGE = 5; // pixels around the picture inside its tile
const PIXELS = [128, 256, 384, 768, 1536, 2048]; // the sizes that the kernel keeps, and one for large screens

function pixelsFor(length) { // the smallest size that shows every pixel of this screen
  const wish = length * Math.min(window.devicePixelRatio || 1, 2);
  return PIXELS.find((step) => step >= wish) ?? PIXELS.at(-1);
}

function heights(element, ...given) { // these heights, or widths of words, for the size of text that an element has
  const grown = (parseFloat(getComputedStyle(element).fontSize) || LETTER) / LETTER;
  return given.map((height) => Math.round(height * grown));
}

const isComing = (fact) => fact?.status === "coming" && !fact.name;

function signs(fact) {
  const parts = fact.badge ? [fact.badge] : [];
  if (fact.rating) parts.push("★".repeat(fact.rating));
  if (fact.keep !== undefined) parts.push(fact.keep ? "✓ kept" : "✗ rejected");
  if (fact.tags) parts.push(`# ${fact.tags}`);
  if (fact.note) parts.push("✎");
  return parts.join("  ");
}

function words(fact) {
  const status = isComing(fact) ? "the picture is coming" : fact.status;
  const parts = [fact.alt || "no prompt", status, fact.missing, fact.badge, ...(fact.caption ?? [])];
  if (fact.rating) parts.push(`rated ${fact.rating} of 5`);
  if (fact.keep !== undefined) parts.push(fact.keep ? "kept" : "rejected");
  if (fact.tags) parts.push(`tags ${fact.tags}`);
  if (fact.note) parts.push(`note ${fact.note}`);
  return parts.filter(Boolean).join(", ");
}

class Tile {
  constructor(id) {
    this.picture = make("div", { class: "nbkit-images-picture" });
    this.signs = make("div", { class: "nbkit-images-signs" });
    this.caption = make("div", { class: "nbkit-images-caption" });
    this.element = make("div", { class: "nbkit-images-tile", role: "option", id }, this.picture, this.signs, this.caption);
  }

  place(place, total, { left, top, width, room, text }) {
    if (this.at !== place || this.of !== total) {
      this.at = place;
      this.of = total;
      this.element.dataset.place = place;
      this.element.setAttribute("aria-posinset", place + 1);
      this.element.setAttribute("aria-setsize", total);
    }
    this.element.style.cssText = `left:${left}px;top:${top}px;width:${width}px;height:${room + text}px`;
    this.picture.style.height = `${room}px`;
  }

  mark(selected, active) {
    this.element.setAttribute("aria-selected", selected);
    this.element.classList.toggle("nbkit-images-active", active);
  }

  show(fact, preview, broken) {
    const url = preview?.url ?? "";
    if (this.fact === fact && this.url === url && this.why === broken) return;
    if (!fact) { // not told yet; what stood here in an earlier showing stays until then
      if (!this.fact) this.element.setAttribute("aria-label", "not loaded yet");
      return;
    }
    this.fact = fact;
    this.url = url;
    this.why = broken;
    this.element.setAttribute("aria-label", words(fact));
    this.signs.textContent = signs(fact);
    this.signs.title = fact.badge ?? "";
    this.caption.replaceChildren(facts(fact.caption ?? []));
    this.caption.title = (fact.caption ?? []).join(" · ");
    this.element.title = fact.note ? `${fact.alt ?? ""}\n✎ ${fact.note}` : (fact.alt ?? "");
    const missing = fact.name ? broken : [fact.status, fact.missing].filter(Boolean).join(": ") || "no picture";
    if (isComing(fact)) this.picture.replaceChildren(make("div", { class: "nbkit-images-blank nbkit-images-coming", style: shape(fact) }));
    else if (missing) this.picture.replaceChildren(make("div", { class: "nbkit-images-missing" }, missing));
    else if (url) this.draw(fact, url);
    else this.picture.replaceChildren(make("div", { class: "nbkit-images-blank", style: shape(fact) }));
  }

  draw(fact, url) {
    const image = this.picture.querySelector("img") ?? make("img", { decoding: "async", draggable: "false" });
    image.alt = fact.alt ?? "";
    if (image.src !== url) image.src = url;
    if (!image.parentNode) this.picture.replaceChildren(image);
  }
}

/* Facts with dots between them. What begins a line shows no dot: the style moves that one out of sight. */
function facts(caption) {
  return make("div", {}, ...caption.flatMap((text, i) =>
    i ? [" ", make("span", { class: "nbkit-images-fact" }, make("span", {}, "· "), text)] : [make("span", { class: "nbkit-images-fact" }, text)]));
}

function shape({ width, height }) { // as large as the room around it lets it, in the shape of the picture
  return width && height ? `aspect-ratio:${width}/${height};width:min(100cqw, 100cqh * ${width / height})` : "width:100%;height:100%";
}
