// What the page does by itself: it leads from a citation to its sentence, keeps the newest answer in view, and
// speaks to screen readers.
(() => {
  "use strict";
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const behavior = () => (calm() ? "auto" : "smooth");

  // Beside the answer only the source panel moves; below it, on a phone, the page does.
  const show = (target) => {
    const panel = target.closest("#aside");
    const beside = panel && getComputedStyle(panel).overflowY === "auto";
    const place = target.getBoundingClientRect(), frame = panel?.getBoundingClientRect();
    if (beside && place.top >= Math.max(frame.top, 0) && place.bottom <= Math.min(frame.bottom, innerHeight)) return;
    if (!beside || panel.scrollHeight <= panel.clientHeight) {
      target.scrollIntoView({ behavior: behavior(), block: "center" });
      return;
    }
    const middle = place.top + place.height / 2 - frame.top - panel.clientHeight / 2;
    panel.scrollBy({ top: middle, behavior: behavior() });
  };

  // One listener for all markers and for the dots of the map, because the answers are painted anew while they stream.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("a.cite, a.dot");
    if (!link) return;
    event.preventDefault();
    const target = document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    const card = target.closest("details");
    if (card) card.open = true;
    document.querySelectorAll("mark.here, .dot.here").forEach((mark) => mark.classList.remove("here"));
    const place = link.matches(".dot") ? card?.querySelector("summary") ?? target : target;
    (link.matches(".dot") ? link : target).classList.add("here");
    lastMarker = link;
    place.focus({ preventScroll: true });
    show(place);
    cardInView.disconnect();
    cardInView.observe(card ?? target);
  });

  // Escape leads back from a sentence to the marker it was opened from; on a phone a button does, which shows only
  // while that source is in view, well above the button's own place.
  let lastMarker = null;
  const cardInView = new IntersectionObserver((entries) => {
    back.hidden = innerWidth > 900 || !entries.at(-1).isIntersecting || !lastMarker?.isConnected;
  }, { rootMargin: "0px 0px -80px 0px" });
  const hideBack = () => {
    cardInView.disconnect();
    back.hidden = true;
  };
  const goBack = () => {
    hideBack();
    if (!lastMarker?.isConnected) return;
    lastMarker.focus({ preventScroll: true });
    lastMarker.scrollIntoView({ behavior: behavior(), block: "center" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.activeElement?.matches("mark, .card > summary")) goBack();
  });
  const back = Object.assign(document.createElement("button"), {
    id: "back", type: "button", textContent: "↑ Back to the answer", hidden: true, onclick: goBack,
  });

  // Gradio gives each of its radio buttons a name of its own, so that the arrow keys would not move between them.
  document.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !(event.target instanceof Element) || !event.target.matches("#mode input")) return;
    event.preventDefault();
    const all = [...document.querySelectorAll("#mode input")];
    const next = all.at((all.indexOf(event.target) + step) % all.length);
    next.click();
    next.focus();
  });

  // The buttons that begin anew and take that back vanish when used; the keyboard goes on in the question box.
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("#clear, #undo")) return;
    document.querySelector("#question textarea")?.focus({ preventScroll: true });
  });

  let held = false;
  for (const gesture of ["wheel", "touchmove", "keydown"]) {
    addEventListener(gesture, () => { held = false; }, { passive: true });
  }

  const reveal = () => {
    if (held) document.querySelector("#draft .notice")?.scrollIntoView({ block: "nearest" });
  };
  // Gradio makes the parts of the page one after the other; each is waited for by itself.
  const settle = (selector, act) => {
    const found = document.querySelector(selector);
    if (found) act(found);
    else setTimeout(settle, 50, selector, act);
  };
  const watch = () => {
    settle("#draft", (draft) => {
      let asked = false;
      new MutationObserver(() => {
        const writing = draft.querySelector(".turn") !== null;
        if (writing && !asked) hideBack();
        // A new question goes to the top of the view, and stays there unless its reader scrolls.
        if (writing && !asked) held = true;
        if (held && (writing || asked)) {
          const all = [...document.querySelectorAll("#turns .turn, #draft .turn")];
          if (all.length > 1) all.at(-1).scrollIntoView({ block: "start" });
        }
        asked = writing;
        if (draft.querySelector(".notice")) {
          held = true;
          reveal();
        }
      }).observe(draft, { childList: true, subtree: true });
    });
    // Why a question was refused stays above the composer, which grows with the question that is given back.
    settle("#composer", (composer) => new ResizeObserver(() => {
      document.documentElement.style.setProperty("--composer-height", `${composer.offsetHeight}px`);
      reveal();
    }).observe(composer));
    settle("#turns", (turns) => new MutationObserver(() => {
      if (!lastMarker?.isConnected) hideBack();
    }).observe(turns, { childList: true, subtree: true }));
    settle("#announcement", (line) => {
      line.setAttribute("role", "status");
      line.setAttribute("aria-live", "polite");
    });
    settle("#mode", (choice) => {
      choice.setAttribute("role", "radiogroup");
      choice.setAttribute("aria-label", "Kind of answer");
    });
    settle("#question textarea", (box) => box.setAttribute("aria-label", "Your question"));
    document.documentElement.lang ||= "en";
    document.body.append(back);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watch);
  else watch();
})();
