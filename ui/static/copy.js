// What a button with `data-copy` copies. Without a secure address the page may not write to the clipboard; then the older
// way is tried, and if neither works that is said.
(() => {
  "use strict";
  const older = (text) => {
    const box = Object.assign(document.createElement("textarea"), { value: text });
    const before = document.activeElement;
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    before?.focus({ preventScroll: true });
    return done;
  };
  document.addEventListener("click", async ({ target }) => {
    const button = target instanceof Element && target.closest("button[data-copy]");
    if (!button) return;
    const words = JSON.parse(document.getElementById("words").textContent);
    const name = button.querySelector("span") ?? button, before = name.textContent;
    const text = button.dataset.copy;
    const done = await (navigator.clipboard?.writeText(text).then(() => true, () => older(text)) ?? older(text));
    const said = done ? words.copied : words.notCopied;
    name.textContent = said;
    const line = document.querySelector("#announcement p, #announcement");
    if (line) line.textContent = said;
    setTimeout(() => { if (name.textContent === said) name.textContent = before; }, 1500);
  });
})();
