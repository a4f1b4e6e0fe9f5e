// The explorer in a notebook: one Store for each model, shared by its views.

export default () => {
  let store;
  return {
    initialize({ model }) {
      store = new Store(model);
      return () => store.close();
    },
    render({ el }) {
      const view = new ExplorerView(store, el);
      return () => view.close();
    },
  };
};
