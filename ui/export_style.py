"""How an exported file looks: the page's ink and paper, by the reader's own choice of light or dark, and in print."""

# Of the themes of a map, as on the page.
_LIGHT = "#0b7a6e #c4572b #4a6fc4 #9a7a13 #8d4aa3 #3f8b3a #b8396b #4f7f93 #7a5c43 #5f5ac0 #a3341f #6b7466".split()
_DARK = "#4fc9b5 #f0966e #8fb0f5 #dcbf57 #d29ae3 #8ed088 #f08bb2 #93c3d6 #c9a98c #b0abf5 #ff9b85 #b4bdaf".split()


def _themes(colours: list[str]) -> str:
    return "".join(f".theme-{place} {{ --theme: {colour}; }}\n" for place, colour in enumerate(colours))


_RULES = """
:root {
  color-scheme: light dark;
  --paper: #faf9f6; --sheet: #fff; --ink: #1d2226; --soft: #59625f; --line: #dfdcd3; --accent: #0b6e63; --tint: #d9eee9;
  --strong: #a8dccf; --problem: #a3341f;
  --serif: Charter, "Bitstream Charter", "Iowan Old Style", "Palatino Linotype", Georgia, "DejaVu Serif", serif;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.6 var(--serif); overflow-wrap: anywhere; }
main, footer { max-width: 47em; margin: 0 auto; padding: 0 20px; }
a { color: var(--accent); text-underline-offset: 2px; }
:focus-visible { outline: 2.5px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
h1 { font: 600 30px/1.2 var(--serif); letter-spacing: -0.01em; margin: 40px 0 24px; }
h2 { font: 500 23px/1.3 var(--serif); margin: 0 0 10px; }
h3, h4, h5, h6 { font: 600 17px/1.35 var(--sans); margin: 20px 0 8px; }
p { margin: 0 0 10px; }
article { border-top: 1px solid var(--line); padding: 24px 0 14px; }
strong { font: 600 0.92em/1.4 var(--sans); }
.count, .read-as, .note, .meta, .found, footer { font: 14px/1.5 var(--sans); color: var(--soft); }
.count, .read-as { margin: 0 0 6px; }
.read-as:has(+ .answer, + .map) { margin-bottom: 14px; }
.note { border-inline-start: 3px solid var(--line); padding-inline-start: 10px; }
.problem { border-color: var(--problem); color: var(--problem); }
blockquote { margin: 0 0 12px; padding: 2px 0 2px 16px; border-inline-start: 3px solid var(--strong); }
blockquote p { margin: 4px 0; }
ul, ol { margin: 0 0 12px; padding-inline-start: 24px; }
.answer em { color: var(--soft); font: 400 14px/1.5 var(--sans); }
code { font-size: 0.9em; background: var(--tint); padding: 1px 5px; border-radius: 4px; }
pre { overflow-x: auto; background: var(--sheet); border: 1px solid var(--line); border-radius: 8px;
  padding: 10px 12px; }
pre code { background: none; padding: 0; }
.table { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--sheet);
  margin: 0 0 10px; }
table { width: 100%; border-collapse: collapse; font: 14px/1.5 var(--sans); }
th, td { text-align: start; vertical-align: top; padding: 9px 12px; border-bottom: 1px solid var(--line);
  min-width: 170px; overflow-wrap: break-word; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { border-bottom: 2px solid var(--strong); }
tr > th:first-child { min-width: 92px; }
td.none { color: var(--soft); font-style: italic; }
a.cite, .no-source {
  display: inline-block; min-width: 20px; padding: 0 5px; margin: 0 1px; border-radius: 5px; text-align: center;
  font: 600 12.5px/20px var(--sans); text-decoration: none; background: var(--tint); vertical-align: 1px;
}
a.cite.partly { border: 1.5px dashed var(--accent); line-height: 17px; background: none; }
a.cite.partly::after { content: " ~"; }
a.cite.not-found, .no-source {
  border: 1.5px solid var(--problem); line-height: 17px; background: none; color: var(--problem); border-radius: 0;
}
a.cite.not-found::after { content: " ?"; }
a.cite:target { outline: 2.5px solid var(--accent); outline-offset: 1px; }
.references { border-top: 1px solid var(--line); padding: 24px 0 0; }
.references ol { padding-inline-start: 36px; }
.references li { margin: 0 0 22px; padding-inline-start: 4px; }
.references li::marker { font: 600 15px/1 var(--sans); color: var(--accent); }
blockquote:target, li:target > p { background: var(--tint); }
.found { margin: 2px 0 4px; }
.back a { white-space: nowrap; }
.label { color: var(--ink); border: 1px solid var(--strong); border-radius: 999px; padding: 0 9px;
  margin-inline-end: 6px; }
.label.partly { border-style: dashed; border-color: var(--accent); }
.label.not-found { border-color: var(--problem); color: var(--problem); border-radius: 0; }
.map { margin: 0 0 18px; border: 1px solid var(--line); border-radius: 12px; background: var(--sheet);
  padding: 10px 14px; }
.map svg { display: block; width: 100%; height: auto; }
.map circle { fill: var(--theme); stroke: var(--sheet); stroke-width: 1.5; }
.map text { font: 700 17px/1 var(--sans); fill: var(--ink); text-anchor: middle; dominant-baseline: central;
  paint-order: stroke; stroke: var(--sheet); stroke-width: 5px; pointer-events: none; }
.map figcaption { font: 13px/1.45 var(--sans); color: var(--soft); margin: 6px 0 10px; }
.key { columns: 230px 2; column-gap: 24px; margin: 0; font: 14px/1.4 var(--sans); }
.key li { margin: 3px 0; break-inside: avoid; }
.key .size { color: var(--soft); }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 50%; background: var(--theme);
  margin-inline-end: 7px; print-color-adjust: exact; }
footer { padding-top: 14px; padding-bottom: 40px; }
"""

_DARK_RULES = """
  :root { --paper: #15191a; --sheet: #1d2324; --ink: #e9ebe6; --soft: #a5b0ac; --line: #333c3d; --accent: #5cc7b4;
    --tint: #1f3a37; --strong: #2c5d55; --problem: #ff9b85; }
"""

_SMALL_AND_PRINTED = """
@media (max-width: 600px) {
  body { font-size: 16px; }
  main, footer { padding-inline: 16px; }
  h1 { font-size: 25px; margin: 24px 0 18px; }
  h2 { font-size: 20px; }
  .references ol { padding-inline-start: 28px; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; }
  body { font-size: 11pt; }
  main, footer { max-width: none; padding: 0; }
  h2, h3, .count { break-after: avoid; }
  blockquote, tr, .map { break-inside: avoid; }
  .table { overflow: visible; }
  th, td { min-width: 0; }
}
"""

# Print is light whatever the screen is.
STYLE = (
    f"{_RULES}{_themes(_LIGHT)}@media screen and (prefers-color-scheme: dark) {{{_DARK_RULES}{_themes(_DARK)}}}"
    f"{_SMALL_AND_PRINTED}"
)
