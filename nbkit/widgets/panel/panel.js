// The form side of a panel: the head, the prompt, Generate, the status line, the queue, the other controls, code.

export default widget((model, store, el) => {
  const over = new AbortController();
  const { signal } = over;
  const press = (button, more = {}) => store.press({ kind: "press", button, ...more });
  const act = (what) => store.press({ kind: "do", what });
  const bar = () => model.get("bar");

  // -- head
  const left = h("span", { class: "nbkit-left" });
  const balance = textButton("Balance", () => press("balance"), { class: "nbkit-link", title: "Ask the service what the account holds" });
  const mark = h("span", { class: "nbkit-mark" });
  const what = h("span", { class: "nbkit-quiet" });
  const modelName = h("strong");
  const successor = h("div", { class: "nbkit-quiet nbkit-successor" });
  const undo = iconButton("undo", "Undo", () => act("undo"));
  const redo = iconButton("redo", "Redo", () => act("redo"));
  const reset = iconButton("reset", "Reset", () => press("reset"), { title: "Reset: empty the form; Undo brings it back" });
  const presets = iconButton("presets", "Presets", () => {});
  const keys = iconButton("keys", "Keyboard shortcuts", () => {});
  const tools = h("div", { class: "nbkit-head-tools", role: "toolbar", "aria-label": "form" }, undo, redo, reset, presets, keys);
  const head = h("div", { class: "nbkit-head" }, h("div", { class: "nbkit-title" }, modelName, mark), tools, h("div", { class: "nbkit-money" }, what, left, balance), successor);

  // -- prompt
  const all = model.get("fields");
  const promptField = drawField(model, store, all.find((field) => field.name === "prompt"));
  const prompt = promptField.root.querySelector("textarea");
  const promptHelp = prompt.placeholder;
  const history = iconButton("history", "Prompt history", () => {});
  promptField.root.append(history);
  const heard = new Map(); // what the kernel answers, by kind
  const ask = (button, kind, answer, more) => { heard.set(kind, answer); press(button, more); };
  const recalled = { list: [], at: -1 };
  const write = (text) => { store.set("prompt", text, { whole: true }); prompt.focus(); prompt.setSelectionRange(text.length, text.length); };

  const prompts = popup(history, "Prompt history", (box, shut) => {
    const list = h("ul", { class: "nbkit-choices-list", "aria-label": "prompts, newest first" });
    let listed = ""; // a list that stays the same is not drawn anew: somebody may be in it
    const find = () => ask("prompts", "prompts", (message) => {
      const now = JSON.stringify([message.prompts, !search.value]);
      if (now === listed) return;
      listed = now;
      list.replaceChildren(...message.prompts.map((text) => h("li", {}, textButton(text, () => { shut(false); write(text); }, { class: "nbkit-choice-row", title: text }))));
      if (!message.prompts.length) list.replaceChildren(h("li", { class: "nbkit-quiet" }, search.value ? "No prompt has these words." : "No prompt yet."));
    }, { search: search.value });
    const search = h("input", { type: "search", "aria-label": "Search prompts", placeholder: "Search prompts", oninput: find });
    box.append(search, list);
    find();
  });
  promptField.root.append(prompts.box);

  const presetList = popup(presets, "Presets", (box, shut) => {
    const list = h("ul", { class: "nbkit-choices-list", "aria-label": "presets" });
    const name = h("input", { type: "text", "aria-label": "Name of the preset", placeholder: "Keep the settings as …", maxlength: "80" });
    const show = (message) => {
      list.replaceChildren(...message.names.map((one) => h("li", {},
        textButton(one, () => { shut(); press("use preset", { name: one }); }, { class: "nbkit-choice-row", title: `Use ${one}` }),
        iconButton("clear", `Delete the preset ${one}`, () => ask("delete preset", "presets", show, { name: one })))));
      if (!message.names.length) list.replaceChildren(h("li", { class: "nbkit-quiet" }, "No preset yet."));
    };
    const save = () => { if (name.value.trim()) { ask("save preset", "presets", show, { name: name.value.trim() }); name.value = ""; } };
    name.addEventListener("keydown", (event) => { if (event.key === "Enter") save(); });
    box.append(h("div", { class: "nbkit-line" }, name, textButton("Save", save)), list);
    ask("presets", "presets", show);
  });
  const keyList = popup(keys, "Keyboard shortcuts", (box) => {
    const command = navigator.platform.startsWith("Mac") ? "Cmd" : "Ctrl";
    box.append(h("strong", {}, "Keyboard shortcuts"), h("ul", { class: "nbkit-keys" },
      ...KEY_HELP.map(([key, does]) => h("li", {}, h("kbd", {}, key.replaceAll("Ctrl", command)), h("span", {}, does)))));
  });
  tools.append(presetList.box, keyList.box);
  const popups = [prompts, presetList, keyList];

  // -- Generate, Stop, status, queue
  const verb = h("span", {}, "Generate");
  const price = h("span", { class: "nbkit-price" });
  const generate = h("button", { type: "button", class: "nbkit-primary nbkit-generate" }, verb, " ", price);
  const confirm = h("input", { type: "checkbox", onchange: () => drawBar() });
  const confirmText = h("span");
  const confirmation = h("label", { class: "nbkit-confirm", hidden: true }, confirm, confirmText);
  let confirmed = 0; // the number of images that the tick is about
  const progress = h("progress", { "aria-label": "cells that have ended", hidden: true });
  const totals = h("div", { class: "nbkit-totals nbkit-quiet", hidden: true });
  const stop = textButton("Stop", () => press("stop"), { class: "nbkit-stop", title: "Stop waiting (Esc). What was sent is paid and still comes into the log" });
  const draft = textButton("Draft", () => act("draft"), { "aria-pressed": "false", title: "Everything at 0.5K and one picture, at the lowest price" });
  const clock = h("span", { class: "nbkit-clock" });
  const row = h("div", { class: "nbkit-bar" }, generate, stop, draft, progress, clock);
  const why = h("div", { class: "nbkit-why", id: `nbkit-${newKey()}` });
  const line = h("div", { class: "nbkit-status", role: "status", "aria-live": "polite" });
  const queue = h("ol", { class: "nbkit-queue", "aria-label": "runs under way and waiting" });
  generate.setAttribute("aria-describedby", why.id);

  const pressGenerate = () => {
    if (store.kernel.gone) { flash(line); return; }
    pressed = acted;
    const { quote, why: reason, ready } = bar();
    // What was typed goes before the press, and the kernel sends no more than was promised here. While it has not seen
    // all of it, only the kernel knows what is missing.
    if (!store.isAhead) {
      if (needsTick()) { flash(confirmation); confirm.focus(); return; }
      if (reason && !ready && quote) { flash(why); return; }
    }
    press("generate", { quote, ...(confirm.checked ? { ticked: confirmed } : {}) });
    bringPicture();
  };
  generate.addEventListener("click", (event) => { if (event.detail < 2) pressGenerate(); });

  const drawBar = () => {
    if (store.kernel.gone) return;
    const { verb: does, price: said, exact, depends, why: reason, ready, warns, charged, jobs, hint, totals: lines_, progress: far } = bar();
    const many = bar().confirm;
    confirmation.hidden = !many;
    if (many && many.images !== confirmed) {
      confirmed = many.images;
      confirm.checked = false;
      setText(confirmText, many.label);
    }
    setText(verb, does);
    prompt.placeholder = hint || promptHelp;
    setText(price, said ? `· ${said}` : "");
    generate.title = [exact && `${exact} at most.`, depends, "Ctrl+Enter"].filter(Boolean).join(" ");
    generate.setAttribute("aria-label", said ? `${does} · ${said}` : does);
    generate.setAttribute("aria-disabled", String(!ready || needsTick()));
    generate.classList.toggle("nbkit-real", charged);
    setText(why, needsTick() && ready ? `Tick “${many.label}” first.` : reason);
    setText(totals, lines_.join(" · "));
    totals.hidden = !lines_.length;
    progress.hidden = !far;
    if (far) Object.assign(progress, far.total ? { max: far.total, value: far.ended } : { max: 1, value: 0 });
    why.classList.toggle("nbkit-warn", Boolean(warns));
    const running = jobs.some((job) => job.sent);
    if (stop.hidden !== !jobs.length) {
      const had = document.activeElement === stop;
      stop.hidden = !jobs.length;
      if (had && stop.hidden) generate.focus();
    }
    paced = far ? far.text : "";
    began = running && !far ? performance.now() - 1000 * Math.max(...jobs.filter((job) => job.sent).map((job) => job.seconds)) : 0;
    tick();
    drawStatus();
    const shown = jobs.length > 1 ? jobs : [];
    const focused = queue.contains(document.activeElement) ? Number(document.activeElement.dataset.number) : 0;
    queue.replaceChildren(...shown.map((job) => h("li", {},
      h("span", { class: "nbkit-job" }, `Run ${job.number} · ${job.sent ? "under way" : "waiting"} · `, h("span", { title: `${job.exact} at most` }, job.price)),
      h("span", { class: "nbkit-job-prompt", title: job.prompt }, job.prompt),
      iconButton("clear", `Stop run ${job.number}`, () => press("stop", { number: job.number }), { "data-number": job.number }))));
    // Never the one that was sent: a second key press would give up what is paid.
    const next = shown.find((job) => !job.sent && job.number > focused) ?? shown.find((job) => !job.sent);
    if (focused) (queue.querySelector(`[data-number="${focused}"]`) ?? queue.querySelector(`[data-number="${next?.number}"]`) ?? generate).focus();
    queue.hidden = !shown.length;
  };

  let said = "";
  const drawStatus = () => {
    const { lines: sentences, wrong, actions } = bar().status;
    const now = JSON.stringify([sentences, wrong, actions]);
    if (now === said) return;
    said = now;
    const had = line.contains(document.activeElement);
    line.className = `nbkit-status${wrong ? " nbkit-error" : ""}`;
    line.setAttribute("role", wrong ? "alert" : "status");
    line.setAttribute("aria-live", wrong ? "assertive" : "polite");
    line.replaceChildren(
      ...sentences.map((sentence, index) => h("div", {}, wrong && !index ? `✗ ${sentence}` : sentence)),
      ...(actions.length ? [h("div", { class: "nbkit-status-actions" }, ...actions.map((one) => textButton(one.label, (event) => {
        if (event.detail > 1) return;
        if (one.id === "undo") act("undo");
        else if (one.id === "generate") { press("generate", { quote: one.quote }); bringPicture(); }
        else press(one.id, one.quote ? { quote: one.quote } : {});
        if (one.id === "again") bringPicture();
      }, { title: one.title })))] : []));
    if (had) (line.querySelector("button") ?? generate).focus();
  };

  let acted = 0, pressed = 0; // keys and clicks so far, and at the last press of Generate
  let began = 0, paced = "";
  const needsTick = () => Boolean(bar().confirm) && !confirm.checked;
  const tick = () => setText(clock, paced || (began ? `${((performance.now() - began) / 1000).toFixed(1)} s` : ""));
  const timer = setInterval(tick, 100);

  function flash(element) {
    element.classList.remove("nbkit-flash");
    requestAnimationFrame(() => element.classList.add("nbkit-flash"));
  }

  // -- the rest of the form, and what can be opened under it
  const fields = drawFields(model, store, all.filter((field) => field.name !== "prompt"));
  const toggles = [["history", "History", "All runs of the log, with filters"], ["code", "Show code", "The line of Python that does the same"], ["json", "Show JSON", "What is sent to the service"], ["plan", "Show plan", "Every cell with its price"]].map(([name, label, title]) =>
    [name, textButton(label, () => { if (name === "history" && !model.get("source").history) bringPast(); press(name); }, { title, "aria-expanded": "false" })]);
  const sources = ["code", "json", "plan"].map((name) => {
    const text = h("pre", { class: `nbkit-source nbkit-source-${name}`, tabindex: "0", "aria-label": name === "json" ? "JSON" : name });
    const copy = textButton("Copy", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        setText(copy, "Copied");
      } catch { // no clipboard without a secure connection: then it is selected, and the keyboard copies it
        getSelection().selectAllChildren(text);
        setText(copy, "Selected");
      }
      setTimeout(() => setText(copy, "Copy"), 1500);
    }, { class: "nbkit-copy" });
    return { name, text, box: h("div", { class: "nbkit-copied", hidden: true }, copy, text) };
  });
  const drawSource = () => {
    const source = model.get("source");
    for (const [name, button] of toggles) {
      button.setAttribute("aria-expanded", String(name === "history" ? source.history : source[name] !== null));
      button.hidden = name === "plan" && !("plan" in source);
    }
    for (const { name, text, box } of sources) {
      box.hidden = source[name] === null || source[name] === undefined;
      setText(text, source[name] || "Nothing to show yet: write a prompt first.");
    }
  };

  const drawHead = () => {
    if (!model.get("head").model) return;
    const { model: name, mark: kind, what: means, charged, left: rest, exact, balance: held, in_class: inClass, successor: next } = model.get("head");
    setText(modelName, name);
    setText(successor, next);
    successor.hidden = !next;
    setText(mark, kind);
    mark.classList.toggle("nbkit-real", charged);
    setText(what, means);
    what.hidden = !means;
    setText(left, rest && means ? `· ${rest}` : rest);
    left.title = exact;
    balance.hidden = inClass; // what is left stands there already
    setText(balance, held || "Balance");
  };

  // A kernel that is gone takes nothing: one line says so, and nothing looks as if it were under way.
  const drawGone = () => {
    root()?.classList.add("nbkit-gone");
    generate.setAttribute("aria-disabled", "true");
    stop.hidden = queue.hidden = progress.hidden = true;
    began = 0;
    paced = "";
    tick();
    line.className = "nbkit-status nbkit-error";
    line.setAttribute("role", "alert");
    line.replaceChildren(KERNEL_GONE);
  };

  const drawForm = () => {
    if (store.kernel.gone) drawGone();
    promptField.draw();
    promptField.root.hidden = isVaried(store, { name: "prompt" });
    const { draft: drafting, undo: can, redo: again } = store.state;
    draft.setAttribute("aria-pressed", String(drafting));
    undo.setAttribute("aria-disabled", String(!can));
    redo.setAttribute("aria-disabled", String(!again));
  };

  // In a narrow column the picture is below the form: there the controls fold away when something is made.
  const settings = textButton("Settings", () => fold(!side.classList.contains("nbkit-folded")), { class: "nbkit-fold nbkit-settings", "aria-expanded": "true" });
  const fold = (on) => {
    side.classList.toggle("nbkit-folded", on);
    settings.setAttribute("aria-expanded", String(!on));
  };

  const axes = drawAxes(model, store);
  const side = h("div", { class: "nbkit-side" }, head, promptField.root, row, confirmation, totals, h("div", { class: "nbkit-line-of-status" }, why, line), queue, axes, settings, fields,
    h("div", { class: "nbkit-more" }, ...toggles.map(([, button]) => button)), ...sources.map((one) => one.box));
  el.classList.add("nbkit-form");
  el.append(side);

  // -- a picture that is dropped: on the references it becomes one, anywhere else its settings are taken over
  const invitation = h("div", { class: "nbkit-drop", "aria-hidden": "true" }, h("span", {}, "Drop to use its settings"));
  side.prepend(invitation);
  const letDrop = (panel) => {
    const hasFile = (event) => event.dataTransfer?.types.includes("Files") && !store.kernel.gone;
    const invite = (on) => panel.classList.toggle("nbkit-dropping", on);
    panel.addEventListener("dragover", (event) => hasFile(event) && invite(true), { capture: true, signal });
    panel.addEventListener("dragleave", (event) => panel.contains(event.relatedTarget) || invite(false), { signal });
    panel.addEventListener("drop", () => invite(false), { capture: true, signal });
    panel.addEventListener("dragover", (event) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      event.stopPropagation();
      event.dataTransfer.dropEffect = "copy";
    }, { signal });
    panel.addEventListener("drop", (event) => {
      if (!hasFile(event) || !event.dataTransfer.files.length) return;
      event.preventDefault();
      event.stopPropagation();
      takeSettings(model, store.references, event.dataTransfer.files);
    }, { signal });
  };

  // -- keys
  const fetchPrompts = (then) => ask("prompts", "prompts", ({ prompts: list }) => { recalled.list = list; then(); }, { search: "" });
  const recall = (by) => {
    const showing = recalled.at >= 0 && prompt.value === recalled.list[recalled.at];
    if (!showing && (by < 0 || prompt.value)) return false;
    const step = () => {
      recalled.at = showing ? recalled.at + by : 0;
      if (recalled.at < 0) write("");
      else if (recalled.at < recalled.list.length) write(recalled.list[recalled.at]);
      else recalled.at = recalled.list.length - 1;
    };
    if (showing) step();
    else fetchPrompts(step);
    return true;
  };

  // -- messages
  const hear = (message) => {
    if (message.kind === "here") root()?.classList.add("nbkit-live");
    else if (message.kind === "focus" && !(message.unless_acted && acted !== pressed)) focusField(message.name);
    else if (message.kind === "prompts" || message.kind === "presets") heard.get(message.kind)?.(message);
  };

  // Whoever is in the control already stays where they are; else its wrong part comes first.
  const focusField = (name) => {
    const field = side.querySelector(`[data-name="${name}"]`);
    if (!field || field.contains(document.activeElement)) return;
    (field.querySelector('[aria-invalid="true"]') ?? field.querySelector("input, textarea, select"))?.focus();
  };

  const root = () => el.closest(".nbkit-panel");
  const stage = () => root()?.querySelector(store.state.sweep ? ".nbkit-sweep-grid" : ".nbkit-stage");
  // What History opens comes a moment later: it is brought into view while it grows, until somebody does something else.
  function bringPast() {
    const past = root()?.querySelector(".nbkit-past");
    if (!past || past.offsetHeight) return;
    const ended = new AbortController();
    const watch = new ResizeObserver(() => { if (past.offsetHeight > 60) past.scrollIntoView({ block: "nearest" }); });
    const end = () => { watch.disconnect(); ended.abort(); };
    for (const done of ["wheel", "pointerdown", "keydown"]) window.addEventListener(done, end, { capture: true, passive: true, signal: ended.signal });
    setTimeout(end, 5000);
    watch.observe(past);
  }

  function bringPicture() {
    const picture = stage();
    if (settings.offsetHeight && !fields.contains(document.activeElement)) fold(true);
    if (picture?.offsetHeight) picture.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }

  model.on("msg:custom", hear);
  model.on("change:bar", drawBar);
  model.on("change:head", drawHead);
  model.on("change:source", drawSource);
  const forget = store.watch(drawForm);
  drawHead();
  drawBar();
  drawSource();

  // The view is not in the page yet when it is rendered.
  (function find() {
    if (signal.aborted) return;
    const panel = root();
    if (!panel) { requestAnimationFrame(find); return; }
    panel.setAttribute("role", "group");
    panel.setAttribute("aria-label", "nbkit panel");
    listenForKeys(panel, {
      generate: pressGenerate,
      escape: () => {
        const opened = panel.querySelector(".nbkit-popup:not([hidden])"); // of the form, or of the picture's tools
        if (opened) { opened.dispatchEvent(new Event("nbkit-shut")); return true; }
        if (stop.hidden) return false;
        press("stop");
        return true;
      },
      undo: (forth) => { act(forth ? "redo" : "undo"); return true; },
      help: () => keyList.open(),
      edit: () => press("edit"),
      isPrompt: (target) => target === prompt,
      recall,
    }, signal);
    for (const act of ["keydown", "pointerdown"]) panel.addEventListener(act, () => { acted += 1; }, { capture: true, signal });
    letDrop(panel);
    fitWindow(panel, signal);
    store.kernel.drawn(el);
    store.kernel.send({ kind: "there" });
    watchSaved(panel, model, side, signal);
  })();

  return () => {
    over.abort();
    clearInterval(timer);
    forget();
    popups.forEach((one) => one.close());
    model.off("msg:custom", hear);
    model.off("change:bar", drawBar);
    model.off("change:head", drawHead);
    model.off("change:source", drawSource);
  };
});

