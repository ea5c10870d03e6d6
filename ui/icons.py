"""The page's own icons, drawn with one line each."""

_ICON = '<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d="{}"/></svg>'

EDIT = _ICON.format("m4 16 .8-3.4L13.6 3.8l2.6 2.6-8.8 8.8zM11.8 5.6l2.6 2.6")
DELETE = _ICON.format("M4 6h12M8 6V4h4v2M5.5 6l.8 10.5h7.4L14.5 6M8.6 9v5M11.4 9v5")
COPY = _ICON.format("M7 7V3.5h9.5V13H13M3.5 7H13v9.5H3.5z")
