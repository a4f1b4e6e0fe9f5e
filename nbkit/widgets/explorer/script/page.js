// The explorer without a kernel, in a file or in a plain output: the page has everything that a kernel would tell, and the
// pictures stand in the tables that the explorer takes the place of. Python's side is page.py.

class FileStore extends Store {
  constructor(values, urls, links) {
    const given = { version: 1, size: 0, tile: 0, offer: {}, actions: [], detailed: false, marking: false, multiple: true, message: "", problem: "", ...values };
    super({ get: (name) => given[name], set: (name, value) => { given[name] = value; }, save_changes() {}, on() {}, off() {}, send() {} });
    Object.assign(this, { urls, links }); // by place
    this.hearRows({ version: 1, parts: [[0, values.facts]] });
    for (const [place, url] of urls) this.previews.set(place, { url, pixels: Infinity });
  }

  get live() { return false; }

  expect() {}
  evict() {}

  fetch(ids) { // in a notebook beside its log, the table links the original
    for (const id of ids) if (this.urls.has(id)) this.original(id);
  }

  async original(id) {
    const url = this.urls.get(id), link = this.links.get(id);
    this.originals.set(id, { url, preview: true });
    if (!link) return;
    const image = make("img", { src: link });
    await image.decode().then(() => {
      this.originals.set(id, { url: link });
      Object.assign(this.facts.get(id) ?? {}, { width: image.naturalWidth, height: image.naturalHeight });
      this.tell("paint");
    }, () => {});
  }
}

const WIDGET = ".jp-OutputArea-output:not([data-mime-type])";
const DRAWN = 1000; // milliseconds until a widget that lives is drawn

function explore(root) {
  const values = JSON.parse(root.dataset.nbkitExplore), urls = new Map(), links = new Map();
  for (const tile of root.querySelectorAll("[data-nbkit-place]")) {
    tile.querySelectorAll("img, [role=img]").forEach((image, i) => {
      const place = Number(tile.dataset.nbkitPlace) + i;
      if (image.src) urls.set(place, image.src);
      if (image.closest("a")) links.set(place, image.closest("a").href);
    });
  }
  root.replaceChildren(...(style ? [Object.assign(document.createElement("style"), { textContent: style })] : []));
  new ExplorerView(new FileStore(values, urls, links), root);
}

for (const root of document.querySelectorAll("[data-nbkit-explore]:not([data-nbkit-ready])")) {
  root.dataset.nbkitReady = ""; // each once, however often the script runs
  const beside = root.closest(".jp-OutputArea")?.querySelector(WIDGET);
  new IntersectionObserver(([{ isIntersecting }], watch) => { // what stands aside for a living widget is not drawn
    if (isIntersecting) setTimeout(() => {
      if (!root.checkVisibility()) return;
      watch.disconnect();
      explore(root);
    }, beside ? DRAWN : 0);
  }).observe(root);
}
