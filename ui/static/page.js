// What the page does by itself: it leads from a citation to its sentence, keeps the newest answer in view, and
// speaks to screen readers.
(() => {
  "use strict";
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const behavior = () => (calm() ? "auto" : "smooth");

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
    target.scrollIntoView({ behavior: behavior(), block: "center" });
  });

  // Escape leads back from a sentence to the marker it was opened from.
  let lastMarker = null;
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !lastMarker?.isConnected || !document.activeElement?.matches("mark")) return;
    lastMarker.focus();
    lastMarker.scrollIntoView({ behavior: behavior(), block: "center" });
  });

  const nearEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 160;
  let pinned = true;
  addEventListener("scroll", () => { pinned = nearEnd(); }, { passive: true });

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
        if (writing && !asked) {
          draft.querySelector(".turn").scrollIntoView({ behavior: behavior(), block: "start" });
          pinned = true;
        } else if (writing && pinned && innerWidth > 900) {
          scrollTo({ top: document.documentElement.scrollHeight });
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
    if (!ready) setTimeout(watch, 100);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watch);
  else watch();
})();
