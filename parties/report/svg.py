"""Figures as inline SVG of a page.

Drawn with matplotlib's SVG backend, which is imported when it is called. Placeholder colours become CSS variables, and
text stays text in the font of the page, so a figure follows the page into dark mode. A figure loads nothing from
elsewhere, and the same data give the same bytes. Mathematical notation in labels is off: labels are text of others.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK: Final = "#010201"
TEXT: Final = "#010208"
LINE: Final = "#010202"
BAR: Final = "#010203"
POSITIVE: Final = "#010204"
NEGATIVE: Final = "#010205"
STRONG: Final = "#010206"
EMPTY: Final = "#010207"
_VARIABLES: Final = {
    INK: "--plot-ink",
    TEXT: "--ink",
    LINE: "--plot-line",
    BAR: "--accent",
    POSITIVE: "--positive",
    NEGATIVE: "--negative",
    STRONG: "--on-strong",
    EMPTY: "--plot-empty",
}
_SETTINGS: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "comity",
    "text.parse_math": False,
    "font.size": 11.0,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "hatch.color": LINE,
    "hatch.linewidth": 0.8,
}
#: Parts of matplotlib's output that a page does not need: namespaces, metadata, styles, comments, names, font list.
_UNWANTED: Final = (
    r"<metadata>.*?</metadata>",
    r"<style.*?</style>",
    r"<!--.*?-->",
    r' xmlns(?::xlink)?="[^"]*"',
    r'(?<=<g) id="[^"]*"',
    r"font-family: [^;<>]*sans-serif; ",
    r" transform=\"rotate\(-0 [^\"]*\"",
)


@contextmanager
def drawing() -> Iterator[None]:
    """Inside, figures are drawn in the style of the page, and a user's matplotlibrc is ignored."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def figure(width: float, height: float, *, left: float, right: float, top: float, bottom: float) -> tuple[Figure, Axes]:
    """A figure with one pair of axes; all lengths in points."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(width / 72, height / 72), facecolor="none")
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = made.add_axes(box, facecolor="none")
    return made, axes


def svg(drawn: Figure, title: str, *, stretch: float = 1.0) -> str:
    """The figure as an SVG element for a page, without prologue, metadata, comments and style."""
    out = io.StringIO()
    drawn.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for pattern in _UNWANTED:
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    text = re.sub(r"#01020[1-8](?=[;\"])", lambda match: f"var({_VARIABLES[match.group()]})", text)
    prefix = hashlib.blake2b(title.encode(), digest_size=4).hexdigest()
    text = re.sub(r'((?:id="|url\(#|href="#)[a-z])([0-9a-f]{10})(?=["\)])', rf"\g<1>{prefix}\g<2>", text)
    text = re.sub(r"\s*\n\s*", " ", text)
    text = re.sub(r"> <", "><", text)
    width = re.search(r'width="([0-9.]+)pt"', text)
    limit = f"{math.ceil(stretch * float(width.group(1)))}px" if width else "100%"
    head = f'<svg role="img" aria-label="{_attribute(title)}" style="max-width: {limit}" '
    return head + re.sub(r' (?:width|height)="[0-9.]+pt"', "", text[len("<svg ") :], count=2)


def _attribute(text: str) -> str:
    from markupsafe import escape

    return str(escape(text))
