// What can be done with the picture above, and its versions. Python's side is tools.py.

export default {
  render({ model, el }) {
    const press = (button, more = {}) => model.send({ kind: "press", button, ...more });
    const which = h("span", { class: "nbkit-which" });
    const edit = textButton("Edit this", () => press("edit"), { class: "nbkit-edit", title: "Make it the only reference image, and describe the change" });
    const paid = h("span", { class: "nbkit-paid-tools" });
    const full = iconButton("full", "Full size", () => press("full"));
    const settings = h("input", { type: "checkbox" });
    settings.checked = true;
    const include = h("label", { class: "nbkit-include", title: "What is saved carries its settings: nbkit.read gives them back, and so does a drop on a panel" }, settings, "Include settings");
    const save = iconButton("save", "Save", () => press("save", { settings: settings.checked }), { title: "Save the file; More has whether it includes its settings" });
    const compare = iconButton("compare", "Compare", () => press("compare"), { title: "Compare with the picture before it" });
    const more = iconButton("more", "More", () => {});
    const entries = [
      ["settings", "Use settings", "Set all controls as this run had them"],
      ["settings without prompt", "Use settings, keep prompt", "Set all controls but the prompt"],
      ["seed", "Use this seed", "Set the seed to this picture's"],
      ["reference", "Add as reference", "Add this picture to the reference images"],
    ];
    const menu = popup(more, "More", (box, shut) => {
      const { picture, run, seed } = model.get("offer");
      const can = { settings: run, "settings without prompt": run, seed, reference: picture };
      box.append(include, ...entries.map(([name, label, title]) => textButton(label, () => { shut(); press(name); }, { class: "nbkit-choice-row", title, disabled: !can[name] })));
    });
    const row = h("div", { class: "nbkit-tools-row", role: "toolbar", "aria-label": "picture" }, which, edit, paid, h("span", { class: "nbkit-icons" }, full, save, compare, more), menu.box);
    const versions = h("nav", { class: "nbkit-versions", "aria-label": "versions", hidden: true });
    el.append(row, versions);

    const drawOffer = () => {
      const offer = model.get("offer");
      setText(which, offer.which ?? "");
      for (const button of [edit, full, save]) button.disabled = !offer.picture;
      compare.disabled = !offer.compare;
      compare.setAttribute("aria-pressed", String(offer.compared));
      more.disabled = !offer.run;
      const had = paid.contains(document.activeElement) ? document.activeElement.dataset.name : "";
      paid.replaceChildren(...offer.paid.map((one) => h("button", {
        type: "button", class: "nbkit-button nbkit-paid-button", "data-name": one.name, disabled: !one.quote,
        title: one.exact ? `${one.title}: ${one.exact}` : one.title,
        "aria-label": `${one.name === "Rerun" ? "Rerun" : `Make final ${one.name}`}${one.price ? ` · ${one.price}` : ""}`,
        onclick: (event) => { if (event.detail < 2) press(one.name, { quote: one.quote }); },
      }, one.name, " ", h("span", { class: "nbkit-price" }, one.price))));
      if (had) paid.querySelector(`[data-name="${had}"]`)?.focus();
      row.style.visibility = offer.run ? "" : "hidden"; // what is below keeps its place
    };

    const drawVersions = () => {
      const { path = [], edits = [], cost, here, many } = model.get("thread");
      versions.hidden = !path.length;
      if (!path.length) return;
      const step = (one, text) => textButton(text, () => press("version", { uuid: one.uuid }), {
        class: "nbkit-version", "aria-current": one.uuid === here ? "true" : null,
        title: [one.prompt, one.changed, one.cost].filter(Boolean).join("\n"),
      });
      const list = (items, text) => items.flatMap((one, index) => [...(index ? [" "] : []), h("li", {}, step(one, text(one, index)))]);
      versions.replaceChildren(
        h("ol", {}, ...list(path, (one, index) => `${index + 1} ${one.label}`)),
        ...(edits.length ? [h("span", { class: "nbkit-quiet" }, "Edits:"), h("ul", {}, ...list(edits, (one) => one.label))] : []),
        h("span", { class: "nbkit-quiet" }, `${cost} so far${many > path.length + edits.length ? ` · ${many} versions in all` : ""}`));
    };
    model.on("change:offer", drawOffer);
    model.on("change:thread", drawVersions);
    drawOffer();
    drawVersions();
    return () => {
      menu.close();
      model.off("change:offer", drawOffer);
      model.off("change:thread", drawVersions);
    };
  },
};
