// What the page does by itself: it leads from a citation to its sentence and from the chat to the library, keeps the
// newest answer in view, heeds the keyboard, and speaks to screen readers.
(() => {
  "use strict";
  const words = JSON.parse(document.getElementById("words").textContent);
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const behavior = () => (calm() ? "auto" : "smooth");

  // What lies under the card of a paper on a phone.
  const coverTable = () => {
    const over = document.documentElement.dataset.view === "library" && innerWidth <= 900;
    const covered = over && document.querySelector("#card .paper") !== null;
    for (const part of document.querySelectorAll("#header, #views, #library-view > :not(#shelf), #papers")) {
      part.inert = covered;
    }
  };
  addEventListener("resize", coverTable);
  // The theme that was chosen in the settings stands, whatever Gradio takes from the device.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => localStorage.getItem("theme") ?? "system";
  const paintTheme = () => {
    if (new URLSearchParams(location.search).has("__theme")) return;
    const wanted = theme() === "system" ? dark.matches : theme() === "dark";
    if (document.body.classList.contains("dark") !== wanted) document.body.classList.toggle("dark", wanted);
  };
  dark.addEventListener("change", paintTheme);
  document.addEventListener("change", ({ target }) => {
    if (!(target instanceof Element) || !target.matches("#theme input")) return;
    localStorage.setItem("theme", target.value);
    paintTheme();
  });
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
    coverTable();
  };
  // Each view keeps its place; neither name is that of an element, which the browser would scroll to.
  const places = {};
  addEventListener("hashchange", () => {
    turnTo();
    scrollTo(0, places[document.documentElement.dataset.view] ?? 0);
  });
  addEventListener("scroll", () => { places[document.documentElement.dataset.view] = scrollY; }, { passive: true });
  turnTo();
  // Gradio gives the page a base address, against which "#library" is another page than that of a conversation.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest('a[href^="#"]');
    const view = link && link.getAttribute("href").slice(1);
    if (!views.includes(view) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    location.hash = view;
  });
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
  const questionBox = () => document.querySelector("#question textarea");
  document.addEventListener("to-question", () => {
    location.hash = "#chat";
    turnTo();
    questionBox()?.focus();
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
      const paper = card.querySelector(".paper"), id = paper?.dataset.of ?? "";
      coverTable();
      markRow();
      if (paper && id !== shown) paper.querySelector("h2").focus({ preventScroll: innerWidth > 900 });
      if (!paper && shown) (opener(shown) ?? document.querySelector("#papers button"))?.focus({ preventScroll: true });
      shown = id;
    }).observe(card, { childList: true, subtree: true });
  };

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
    for (let part = card; part; part = part.parentElement?.closest("details")) part.open = true;
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
  const back = Object.assign(document.createElement("button"), {
    id: "back", type: "button", textContent: words.back, hidden: true, onclick: goBack,
  });

  // Gradio gives each of its radio buttons a name of its own, so that the arrow keys would not move between them.
  document.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !(event.target instanceof Element) || !event.target.matches("#mode input, #length input")) return;
    event.preventDefault();
    const all = [...event.target.closest("#mode, #length").querySelectorAll("input")];
    const next = all.at((all.indexOf(event.target) + step) % all.length);
    next.click();
    next.focus();
  });

  // The buttons around the question vanish or change when used. The keyboard goes on in the question box, after a
  // click only where it was in use before, as a phone would put its own keyboard over the answer.
  document.addEventListener("click", (event) => {
    const used = event.target instanceof Element && event.target.closest("#composer button, .example, #new");
    if (used && (event.detail === 0 || used.matches("#new"))) questionBox()?.focus({ preventScroll: true });
  });

  // Gradio writes all fields from left to right; what is typed has its own direction.
  document.addEventListener("focusin", ({ target }) => {
    if (target.matches("textarea, input[type=text], input:not([type])")) target.dir = "auto";
  });

  // Escape ends what is nearest: the list of keys by itself, then the card, the source that was opened, the answer.
  const readingCard = (at) => {
    const open = document.documentElement.dataset.view === "library" && document.querySelector("#card .paper");
    return open && (at === document.body || at.closest("#card-panel, #papers"));
  };
  document.addEventListener("keydown", (event) => {
    const at = document.activeElement ?? document.body;
    if (event.key !== "Escape" || event.defaultPrevented || keys.open || at.matches("[aria-expanded=true]")) return;
    if (readingCard(at)) document.querySelector("#card .close").click();
    else if (at.matches("mark, .card > summary")) goBack();
    else document.querySelector("#stop")?.click();
  });

  // Shortcuts of one letter: not while a field is typed in, and not at all for a reader who has switched them off, as
  // somebody who speaks to the computer has to.
  const turnView = (view) => {
    location.hash = `#${view}`;
    turnTo();
    document.getElementById(`tab-${view}`)?.focus();
  };
  const stepSource = (step) => {
    const all = [...document.querySelectorAll("html[data-view=chat] #turns .turn:last-of-type a.cite")];
    const painted = lastMarker && !lastMarker.isConnected && lastMarker.getAttribute("href"); // anew, since it was used
    const now = all.findIndex((mark) => (painted ? mark.getAttribute("href") === painted : mark === lastMarker));
    all[now < 0 ? (step > 0 ? 0 : all.length - 1) : (now + step + all.length) % all.length]?.click();
  };
  const deeds = {
    "/": () => {
      const library = document.documentElement.dataset.view === "library";
      (library ? document.querySelector("#filters input") : questionBox())?.focus();
    },
    "g c": () => turnView("chat"),
    "g l": () => turnView("library"),
    n: () => stepSource(1),
    p: () => stepSource(-1),
    "?": () => keys.showModal(),
  };
  const lettersOff = () => localStorage.getItem("letters") === "off";
  let first = ""; // the g of two letters that belong together
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.key === "Shift") return;
    const field = event.target instanceof Element && event.target.closest("input:not([type=checkbox], [type=radio]), textarea");
    const pressed = first + event.key;
    first = "";
    if (field || keys.open || lettersOff()) return;
    if (event.key === "g") first = "g ";
    if (!deeds[pressed]) return;
    event.preventDefault();
    deeds[pressed]();
  });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("#show-keys")) keys.showModal();
  });
  const keys = document.createElement("dialog");
  const make = (name, parts, ...inside) => {
    const made = Object.assign(document.createElement(name), parts);
    made.append(...inside);
    return made;
  };
  const letters = make("input", { type: "checkbox", checked: !lettersOff(), onchange: () => {
    localStorage.setItem("letters", letters.checked ? "on" : "off");
  } });
  const close = make("button", { type: "button", textContent: "✕", onclick: () => keys.close() });
  close.setAttribute("aria-label", words.close);
  const list = Object.entries(words.keysOf).map(([pressed, deed]) => make("div", {},
    make("dt", {}, ...pressed.split(" ").map((key) => make("kbd", { textContent: key }))), make("dd", {}, deed)));
  keys.id = "keys";
  keys.setAttribute("aria-labelledby", "keys-title");
  keys.append(make("h2", { id: "keys-title", textContent: words.keys }), close, make("dl", {}, ...list),
    make("p", {}, words.keysWhen), make("label", {}, letters, words.keysOn));

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
    settle("#turns", (turns) => {
      let count = 0;
      new MutationObserver(() => {
        const now = turns.querySelectorAll(".turn").length; // an answer may be found too soon to be painted as a draft
        if (now !== count || !lastMarker?.isConnected) hideBack();
        count = now;
      }).observe(turns, { childList: true, subtree: true });
    });
    // Papers like one of the sources take the keyboard when they are shown, and give it back.
    settle("#sources", (panel) => {
      let asked = "";
      panel.addEventListener("click", ({ target }) => {
        const button = target.closest("[data-do=like], [data-do=unlike]");
        if (button) asked = button.dataset.of ?? asked;
      });
      let shown = "";
      new MutationObserver(() => {
        const title = panel.querySelector("#alike-title"), now = title?.textContent ?? "";
        if (now && now !== shown) {
          title.focus({ preventScroll: true });
          show(title);
        } else if (!now && shown && document.activeElement === document.body) {
          panel.querySelector(`[data-do=like][data-of="${CSS.escape(asked)}"]`)?.focus({ preventScroll: true });
        }
        shown = now;
      }).observe(panel, { childList: true, subtree: true, characterData: true });
    });
    paintTheme();
    new MutationObserver(paintTheme).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    settle("#theme", (choice) => { choice.querySelector(`[value="${CSS.escape(theme())}"]`).checked = true; });
    settle("#announcement", (line) => {
      line.setAttribute("role", "status");
      line.setAttribute("aria-live", "polite");
    });
    settle("#mode", (choice) => {
      choice.setAttribute("role", "radiogroup");
      choice.setAttribute("aria-label", words.mode);
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
    for (const line of ["#wrong", "#done-said", "#selected", "#adding", "#deleted-said"]) {
      settle(line, (part) => part.setAttribute("aria-live", "polite"));
    }
    settle("#collection-name input", (box) => { box.placeholder = words.collection; });
    settle("#question textarea", (box) => box.setAttribute("aria-label", words.question));
    // What was typed when a session ended, see signed.js; another reader's is forgotten.
    if (sessionStorage.getItem("typed")) settle("#reader strong", (name) => {
      const { by, typed } = JSON.parse(sessionStorage.getItem("typed"));
      sessionStorage.removeItem("typed");
      const box = document.querySelector("#question textarea");
      if (by !== name.textContent || !box) return;
      box.value = typed;
      box.dispatchEvent(new Event("input", { bubbles: true }));
    });
    document.documentElement.lang ||= "en";
    document.body.append(back, keys);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watch);
  else watch();
})();
