// The arena on the page: it shows the fragment of HTML that the kernel sends, and sends back the answer of the button or
// the key that was pressed, with the number of the question. Python's side is arena.py.

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

  function press(button) {
    if (button.disabled || waits) return;
    const { answer } = button.dataset;
    waits = kernel.send({ type: "answer", answer, round: Number(button.closest("[data-round]").dataset.round) });
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
      box.querySelector("[aria-pressed]")?.removeAttribute("aria-pressed"); // the answer was not taken
    }
    waits = false;
  }

  box.addEventListener("click", (event) => {
    const button = event.target.closest("[data-answer]");
    if (button) press(button);
  });
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const key = event.key.toLowerCase();
    const button = [...box.querySelectorAll("[data-answer]")].find((one) => one.getAttribute("aria-keyshortcuts") === key);
    if (!button) return;
    event.preventDefault();
    event.stopPropagation();
    press(button);
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
