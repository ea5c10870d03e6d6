// What the page does by itself: it leads from a citation to its sentence, keeps the newest answer in view, and
// speaks to screen readers.
(() => {
  "use strict";
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const behavior = () => (calm() ? "auto" : "smooth");

  // Beside the answer only the source panel moves; below it, on a phone, the page does.
  const show = (target) => {
    const panel = target.closest("#aside");
    if (!panel || panel.scrollHeight <= panel.clientHeight || getComputedStyle(panel).overflowY !== "auto") {
      target.scrollIntoView({ behavior: behavior(), block: "center" });
      return;
    }
    const place = target.getBoundingClientRect(), frame = panel.getBoundingClientRect();
    const middle = place.top + place.height / 2 - frame.top - panel.clientHeight / 2;
    panel.scrollBy({ top: middle, behavior: behavior() });
  };

  // One listener for all markers, because the answers are painted anew while they stream.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("a.cite");
    if (!link) return;
    const target = document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    event.preventDefault();
    const card = target.closest("details");
    if (card) card.open = true;
    document.querySelectorAll("mark.here").forEach((mark) => mark.classList.remove("here"));
    target.classList.add("here");
    lastMarker = link;
    target.focus({ preventScroll: true });
    show(target);
    back.hidden = innerWidth > 900;
  });

  // Escape leads back from a sentence to the marker it was opened from; on a phone a button does.
  let lastMarker = null;
  const goBack = () => {
    back.hidden = true;
    if (!lastMarker?.isConnected) return;
    lastMarker.focus({ preventScroll: true });
    lastMarker.scrollIntoView({ behavior: behavior(), block: "center" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.activeElement?.matches("mark")) goBack();
  });
  const back = Object.assign(document.createElement("button"), {
    id: "back", type: "button", textContent: "↑ Back to the answer", hidden: true, onclick: goBack,
  });

  let held = false;
  for (const gesture of ["wheel", "touchmove", "keydown"]) {
    addEventListener(gesture, () => { held = false; }, { passive: true });
  }

  const settle = (id, act) => {
    const found = document.getElementById(id);
    if (found) act(found);
    return found !== null;
  };
  const watch = () => {
    const ready = settle("draft", (draft) => {
      let asked = false;
      new MutationObserver(() => {
        const writing = draft.querySelector(".turn") !== null;
        // A new question goes to the top of the view, and stays there unless its reader scrolls.
        if (writing && !asked) held = true;
        if (held && (writing || asked)) {
          const all = [...document.querySelectorAll("#turns .turn, #draft .turn")];
          if (all.length > 1) all.at(-1).scrollIntoView({ block: "start" });
        }
        asked = writing;
      }).observe(draft, { childList: true, subtree: true });
    });
    settle("announcement", (line) => {
      line.setAttribute("role", "status");
      line.setAttribute("aria-live", "polite");
    });
    settle("question", (box) => box.querySelector("textarea")?.setAttribute("aria-label", "Your question"));
    document.documentElement.lang ||= "en";
    document.body.append(back);
    if (!ready) setTimeout(watch, 100);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watch);
  else watch();
})();
