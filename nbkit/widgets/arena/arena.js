// The arena on the page: it shows the fragment of HTML that the kernel sends, and sends back the answer of the button or
// the key that was pressed, with the number of the question. Python's side is arena.py.

const ANSWER_KEYS = { 0: "tie", s: "skip", u: "undo", r: "ranking" };

function answerOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return "";
  const key = event.key.toLowerCase();
  return ANSWER_KEYS[key] ?? (/^[1-9]$/.test(key) ? key : "");
}

function render({ model, el }) {
  const box = document.createElement("div");
  box.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab would take the keys for its own
  box.style.padding = "4px";
  el.append(box);
  const kernel = watchKernel(model, () => {
    const says = box.querySelector(".says");
    if (says) says.textContent = KERNEL_GONE;
    box.querySelectorAll("button").forEach((button) => { button.disabled = true; });
  });
  let waits = false;

  function send(answer) {
    const shown = box.querySelector("[data-round]");
    const button = shown && [...shown.querySelectorAll("[data-answer]")].find((one) => one.dataset.answer === answer);
    if (!button || button.disabled || waits) return;
    waits = kernel.send({ type: "answer", answer, round: Number(shown.dataset.round) });
    if (waits && answer !== "ranking") button.setAttribute("aria-pressed", "true");
  }

  function hear(message) {
    if (message.type === "question") {
      const had = box.contains(document.activeElement);
      const place = document.activeElement?.dataset?.answer;
      box.innerHTML = message.html;
      const next = (place && box.querySelector(`[data-answer="${place}"]:not(:disabled)`)) || box.querySelector("[data-round]");
      if (had) next?.focus({ preventScroll: true });
    } else if (message.type === "says") {
      const says = box.querySelector(".says");
      if (says) says.textContent = message.text;
      else box.textContent = message.text;
    }
    waits = false;
  }

  box.addEventListener("click", (event) => {
    const button = event.target.closest("[data-answer]");
    if (button) send(button.dataset.answer);
  });
  box.addEventListener("keydown", (event) => {
    const answer = answerOf(event);
    if (!answer || event.repeat) return;
    event.preventDefault();
    event.stopPropagation();
    send(answer);
  });
  model.on("msg:custom", hear);
  kernel.drawn(el);
  if (!kernel.send({ type: "show" })) box.textContent = KERNEL_GONE;
  return () => {
    model.off("msg:custom", hear);
    kernel.stop();
  };
}

export default { render };