// The picture is as tall as the window of the notebook lets it be: less the line of tools and the strip under it.
function fitWindow(panel, signal) {
  const scroller = panel.closest(".jp-WindowedPanel-outer, .jp-Notebook, .lm-Widget.jp-LinkedOutputView") ?? document.documentElement;
  const fit = () => {
    const height = Math.min(scroller.clientHeight || window.innerHeight, window.innerHeight);
    panel.style.setProperty("--nbkit-window", `${height}px`);
  };
  const observer = new ResizeObserver(fit);
  observer.observe(scroller);
  signal.addEventListener("abort", () => observer.disconnect());
  fit();
}

// The saved output carries its state's name as a class. Only a notebook that is loaded again holds an older one.
const BEHIND = "This page was loaded again: the notebook's own copy of the pictures is not brought up to date. They are in studio.log; run this cell again before you save the notebook.";

function watchSaved(panel, model, side, signal) {
  if (!panel.closest(".jp-NotebookPanel")) return;
  const line = h("p", { class: "nbkit-behind", role: "note", hidden: true });
  side.append(line);
  let timer = 0;
  const look = () => {
    const wanted = model.get("kept");
    const there = wanted && panel.closest(".jp-OutputArea")?.querySelector(".nbkit-record");
    const old = there && !there.classList.contains(wanted);
    setText(line, old ? BEHIND : "");
    line.hidden = !old;
  };
  const later = () => { clearTimeout(timer); timer = setTimeout(look, 1500); };
  model.on("change:kept", later);
  signal.addEventListener("abort", () => { clearTimeout(timer); model.off("change:kept", later); });
  later();
}
