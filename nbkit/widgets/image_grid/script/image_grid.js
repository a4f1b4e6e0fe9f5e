// A grid of pictures: only the tiles near the view are in the page, and their pictures are asked for.
// image_grid.py lists the messages, and the parts that stand before this one in the same module.
// One Store for each model, shared by its views; one View for each output that shows it.

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
