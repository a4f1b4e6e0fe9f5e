// Answers the pictures of plain outputs that ask for their originals. Python's side is originals.py; compare.js asks:
// an event "nbkit-original" whose detail is a picture's name and what to call with the address of the original.

const AGAIN = 20000; // milliseconds after which a question that had no answer may be put again
const unused = new FinalizationRegistry((url) => URL.revokeObjectURL(url)); // an address lasts as long as its picture

export default () => ({
  initialize({ model }) {
    const asked = new Map(); // name -> when, and who waits
    const ask = ({ detail: { name, take } }) => {
      const question = asked.get(name) ?? { at: -AGAIN, waiting: new Set() };
      asked.set(name, question);
      question.waiting.add(take);
      if (performance.now() - question.at < AGAIN) return;
      question.at = performance.now();
      kernel.send({ name });
    };
    const hear = ({ name }, [bytes] = []) => {
      if (!bytes || !asked.has(name)) return;
      const { waiting } = asked.get(name);
      asked.delete(name);
      for (const take of waiting) {
        const url = URL.createObjectURL(new Blob([bytes]));
        unused.register(take, url);
        take(url);
      }
    };
    const stop = () => {
      document.removeEventListener("nbkit-original", ask);
      asked.clear();
    };
    const kernel = watchKernel(model, stop);
    model.on("msg:custom", hear);
    document.addEventListener("nbkit-original", ask);
    for (const root of document.querySelectorAll("[data-nbkit-ready]")) root.dispatchEvent(new Event("nbkit-originals"));
    return () => {
      stop();
      kernel.stop();
      model.off("msg:custom", hear);
    };
  },
});
