"""The map of topics as SVG: a dot for each paper, by theme, with a key beside it. Pure, like `render`."""

from html import escape

from assistant import TopicMap

from . import words
from .text import card_id, visible

_WIDTH, _HEIGHT, _MARGIN = 640, 400, 22
_COLOURS = 12  # classes theme-0 ... theme-11 in page.css


def topic_map(found: TopicMap) -> str:
    """The figure. Hovering a dot shows its title, selecting it opens the paper in the source panel.

    Colours are not all that tells themes apart: every theme's number stands in its middle. The dots are no stops for
    the keyboard, as the same papers stand in the source panel in reading order.
    """
    dots = "".join(
        f'<a class="dot theme-{dot.theme % _COLOURS}" href="#{card_id(dot.paper)}" tabindex="-1">'
        f"<title>{escape(visible(dot.paper.display_title))} · {escape(visible(found.themes[dot.theme].name))}</title>"
        f'<circle cx="{_x(dot.x):.1f}" cy="{_y(dot.y):.1f}" r="6"/></a>'
        for dot in found.dots
    )
    numbers = "".join(_number(found, place) for place in range(len(found.themes)))
    key = "".join(
        f'<li class="theme-{place % _COLOURS}"><span class="swatch"></span>'
        f'{escape(visible(theme.name))} <span class="size">{len(theme.papers):,}</span></li>'
        for place, theme in enumerate(found.themes)
    )
    label = escape(words.map_label(len(found.dots), found.total, len(found.themes)))
    size = f"0 0 {_WIDTH} {_HEIGHT}"
    return (
        f'<figure class="map"><svg viewBox="{size}" role="group" aria-label="{label}">{dots}{numbers}</svg>'
        f'<figcaption>{label} {words.MAP_HINT}</figcaption><ol class="key">{key}</ol></figure>'
    )


def _number(found: TopicMap, theme: int) -> str:
    """The theme's number in the middle of its dots."""
    places = [(dot.x, dot.y) for dot in found.dots if dot.theme == theme]
    if not places:
        return ""
    x, y = (sum(values) / len(places) for values in zip(*places, strict=True))
    return f'<text class="number" x="{_x(x):.1f}" y="{_y(y):.1f}">{theme + 1}</text>'


def _x(value: float) -> float:
    return _MARGIN + value * (_WIDTH - 2 * _MARGIN)


def _y(value: float) -> float:
    return _MARGIN + value * (_HEIGHT - 2 * _MARGIN)
