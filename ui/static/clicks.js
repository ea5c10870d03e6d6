// What was used in this part of the page: the `data-do` of a button or a field, what it is `data-of`, and its value.
const tell = (part) => trigger("click", {
  deed: part.dataset.do, of: part.dataset.of ?? "", value: part.type === "checkbox" ? part.checked : part.value ?? "",
});
element.addEventListener("click", ({ target }) => {
  const part = target.closest("button[data-do]");
  if (part) tell(part);
});
element.addEventListener("change", ({ target }) => {
  if (!target.matches("input[data-do]")) return;
  if (target.type === "number") target.value = Math.min(Math.max(Math.round(target.value), target.min), target.max);
  if (target.type === "checkbox") target.toggleAttribute("checked", target.checked); // what the page goes by, see page.js
  tell(target);
});
