// A grid of pictures: only the tiles near the view are in the page, and their pictures are asked for.
// What goes to and fro is told in image_grid.py. One Store for each model, shared by its views; one View for each cell.
// The parts stand before this one, in one module: tools, ranges, tile, store, lightbox, view.

export default () => {
  let store;
  return {
    initialize({ model }) {
      store = new Store(model);
      return () => store.close();
    },
    render({ el }) {
      const view = new View(store, el);
      return () => view.close();
    },
  };
};
