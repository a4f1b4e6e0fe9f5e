// A wipe and a zoom in step for each comparison on the page that has none yet; called with the style sheet.
// Nothing is left behind outside of a comparison: no name, no listener, no id.
(sheet) => {
  "use strict";
  const FINEST = 0.25, CLOSEST = 6;

  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children);
    return node;
  };
  const within = (value, low, high) => Math.min(high, Math.max(low, value));

  // What several frames share: how close, and which part (0 is the left or upper edge, 1 the other).
  const makeView = (changed) => {
    const view = { zoom: 1, x: 0.5, y: 0.5, frames: [] };
    view.set = (change) => {
      Object.assign(view, change);
      view.zoom = within(view.zoom, 1, CLOSEST);
      view.x = within(view.x, 0, 1);
      view.y = within(view.y, 0, 1);
      const rest = (view.zoom - 1) * -100;
      for (const frame of view.frames) {
        frame.classList.toggle("nbkit-compare-zoomed", view.zoom > 1);
        frame.tabIndex = view.zoom > 1 ? 0 : -1; // with nothing to move it is no place to stop at
        for (const image of frame.querySelectorAll("img")) {
          image.style.transform = `translate(${view.x * rest}%, ${view.y * rest}%) scale(${view.zoom})`;
        }
      }
      changed(view);
    };
    return view;
  };

  const keys = (view) => (event) => {
    const step = 0.1;
    const moves = {
      ArrowLeft: { x: view.x - step }, ArrowRight: { x: view.x + step },
      ArrowUp: { y: view.y - step }, ArrowDown: { y: view.y + step },
      "+": { zoom: view.zoom + 1 }, "=": { zoom: view.zoom + 1 }, "-": { zoom: view.zoom - 1 }, 0: { zoom: 1, x: 0.5, y: 0.5 },
    };
    if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    view.set(moves[event.key]);
  };

  // Calls `moved(event, dx, dy)`, shares of the frame, while a button or a finger is down and `wanted(event)` held.
  const draggable = (frame, wanted, moved) => {
    let last = null;
    frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !wanted(event)) return;
      last = event;
      frame.setPointerCapture(event.pointerId);
      event.preventDefault();
      moved(event, 0, 0);
    });
    frame.addEventListener("pointermove", (event) => {
      if (!last) return;
      const box = frame.getBoundingClientRect();
      moved(event, (event.clientX - last.clientX) / box.width, (event.clientY - last.clientY) / box.height);
      last = event;
    });
    for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, () => { last = null; });
  };

  const makeFrame = (view, label, wanted, ...children) => {
    const frame = make("div", { class: "nbkit-compare-frame", role: "group", "aria-label": label, tabindex: "-1" }, ...children);
    draggable(frame, (event) => view.zoom > 1 && wanted(event), (event, dx, dy) => {
      view.set({ x: view.x - dx / (view.zoom - 1), y: view.y - dy / (view.zoom - 1) });
    });
    frame.addEventListener("keydown", keys(view));
    frame.addEventListener("dblclick", (event) => {
      const box = frame.getBoundingClientRect();
      const place = { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
      view.set(view.zoom > 1 ? { zoom: 1, x: 0.5, y: 0.5 } : { zoom: 3, ...place });
    });
    view.frames.push(frame);
    return frame;
  };

  const makeStage = (view, pictures) => {
    const [first] = pictures;
    const copy = (picture, alt) => {
      const image = picture.image.cloneNode();
      image.alt = alt;
      return image;
    };
    const over = make("div", { class: "nbkit-compare-over" });
    const line = make("div", { class: "nbkit-compare-line" });
    const letters = [make("div", { class: "nbkit-compare-letter", style: "left:8px" }), make("div", { class: "nbkit-compare-letter", style: "right:8px" }, first.label)];
    const frame = makeFrame(view, "one picture over the other", (event) => event.target !== line, copy(first, first.image.alt), over, ...letters, line);
    const slider = make("input", { type: "range", min: "0", max: "100", value: "50", step: "1" });
    const wipe = (share) => {
      slider.value = within(share, 0, 100);
      slider.setAttribute("aria-valuetext", `${slider.value} %`);
      over.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
      line.style.left = `${slider.value}%`;
      letters[0].hidden = slider.value < 8;
      letters[1].hidden = slider.value > 92;
    };
    const show = (picture) => {
      over.replaceChildren(copy(picture, picture.image.alt));
      letters[0].textContent = picture.label;
      slider.setAttribute("aria-label", `how much of ${picture.label} is uncovered over ${first.label}`);
      view.set({});
    };
    slider.addEventListener("input", () => wipe(Number(slider.value)));
    draggable(frame, (event) => event.target === line || view.zoom === 1, (event) => {
      const box = frame.getBoundingClientRect();
      wipe(((event.clientX - box.left) / box.width) * 100);
    });
    const stage = make("div", { class: "nbkit-compare-stage", hidden: true, style: `max-width:min(100%, ${Math.max(640, first.image.width)}px)` }, frame, slider);
    wipe(50);
    show(pictures[1]);
    return { stage, show };
  };

  const setUp = (root) => {
    const row = root.querySelector("[data-nbkit-pictures]");
    const cells = [...row.querySelectorAll("[data-nbkit-label]")];
    const pictures = cells
      .map((cell) => ({ label: cell.dataset.nbkitLabel, image: cell.querySelector("img") }))
      .filter((picture) => picture.image);
    if (pictures.length < 2) return;

    const zoom = make("input", { type: "range", min: "1", max: String(CLOSEST), step: String(FINEST), value: "1" });
    const told = make("output", { "aria-live": "off" }, "1×");
    const reset = make("button", { type: "button", hidden: true }, "Whole picture");
    const hint = make("span", { class: "nbkit-compare-hint", hidden: true }, "drag, or focus a picture and use the arrow keys");
    const view = makeView(() => {
      zoom.value = view.zoom;
      told.textContent = `${Number(view.zoom.toFixed(2))}×`;
      zoom.setAttribute("aria-valuetext", `${Number(view.zoom.toFixed(2))} times`);
      reset.hidden = hint.hidden = view.zoom === 1;
    });
    zoom.addEventListener("input", () => view.set({ zoom: Number(zoom.value) }));
    reset.addEventListener("click", () => { view.set({ zoom: 1, x: 0.5, y: 0.5 }); zoom.focus(); });

    const { stage, show } = makeStage(view, pictures);
    for (const { label, image } of pictures) {
      const place = make("span");
      image.replaceWith(place);
      const frame = makeFrame(view, `picture ${label}`, () => true, image);
      frame.style.maxWidth = `${image.getAttribute("width")}px`;
      place.replaceWith(frame);
    }

    const others = pictures.slice(1).map((picture) => make("option", { value: picture.label }, picture.label));
    const choice = make("label", { hidden: true }, `over ${pictures[0].label}:`, make("select", {}, ...others));
    choice.lastChild.addEventListener("change", (event) => show(pictures.find((picture) => picture.label === event.target.value)));
    const beside = make("button", { type: "button", "aria-pressed": "true" }, "Side by side");
    const wipe = make("button", { type: "button", "aria-pressed": "false" }, "Wipe");
    const turn = (wiping) => {
      beside.setAttribute("aria-pressed", String(!wiping));
      wipe.setAttribute("aria-pressed", String(wiping));
      stage.hidden = !wiping;
      row.hidden = wiping;
      choice.hidden = !wiping || others.length < 2;
    };
    beside.addEventListener("click", () => turn(false));
    wipe.addEventListener("click", () => turn(true));

    const views = make("div", { class: "nbkit-compare-views", role: "group", "aria-label": "how the pictures stand" }, beside, wipe);
    const tools = make("div", { class: "nbkit-compare-tools", role: "group", "aria-label": "how to look at the pictures" },
      views, choice, make("label", {}, "Zoom", zoom, told), reset, hint);
    root.prepend(make("style", {}, sheet), tools, stage);
    for (const node of root.querySelectorAll("button, input, select, .nbkit-compare-frame")) {
      node.setAttribute("data-lm-suppress-shortcuts", "true"); // its arrow keys are its own, not the notebook's
    }
    view.set({});
  };

  for (const root of document.querySelectorAll("[data-nbkit-compare]:not([data-nbkit-ready])")) {
    root.setAttribute("data-nbkit-ready", "");
    setUp(root);
  }
}
