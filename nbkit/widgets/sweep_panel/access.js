/* Serves the sweep panel around it: names, shortcuts, announcements. Python's side is access.py. */

const OURS = ".nbkit-sweep";
const BEHIND = "This page was loaded again, so the notebook's own copy of the pictures is no longer brought up to date. " +
  "They are in studio.log; run this cell again before you save the notebook.";

/* Groups and buttons of ipywidgets lack names and states. */
function name(root) {
  setOnce(root, "role", "group");
  setOnce(root, "aria-label", "nbkit sweep panel");
  for (const group of root.querySelectorAll(".widget-toggle-buttons")) {
    const called = group.querySelector(".widget-label")?.textContent?.trim();
    const buttons = group.querySelector(".widget-toggle-button")?.parentElement;
    if (!called || !buttons) continue;
    setOnce(buttons, "role", "group");
    setOnce(buttons, "aria-label", called);
    for (const button of buttons.querySelectorAll(".widget-toggle-button"))
      setOnce(button, "aria-pressed", String(button.classList.contains("mod-active")));
  }
  // Of several buttons with one word, each is named by its tooltip.
  for (const button of root.querySelectorAll("button.nbkit-named")) setOnce(button, "aria-label", button.title);
  // A press does nothing just now; a disabled button would lose the focus.
  for (const button of root.querySelectorAll("button.nbkit-busy")) setOnce(button, "aria-disabled", "true");
  for (const button of root.querySelectorAll("button[aria-disabled]:not(.nbkit-busy)")) button.removeAttribute("aria-disabled");
  // A toggle button says that it is one, and whether it is down; or whether what it unfolds is open.
  for (const button of root.querySelectorAll("button.jupyter-button.widget-toggle-button:not(.widget-toggle-buttons *)"))
    setOnce(button, "aria-pressed", String(button.classList.contains("mod-active")));
}

/* What is said under the buttons is read aloud. An error is an alert, which is heard by itself. */
function announce(root) {
  const line = root.querySelector(".nbkit-under");
  if (!line) return;
  setOnce(line, "role", "status");
  setOnce(line, "aria-live", line.querySelector("[role=alert]") ? "off" : "polite");
}

function setOnce(element, attribute, value) {
  if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
}

/* Lumino's shortcuts listen on the document in the capturing phase: only the window comes earlier. While a plain key
   goes to something inside the panel they are told to look away; with Ctrl or Cmd (save, for one) they are not.
   They look at the very element that has the focus, not at those around it. */
function quietShortcuts(root, signal) {
  window.addEventListener("keydown", event => {
    const { target } = event;
    if (!root.contains(target)) return;
    if (event.ctrlKey || event.metaKey || event.altKey) delete target.dataset.lmSuppressShortcuts;
    else target.dataset.lmSuppressShortcuts = "true";
  }, { capture: true, signal });
}

/* A paid button is pressed by the number of the promise that stood on it: the kernel may have made another one meanwhile.
   The button's own message, which has no number, is kept back. */
function pressPaid(root, model, signal) {
  root.addEventListener("click", event => {
    const button = event.target.closest?.("button.nbkit-paid");
    const [, quote] = button?.className.match(/nbkit-quote-(\d+)/) ?? [];
    if (!quote) return;
    event.stopPropagation();
    model.send({ quote: Number(quote) });
  }, { capture: true, signal });
}

/* Whoever pressed Stop, or was on it when all had come, is not left nowhere when it goes: they come back to where it began. */
function keepPlace(root, signal) {
  let here = null;
  root.addEventListener("focusin", event => { here = event.target; }, { signal });
  document.addEventListener("focusin", event => { if (!root.contains(event.target)) here = null; }, { signal });
  document.addEventListener("pointerdown", event => { if (!root.contains(event.target)) here = null; }, { signal });
  return () => {
    const now = document.activeElement; // until the next rendering still the one that has gone, then something around the panel
    if (!here?.isConnected || here.offsetParent || (now !== here && !now?.contains(root))) return;
    root.querySelector("button.nbkit-generate:not(:disabled)")?.focus();
  };
}

/* A button inside what is shown as code. */
function copyCode(root, signal) {
  root.addEventListener("click", async event => {
    const button = event.target.closest?.("button.nbkit-copy");
    if (!button) return;
    const code = button.parentElement.querySelector("pre");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch { // no clipboard without a secure connection: then it is selected, and the keyboard copies it
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }, { signal });
}

/* A notebook may have saved its widgets, and draw them with no kernel. The output beside the panel stands aside only
   for a panel that answers. */
function greet(root, model, signal) {
  const alive = content => { if (content.here) root.classList.add("nbkit-live"); };
  model.on("msg:custom", alive);
  signal.addEventListener("abort", () => model.off("msg:custom", alive));
  model.send({ there: true });
}

/* The output beside the panel is what a saved notebook keeps. It carries its state's name as a class. */
function watchRecord(root, model, line, signal) {
  let timer = 0;
  const look = () => {
    const area = root.closest(".jp-NotebookPanel") && root.closest(".jp-OutputArea");
    const wanted = model.get("kept");
    const there = area && wanted && area.querySelector(".nbkit-record");
    line.textContent = there && !there.classList.contains(wanted) ? BEHIND : "";
    line.hidden = !line.textContent;
  };
  const later = () => { clearTimeout(timer); timer = setTimeout(look, 1500); };
  model.on("change:kept", later);
  signal.addEventListener("abort", () => { clearTimeout(timer); model.off("change:kept", later); });
  later();
}

function render({ model, el }) {
  const over = new AbortController();
  const behind = document.createElement("p");
  behind.className = "nbkit-behind";
  behind.setAttribute("role", "note");
  behind.hidden = true;
  el.append(behind);

  // The view is not in the page yet when it is rendered.
  let observer;
  const settle = requestAnimationFrame(function find() {
    if (over.signal.aborted) return;
    const root = el.closest(OURS);
    if (!root) { requestAnimationFrame(find); return; }
    let waiting = false;
    const back = keepPlace(root, over.signal);
    const again = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; name(root); announce(root); back(); });
    };
    observer = new MutationObserver(again);
    observer.observe(root, { subtree: true, childList: true, characterData: true, attributeFilter: ["class", "style", "aria-valuenow"] });
    again();
    greet(root, model, over.signal);
    pressPaid(root, model, over.signal);
    copyCode(root, over.signal);
    quietShortcuts(root, over.signal);
    watchRecord(root, model, behind, over.signal);
  });

  return () => {
    cancelAnimationFrame(settle);
    over.abort();
    observer?.disconnect();
  };
}

export default { render };
