// One cell of the grid: its picture, or why there is none, and what was said of it. Its place changes with the slider.

const STATUS = { "failed": "✗", "blocked": "⊘", "unknown": "?", "not run": "·", "running": "…", "removed": "✗" };

class CellTile {
  constructor() {
    this.word = make("div", { class: "nbkit-explorer-word" });
    this.signs = make("div", { class: "nbkit-explorer-signs", "aria-hidden": "true" });
    this.tick = make("span", { class: "nbkit-explorer-tick", "aria-hidden": "true", title: "Select (Ctrl+Space)" });
    this.element = make("div", { class: "nbkit-explorer-cell", role: "gridcell", tabindex: "-1" });
  }

  show(place, facts, fact, image, broken) {
    if (this.place === place && this.fact === fact && this.image === image && this.why === broken) return;
    Object.assign(this, { place, fact, image, why: broken });
    const { element } = this;
    if (place < 0) {
      element.removeAttribute("data-place");
      element.removeAttribute("aria-selected");
      element.setAttribute("aria-label", "no such cell");
      element.dataset.status = "none";
      element.replaceChildren();
      return;
    }
    const status = !fact ? "loading" : fact.status || "done";
    const why = fact && !fact.name ? fact.missing : fact && broken;
    element.dataset.place = place;
    element.dataset.status = status;
    const said = [...facts, status, why, fact?.rating && `rated ${fact.rating} of 5`, fact?.keep !== undefined && (fact?.keep ? "kept" : "rejected")];
    element.setAttribute("aria-label", said.filter(Boolean).join(", "));
    element.title = [facts.join(" · "), why, fact?.note && `✎ ${fact.note}`].filter(Boolean).join("\n");
    this.signs.textContent = fact ? marksOf(fact) : "";
    if (fact?.name && image) element.replaceChildren(image, this.signs, this.tick);
    else {
      const word = !fact || (fact.name && !broken) ? "" : fact.name ? broken : `${STATUS[status] ?? ""} ${status}`;
      const note = fact && !fact.name && fact.missing ? [make("small", {}, fact.missing)] : [];
      this.word.replaceChildren(make("span", {}, word), ...note);
      element.replaceChildren(this.word, this.signs, this.tick);
    }
  }
}

function marksOf({ rating, keep, tags, note }) {
  return [rating && "★".repeat(rating), keep !== undefined && (keep ? "✓" : "✗"), tags && "#", note && "✎"].filter(Boolean).join(" ");
}
