// What the page does by itself: it leads from a citation to its sentence and from the chat to the library, keeps the
// newest answer in view, and speaks to screen readers.
(() => {
  "use strict";
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const behavior = () => (calm() ? "auto" : "smooth");

  // The address says which view is open, so that Back works; the style sheet hides the other one.
  const views = ["chat", "library"];
  const turnTo = () => {
    const open = location.hash === "#library" ? "library" : "chat";
    document.documentElement.dataset.view = open;
    for (const view of views) {
      const tab = document.getElementById(`tab-${view}`);
      if (!tab) continue;
      tab.setAttribute("aria-selected", view === open);
      tab.tabIndex = view === open ? 0 : -1;
    }
  };
  // Each view keeps its place; neither name is that of an element, which the browser would scroll to.
  const places = {};
  addEventListener("hashchange", () => {
    turnTo();
    scrollTo(0, places[document.documentElement.dataset.view] ?? 0);
  });
  addEventListener("scroll", () => { places[document.documentElement.dataset.view] = scrollY; }, { passive: true });
  turnTo();
  document.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const tab = step && event.target instanceof Element && event.target.closest("#views [role=tab]");
    if (!tab) return;
    event.preventDefault();
    const all = [...document.querySelectorAll("#views [role=tab]")];
    const next = all.at((all.indexOf(tab) + step) % all.length);
    location.hash = next.hash;
    next.focus();
  });
  document.addEventListener("to-question", () => {
    location.hash = "#chat";
    turnTo();
    document.querySelector("#question textarea")?.focus();
  });

  // The card of a paper takes the keyboard when it opens, and gives it back to the row it was opened from.
  const markRow = () => {
    const id = document.querySelector("#card .paper")?.dataset.of;
    for (const row of document.querySelectorAll("#papers tbody tr")) row.classList.toggle("here", row.dataset.of === id);
  };
  const opener = (id) => document.querySelector(`#papers [data-key="open-${CSS.escape(id)}"]`);
  const watchCard = (card) => {
    let shown = "";
    new MutationObserver(() => {
      const paper = card.querySelector(".paper"), id = paper?.dataset.of ?? "", over = innerWidth <= 900 && paper;
      for (const part of document.querySelectorAll("#header, #views, #library-view > :not(#shelf), #papers")) {
        part.inert = Boolean(over); // what lies under the card on a phone
      }
      markRow();
      if (paper && id !== shown) paper.querySelector("h2").focus({ preventScroll: !over });
      if (!paper && shown) (opener(shown) ?? document.querySelector("#papers button"))?.focus({ preventScroll: true });
      shown = id;
    }).observe(card, { childList: true, subtree: true });
  };
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !document.querySelector("#card .paper")) return;
    if (document.activeElement?.closest("#card-panel, #papers") || document.activeElement === document.body) {
      document.querySelector("#card .close").click();
    }
  });
  document.addEventListener("click", async (event) => {
    const copy = event.target instanceof Element && event.target.closest("#card .copy");
    if (!copy) return;
    const text = copy.closest(".paper").querySelector("pre");
    getSelection().selectAllChildren(text); // what is left to do by hand where the page may not copy
    if (!navigator.clipboard) return;
    await navigator.clipboard.writeText(text.textContent);
    copy.textContent = "Copied";
  });

  // Gradio paints a table anew by changing what differs: a box would keep the tick of the paper that stood there before.
  const watchTable = (table) => {
    let key = null;
    table.addEventListener("focusin", ({ target }) => { key = target.dataset.key ?? null; });
    table.addEventListener("focusout", ({ relatedTarget }) => { if (relatedTarget) key = null; });
    new MutationObserver(() => {
      for (const box of table.querySelectorAll("[type=checkbox]")) box.checked = box.hasAttribute("checked");
      for (const field of table.querySelectorAll("[type=number]")) field.value = field.getAttribute("value");
      markRow();
      // The keyboard stays where it was, if that is gone.
      if (!key || document.activeElement !== document.body) return;
      const same = table.querySelector(`[data-key="${CSS.escape(key)}"]:not(:disabled)`);
      (same ?? table.querySelector(".pager button:not(:disabled), th button"))?.focus({ preventScroll: true });
    }).observe(table, { childList: true, subtree: true, attributes: true, attributeFilter: ["checked", "value", "data-of"] });
  };

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
    settle("#views [role=tab]", turnTo);
    settle("#desk", (desk) => {
      desk.setAttribute("role", "tabpanel");
      desk.setAttribute("aria-labelledby", "tab-chat");
    });
    settle("#library-view", (library) => {
      library.setAttribute("role", "tabpanel");
      library.setAttribute("aria-labelledby", "tab-library");
    });
    settle("#papers", watchTable);
    settle("#card", watchCard);
    for (const line of ["#wrong", "#done-said", "#selected", "#adding"]) {
      settle(line, (part) => part.setAttribute("aria-live", "polite"));
    }
    settle("#collection-name input", (box) => { box.placeholder = "Name of a collection"; });
    settle("#question textarea", (box) => box.setAttribute("aria-label", "Your question"));
    document.documentElement.lang ||= "en";
    document.body.append(back);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watch);
  else watch();
})();
