// A wipe and a zoom in step for each comparison on the page that has none yet; called with the style sheet.
// Nothing is left behind outside of a comparison: no name, no listener, no id.
// Originals come from whoever hears the event "nbkit-original", while a kernel lives; without one the previews stay.
(sheet) => {
  "use strict";
  const FINEST = 0.25, CLOSEST = 6, STEP = 0.1, WHOLE = { zoom: 1, x: 0.5, y: 0.5 };

  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const within = (value, low, high) => Math.min(high, Math.max(low, value));

  // What several frames share: how close, and which part (0 is the left or upper edge, 1 the other).
  const makeView = (changed) => {
    const view = { ...WHOLE, closest: CLOSEST, pixels: 0, frames: [] };
    view.set = (change) => {
      Object.assign(view, change);
      view.zoom = within(view.zoom, 1, view.closest);
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

  // Where an event is in a frame, as shares of its width and height.
  const placeIn = (frame, event) => {
    const box = frame.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  };

  // Calls `moved(place, earlier)` while a button or a finger is down and `wanted(event)` held.
  const draggable = (frame, wanted, moved) => {
    let last = null;
    const move = (event) => {
      const place = placeIn(frame, event);
      moved(place, last ?? place);
      last = place;
    };
    frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !wanted(event)) return;
      frame.setPointerCapture(event.pointerId);
      event.preventDefault();
      move(event);
    });
    frame.addEventListener("pointermove", (event) => { if (last) move(event); });
    for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, () => { last = null; });
  };

  const makeFrame = (view, label, wanted, ...children) => {
    const frame = make("div", { class: "nbkit-compare-frame", role: "group", "aria-label": label, tabindex: "-1" }, ...children);
    draggable(frame, (event) => view.zoom > 1 && wanted(event), (place, earlier) => {
      view.set({ x: view.x - (place.x - earlier.x) / (view.zoom - 1), y: view.y - (place.y - earlier.y) / (view.zoom - 1) });
    });
    frame.addEventListener("keydown", (event) => {
      const moves = {
        ArrowLeft: { x: view.x - STEP }, ArrowRight: { x: view.x + STEP },
        ArrowUp: { y: view.y - STEP }, ArrowDown: { y: view.y + STEP },
        "+": { zoom: view.zoom + 1 }, "=": { zoom: view.zoom + 1 }, "-": { zoom: view.zoom - 1 }, 0: WHOLE,
      };
      if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      view.set(moves[event.key]);
    });
    frame.addEventListener("dblclick", (event) => {
      view.set(view.zoom > 1 ? WHOLE : { zoom: 3, ...placeIn(frame, event) });
    });
    view.frames.push(frame);
    return frame;
  };

  // Asks for the originals of pictures that are shown larger than their preview is, one over the other, or in full screen.
  const wantOriginals = (view, pictures) => {
    for (const picture of pictures) {
      const { image, copy, full, name, width } = picture;
      const pixels = image.clientWidth * view.zoom * devicePixelRatio;
      if (!name || picture.take?.done || (!copy.clientWidth && !full.clientWidth && pixels <= width)) continue;
      picture.take ??= takerOf(view, picture);
      document.dispatchEvent(new CustomEvent("nbkit-original", { detail: { name, take: picture.take } }));
    }
  };

  // Puts an original in the place of its preview, once the browser has read it.
  const takerOf = (view, { image, copy, full }) => {
    const take = (url) => {
      take.done = true;
      const original = make("img", { src: url });
      original.decode().then(() => {
        image.src = copy.src = full.src = url;
        view.set({ pixels: Math.max(view.pixels, original.naturalWidth) });
      }, () => {}); // one that the browser cannot read
    };
    return take;
  };

  const makeStage = (view, pictures) => {
    const [first] = pictures;
    const over = make("div", { class: "nbkit-compare-over" });
    const line = make("div", { class: "nbkit-compare-line" });
    const letters = [make("div", { class: "nbkit-compare-letter", style: "left:8px" }, first.label), make("div", { class: "nbkit-compare-letter", style: "right:8px" })];
    const frame = makeFrame(view, "one picture over the other", (event) => event.target !== line, first.copy, over, ...letters, line);
    const slider = make("input", { type: "range", min: "0", max: "100", value: "50", step: "1" });
    const wipe = (share) => {
      slider.value = within(share, 0, 100);
      slider.setAttribute("aria-valuetext", `${slider.value} %`);
      over.style.clipPath = `inset(0 0 0 ${slider.value}%)`; // the first is on the left, as in the table
      line.style.left = `${slider.value}%`;
      letters[0].hidden = slider.value < 8;
      letters[1].hidden = slider.value > 92;
    };
    const show = (picture) => {
      over.replaceChildren(picture.copy);
      letters[1].textContent = picture.label;
      slider.setAttribute("aria-label", `how much of ${first.label} is seen beside ${picture.label}`);
      view.set({});
    };
    slider.addEventListener("input", () => wipe(Number(slider.value)));
    draggable(frame, (event) => event.target === line || view.zoom === 1, (place) => wipe(place.x * 100));
    const stage = make("div", { class: "nbkit-compare-stage", hidden: "", style: `max-width:min(100%, ${Math.max(640, first.width)}px)` }, frame, slider);
    wipe(50);
    show(pictures[1]);
    return { stage, show };
  };

  // Before an audience: all pictures beside each other, then each alone in the same place, by the arrow keys. The settings
  // are hidden until S. It fills the screen where the browser allows that, else the window.
  const makeShow = (root, pictures, opened) => {
    const panes = pictures.map(({ label, full }) => make("figure", {}, make("strong", {}, label), full));
    const table = root.querySelector("table").cloneNode(true);
    table.removeAttribute("style");
    for (const node of table.querySelectorAll("[data-nbkit-pictures] img")) node.remove();
    const told = make("div", { class: "nbkit-compare-told", tabindex: "0", hidden: "" }, table);
    const button = (name, text, press) => {
      const node = make("button", { type: "button", "aria-label": name, title: name }, text);
      node.addEventListener("click", press);
      return node;
    };
    let at = 0; // 0: all of them; 1: the first alone
    const go = (by) => {
      at = (at + by + pictures.length + 1) % (pictures.length + 1);
      panes.forEach((pane, i) => { pane.hidden = at > 0 && i !== at - 1; });
    };
    const tell = () => {
      told.hidden = !told.hidden;
      settings.setAttribute("aria-pressed", String(!told.hidden));
    };
    const settings = button("Settings (s)", "S", tell);
    const close = button("Leave the full screen (Esc)", "✕", () => dialog.close());
    const bar = make("div", { class: "nbkit-compare-bar" }, button("Previous (←)", "←", () => go(-1)), button("Next (→)", "→", () => go(1)), settings, close);
    const body = make("div", { class: "nbkit-compare-body" }, bar, make("div", { class: "nbkit-compare-panes" }, ...panes), told);
    const dialog = make("dialog", { class: "nbkit-compare-show", "aria-label": "pictures in full screen", "data-lm-suppress-shortcuts": "true" }, body);
    dialog.addEventListener("keydown", (event) => {
      event.stopPropagation(); // no key is for the notebook behind it
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const act = { ArrowLeft: () => go(-1), ArrowRight: () => go(1), s: tell, S: tell, Escape: () => dialog.close() }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
    body.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement) dialog.close(); });
    let opener = null;
    dialog.addEventListener("close", async () => {
      if (document.fullscreenElement === body) await document.exitFullscreen().catch(() => {});
      dialog.remove(); // its table is a copy, which nobody else should find
      opener?.focus();
    });
    const open = (event) => {
      opener = event.currentTarget;
      if (!told.hidden) tell();
      go(-at);
      root.append(dialog);
      dialog.showModal();
      close.focus();
      opened();
      body.requestFullscreen?.().catch(() => {}); // not allowed here: it fills the window
    };
    return { open };
  };

  const setUp = (root) => {
    const row = root.querySelector("[data-nbkit-pictures]");
    const cells = [...row.querySelectorAll("[data-nbkit-label]")];
    const pictures = cells
      .map((cell) => ({ label: cell.dataset.nbkitLabel, name: cell.dataset.nbkitOriginal, width: Number(cell.dataset.nbkitWidth), image: cell.querySelector("img") }))
      .filter((picture) => picture.image);
    if (pictures.length < 2) return;
    for (const picture of pictures) {
      picture.copy = picture.image.cloneNode(); // for the wipe
      picture.full = picture.image.cloneNode(); // for an audience
      picture.full.removeAttribute("style");
    }

    const zoom = make("input", { type: "range", min: "1", step: String(FINEST), value: "1" });
    const told = make("output", { "aria-live": "off" }, "1×");
    const actual = make("button", { type: "button", hidden: "", title: "Each pixel of the original as one pixel of the screen" }, "100 %");
    const reset = make("button", { type: "button", hidden: "" }, "Whole picture");
    const hint = make("span", { class: "nbkit-compare-hint", hidden: "" }, "drag to move, or use the arrow keys on a picture");
    const view = makeView(() => {
      zoom.max = view.closest;
      zoom.value = view.zoom;
      told.textContent = `${Number(view.zoom.toFixed(2))}×`;
      zoom.setAttribute("aria-valuetext", `${Number(view.zoom.toFixed(2))} times`);
      reset.hidden = hint.hidden = view.zoom === 1;
      actual.hidden = view.pixels <= pictures[0].width; // until there is an original, and where it has no more to show
      wantOriginals(view, pictures);
    });
    zoom.addEventListener("input", () => view.set({ zoom: Number(zoom.value) }));
    actual.addEventListener("click", () => {
      const width = Math.max(...view.frames.map((frame) => frame.getBoundingClientRect().width));
      const exact = view.pixels / width / devicePixelRatio;
      view.set({ closest: Math.max(view.closest, Math.ceil(exact)), zoom: exact });
    });
    reset.addEventListener("click", () => { view.set(WHOLE); zoom.focus(); });

    const { stage, show } = makeStage(view, pictures);
    for (const { label, image, width } of pictures) {
      const frame = makeFrame(view, `picture ${label}`, () => true);
      frame.style.maxWidth = `${width}px`;
      image.replaceWith(frame);
      frame.append(image);
    }

    const others = pictures.slice(1).map((picture) => make("option", { value: picture.label }, picture.label));
    const choice = make("label", { hidden: "" }, `${pictures[0].label} with`, make("select", {}, ...others));
    choice.lastChild.addEventListener("change", (event) => show(pictures.find((picture) => picture.label === event.target.value)));
    const beside = make("button", { type: "button", "aria-pressed": "true" }, "Side by side");
    const wipe = make("button", { type: "button", "aria-pressed": "false" }, "Wipe");
    const turn = (wiping) => {
      beside.setAttribute("aria-pressed", String(!wiping));
      wipe.setAttribute("aria-pressed", String(wiping));
      stage.hidden = !wiping;
      row.hidden = wiping;
      choice.hidden = !wiping || others.length < 2;
      wantOriginals(view, pictures);
    };
    beside.addEventListener("click", () => turn(false));
    wipe.addEventListener("click", () => turn(true));

    const { open } = makeShow(root, pictures, () => wantOriginals(view, pictures));
    const large = make("button", { type: "button" }, "Full screen");
    large.addEventListener("click", open);
    const views = make("div", { class: "nbkit-compare-views", role: "group", "aria-label": "arrangement of the pictures" }, beside, wipe);
    const tools = make("div", { class: "nbkit-compare-tools", role: "group", "aria-label": "view of the pictures" },
      views, choice, make("label", {}, "Zoom", zoom, told), actual, reset, large, hint);
    root.prepend(make("style", {}, sheet), tools, stage);
    for (const node of root.querySelectorAll("button, input, select, .nbkit-compare-frame")) {
      node.setAttribute("data-lm-suppress-shortcuts", "true"); // its arrow keys are its own, not the notebook's
    }
    const seen = new IntersectionObserver((entries) => { if (entries.at(-1).isIntersecting) wantOriginals(view, pictures); });
    seen.observe(root);
    root.addEventListener("nbkit-originals", () => { seen.unobserve(root); seen.observe(root); }); // from now on a kernel answers
    view.set({});
  };

  for (const root of document.querySelectorAll("[data-nbkit-compare]:not([data-nbkit-ready])")) {
    root.setAttribute("data-nbkit-ready", "");
    setUp(root);
  }
}
