// The list of conversations: opens, renames and deletes them, and keeps the address that of the open one.
const tell = (part, deed = part.dataset.do) => trigger("click", {
  deed, of: part.dataset.of ?? "", value: part.value ?? part.dataset.value ?? "",
});
element.addEventListener("click", (event) => {
  const part = event.target.closest("[data-do]:not(input)");
  if (!part) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a link in a tab of its own
  event.preventDefault();
  replacing = part.dataset.do === "delete";
  wanted = replacing ? "#undo-delete" : "";
  sought = part.dataset.value ?? "";
  if (shown() === part.dataset.of) seek(); // and again where fewer turns are painted
  if (part.dataset.do === "open") document.dispatchEvent(new Event("conversation-chosen"));
  tell(part);
});
element.addEventListener("keydown", (event) => {
  if (!event.target.matches("input[data-do]")) return;
  if (event.isComposing) return;
  if (event.key === "Enter") event.target.blur();
  if (event.key === "Escape") {
    event.stopPropagation();
    event.target.dataset.over = "true";
    tell(event.target, "leave");
  }
});
element.addEventListener("focusout", ({ target }) => {
  if (!target.matches("input[data-do]") || target.dataset.over) return;
  target.dataset.over = "true";
  tell(target, target.value === target.defaultValue ? "leave" : "name");
});
let sought = ""; // the turn in which a search found what was opened
const seek = () => {
  const turn = sought && document.getElementById(`turn-${sought}`);
  if (turn) turn.scrollIntoView({ block: "start" });
  return Boolean(turn);
};
let renamed = "";
let wanted = ""; // what the keyboard goes on with, once that is there
const goOn = (tries = 20) => {
  const part = wanted && document.querySelector(wanted);
  if (part && part.offsetParent) { wanted = ""; part.focus(); }
  else if (wanted && tries) setTimeout(goOn, 50, tries - 1);
};
new MutationObserver(() => {
  goOn();
  const field = element.querySelector("input[data-do]");
  if (field && field !== document.activeElement && !field.dataset.over) {
    renamed = field.dataset.of;
    field.focus();
    field.select();
  } else if (!field && renamed) {
    // The keyboard goes on where it was.
    element.querySelector(`button[data-do=rename][data-of="${CSS.escape(renamed)}"]`)?.focus();
    renamed = "";
  }
}).observe(element, { childList: true, subtree: true });

document.addEventListener("click", ({ target }) => {
  if (target instanceof Element && !target.closest("#conversations")) sought = ""; // its reader goes on elsewhere
  if (target instanceof Element && target.closest("#undo-delete")) wanted = "#conversations li > a";
  if (target instanceof Element && target.closest("#turns [data-do=edit]")) {
    document.querySelector("#question textarea")?.focus();
  }
});

// On a narrow page the list is folded until it is asked for, and again once a conversation was chosen.
const toggle = () => document.querySelector("#show-conversations");
document.addEventListener("click", ({ target }) => {
  if (!(target instanceof Element) || !target.closest("#show-conversations")) return;
  toggle().setAttribute("aria-expanded", toggle().getAttribute("aria-expanded") !== "true");
});
document.addEventListener("conversation-chosen", () => toggle()?.setAttribute("aria-expanded", "false"));

// The address is that of the conversation which is shown, so that a reload, a bookmark and Back lead to it.
const shown = () => document.querySelector("#turns [data-conversation]")?.dataset.conversation ?? "";
const addressed = () => new URLSearchParams(location.search).get("c") ?? "";
let last = addressed();
let replacing = false; // of an address that leads nowhere any longer nothing stays behind
addEventListener("click", () => { replacing = false; }, true);
const keep = () => {
  const now = shown();
  if (now === last || !document.querySelector("#turns :is(.welcome, [data-conversation])")) return; // not painted yet
  const address = `${location.pathname}${now ? `?c=${encodeURIComponent(now)}` : ""}${location.hash}`;
  history[replacing ? "replaceState" : "pushState"](null, "", address);
  replacing = false;
  last = now;
};
const follow = () => {
  const turns = document.querySelector("#turns");
  if (!turns) { setTimeout(follow, 50); return; }
  new MutationObserver(() => { keep(); if (seek()) sought = ""; }).observe(turns, { childList: true, subtree: true });
};
follow();
addEventListener("popstate", () => {
  if (addressed() === last) return; // another view of the page
  last = addressed();
  replacing = true;
  trigger("click", { deed: last ? "open" : "new", of: last, value: "" });
});
