// A citation that is pointed at, or reached by keyboard, shows the title and the sentence behind it; a source leads back
// to the places that cite it.
(() => {
  "use strict";
  const peek = Object.assign(document.createElement("div"), { id: "peek", hidden: true });
  peek.setAttribute("role", "tooltip");
  let marker = null, timer = 0;

  const part = (kind, text) => Object.assign(document.createElement("p"), { className: kind, textContent: text, dir: "auto" });
  const show = (of) => {
    clearTimeout(timer);
    marker?.removeAttribute("aria-describedby");
    marker = of;
    peek.replaceChildren(part("title", of.dataset.title), part("quote", of.dataset.quote), part("support", of.dataset.support));
    if (!peek.isConnected) document.body.append(peek);
    peek.hidden = false;
    of.setAttribute("aria-describedby", "peek");
    const place = of.getBoundingClientRect(), size = peek.getBoundingClientRect();
    const left = Math.min(Math.max(8, place.left + place.width / 2 - size.width / 2), innerWidth - size.width - 8);
    const above = place.top - size.height - 8;
    peek.style.left = `${Math.max(8, left)}px`;
    peek.style.top = `${above >= 8 ? above : place.bottom + 8}px`;
  };
  const hide = () => {
    clearTimeout(timer);
    marker?.removeAttribute("aria-describedby");
    marker = null;
    peek.hidden = true;
  };
  const later = (act, wait) => { clearTimeout(timer); timer = setTimeout(act, wait); };
  const cite = ({ target }) => (target instanceof Element ? target.closest("a.cite[data-quote]") : null);

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const of = cite(event);
    if (of && of !== marker) later(() => { if (of.isConnected) show(of); }, 150);
    else if (of || peek.contains(event.target)) clearTimeout(timer);
    else if (marker) later(hide, 200);
    else clearTimeout(timer);
  });
  document.addEventListener("focusin", (event) => {
    const of = cite(event);
    if (of?.matches(":focus-visible")) show(of);
    else if (marker) hide();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || peek.hidden) return;
    hide();
    event.stopImmediatePropagation();
  }, true);
  document.addEventListener("click", (event) => {
    hide();
    const link = event.target instanceof Element && event.target.closest("a.way-back");
    if (!link) return;
    event.preventDefault();
    const place = document.getElementById(link.hash.slice(1));
    if (!place) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    place.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    place.focus({ preventScroll: true });
  });
  addEventListener("scroll", () => { if (!peek.hidden) hide(); }, { passive: true, capture: true });
  new MutationObserver(() => { if (marker && !marker.isConnected) hide(); })
    .observe(document.documentElement, { childList: true, subtree: true });
})();
