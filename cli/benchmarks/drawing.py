"""A run drawn as an SVG: how much of its budget each case takes. This file reads and writes nothing.

It is read on light pages and on dark ones, and nothing in it is told by a colour alone.
"""

from __future__ import annotations

from html import escape

from benchmarks.comparing import Verdict
from benchmarks.report import Report, Row, allowed, written

_WIDTH = 860
_LEFT = 330
"""Where bars begin."""
_BUDGET = 280
"""How long a bar is that takes all of its budget."""
_LONGEST = 340
"""How long bars are at most: what is longer is cut, with an open end."""
_HEAD = 76
_LINE = 38
_BAR = 14

_CLASSES: dict[Verdict, str] = {"kept": "kept", "missed": "missed", "too close to tell": "close"}

_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.card { fill: #ffffff; stroke: #d1d9e0 } .title { font-size: 15px; font-weight: 600 } .faint { fill: #59636e }
.kept { fill: #2f81c1 } .missed { fill: #c4500f } .close { fill: #8a8f96 }
.budget { stroke: #1f2328; stroke-dasharray: 4 3 } .spread { stroke: #1f2328 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.card { fill: #0d1117; stroke: #3d444d } .faint { fill: #9198a1 }
.kept { fill: #4c9fe0 } .missed { fill: #e8743b } .close { fill: #7d858e }
.budget { stroke: #e6edf3 } .spread { stroke: #e6edf3 }
}
"""


def drawn(report: Report) -> str:
    """The drawing, as a whole file."""
    height = _HEAD + _LINE * len(report.rows) + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" role="img">',
        "<title>How much of its budget each case takes</title>",
        f"<style>\n{_STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>',
        _text(16, 28, "How much of its budget each case takes", "title"),
        _text(16, 48, f"{report.machine}, {report.date}. Shorter is better.", "faint"),
        *_budget_line(height),
        *(part for number, row in enumerate(report.rows) for part in _row(_HEAD + _LINE * number, row)),
        "</svg>",
    ]
    return "".join(f"{part}\n" for part in parts)


def _budget_line(height: int) -> list[str]:
    x = _LEFT + _BUDGET
    return [
        _text(x, 62, "budget", "faint", "middle"),
        f'<line class="budget" x1="{x}" y1="{_HEAD - 8}" x2="{x}" y2="{height - 14}"/>',
    ]


def _row(top: int, row: Row) -> list[str]:
    """What it is, its bar with its quartiles, and the figures in words."""
    came_to, middle = row.came_to, top + _LINE // 2
    share = row.budget.share_of(came_to.figure)
    words = f"{written(row.budget, came_to.figure)}, {came_to.verdict}"
    return [
        _text(_LEFT - 12, middle - 3, row.what, "", "end"),
        _text(_LEFT - 12, middle + 12, f"against {row.against}: {allowed(row.budget)}", "faint", "end"),
        _bar(middle - _BAR // 2, share, _CLASSES[came_to.verdict]),
        _spread(middle, row),
        _text(_LEFT + _LONGEST + 14, middle + 5, words, ""),
    ]


def _bar(top: int, share: float, look: str) -> str:
    """A bar; one that is cut ends in a point."""
    x, width, bottom = _LEFT, _length(share), top + _BAR
    if share * _BUDGET <= _LONGEST:
        return f'<rect class="{look}" x="{x}" y="{top}" width="{width:.1f}" height="{_BAR}"/>'
    end, tip = x + width - 8, x + width
    return f'<path class="{look}" d="M{x} {top}H{end:.1f}L{tip:.1f} {top + _BAR / 2:.1f}L{end:.1f} {bottom}H{x}Z"/>'


def _spread(middle: int, row: Row) -> str:
    """A line from quartile to quartile, as far as there is room for it."""
    shares = (row.budget.share_of(row.came_to.low), row.budget.share_of(row.came_to.high))
    begin, end = (_LEFT + _length(share) for share in sorted(shares))
    return f'<line class="spread" x1="{begin:.1f}" y1="{middle}" x2="{end:.1f}" y2="{middle}"/>'


def _length(share: float) -> float:
    return max(0.0, min(share * _BUDGET, _LONGEST))


def _text(x: float, y: float, text: str, look: str, anchor: str = "start") -> str:
    return f'<text class="{look}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
