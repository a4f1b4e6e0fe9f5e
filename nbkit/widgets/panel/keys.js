// The keys of a panel, wherever the focus is in it. A notebook's own shortcuts listen on the document and look at the very
// element that has the focus; while a key is for the panel, that element tells them to look away.

const QUIET = "lmSuppressShortcuts";
const KEY_HELP = [
  ["Ctrl+Enter", "generate, from any field"],
  ["Esc", "close what is open; with nothing open, stop"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo and redo, for the whole form"],
  ["↑ in an empty prompt", "the prompts typed before"],
  ["arrows", "move among pictures, also in full size"],
  ["Enter on a picture", "full size; + − zoom, 0 fits"],
  ["E on a picture", "edit this"],
  ["?", "this list"],
];

function isTyping(target) {
  return target.matches("textarea, select, input:not([type=radio]):not([type=checkbox]):not([type=range])");
}

function listenForKeys(root, act, signal) {
  window.addEventListener("keydown", (event) => {
    const { target } = event;
    if (!root.contains(target)) return;
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    const ours = !command && !event.altKey ? true : ["enter", "z", "y"].includes(key);
    if (ours) target.dataset[QUIET] = "true";
    else delete target.dataset[QUIET];
    if (event.isComposing) return;
    let done = true;
    if (command && key === "enter") { if (!event.repeat) act.generate(); }
    else if (target.closest("dialog, .nbkit-past")) done = false; // the lightbox and the gallery have keys of their own
    else if (command && key === "z") done = act.undo(event.shiftKey);
    else if (command && key === "y") done = act.undo(true);
    else if (command || event.altKey) done = false;
    else if (key === "escape") done = act.escape();
    else if (event.key === "?" && !isTyping(target)) act.help();
    else if (key === "e" && target.closest(".nbkit-stage, .nbkit-strip")) act.edit();
    else if (key === "arrowup" && act.isPrompt(target)) done = act.recall(1);
    else if (key === "arrowdown" && act.isPrompt(target)) done = act.recall(-1);
    else done = false;
    if (!done) return;
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true, signal });
}
