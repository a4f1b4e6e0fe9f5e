// The explorer in a file: everything that a kernel would tell is in the page, and every picture has one size.

class FileStore extends Store {
  constructor(values, urls) {
    const given = { version: 1, size: 0, tile: 0, offer: {}, actions: [], detailed: false, marking: false, multiple: true, message: "", problem: "", ...values };
    super({ get: (name) => given[name], set: (name, value) => { given[name] = value; }, save_changes() {}, on() {}, off() {}, send() {} });
    this.urls = urls; // by place
    this.hearRows({ version: 1, parts: [[0, values.facts]] });
    for (const [place, url] of urls) this.previews.set(place, { url, pixels: Infinity });
  }

  expect() {}
  evict() {}
  fetch(ids) {
    for (const id of ids) if (this.urls.has(id)) this.originals.set(id, { url: this.urls.get(id) });
  }
}

for (const root of document.querySelectorAll("[data-nbkit-explore]")) {
  const { pictures, ...values } = JSON.parse(root.dataset.nbkitExplore);
  const urls = new Map([...root.querySelectorAll("img")].map((image, i) => [pictures[i], image.src]));
  root.replaceChildren();
  new ExplorerView(new FileStore(values, urls), root);
}
