"""Where pictures are painted: the only module that knows the plotting library.

The same paint gives the same bytes: a fixed size, the font that comes with the library, no date and no version in the
file. The library takes a second to load and has state of its own, so it is loaded at the first picture, in the thread
that draws, and one picture is drawn at a time. Only the object interface is used: no window, no global figure.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from threading import Lock
from typing import Any

INK, FAINT = "#222222", "#8a8a8a"
_DPI = 150
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.edgecolor": FAINT,
    "text.parse_math": False,
}

_drawing = Lock()


def painted(paint: Callable[[Any], None], *, width_in: float, height_in: float) -> bytes:
    """The PNG of what `paint` puts on the figure it is given. Slow the first time: call it in a thread."""
    from matplotlib import rc_context, rcdefaults, rcParams  # noqa: PLC0415 - a second to load, see above
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with _drawing, rc_context():
        rcdefaults()  # whatever this machine's own settings of the library say
        rcParams.update(_STYLE)
        figure = Figure(figsize=(width_in, height_in), dpi=_DPI, facecolor="white")
        FigureCanvasAgg(figure)
        paint(figure)
        body = BytesIO()
        figure.savefig(body, format="png", dpi=_DPI, metadata={"Software": None})
    return body.getvalue()


def drawable(words: str, limit: int) -> str:
    """One line that can be drawn: no control characters, cut with a mark."""
    line = " ".join("".join(char if char.isprintable() else " " for char in words).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
