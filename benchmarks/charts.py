"""Charts as SVG: no script, no font, nothing to fetch. Colours come from the page, by class, so that they follow it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 300
FIRST_PART = 10  # colours of parts are not those of lines
LEFT, RIGHT, TOP, BOTTOM = 64, 36, 16, 44

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: Points
    colour: int
    hollow: bool = False  # a run that is void


@dataclass(frozen=True, slots=True)
class Mark:
    name: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Axis:
    """`ticks`: (value, what is written there)."""

    name: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Between 0 and 1."""
        low, high, here = (self._scaled(each) for each in (self.low, self.high, value))
        return min(1.0, max(0.0, (here - low) / ((high - low) or 1)))

    def _scaled(self, value: float) -> float:
        return math.log10(max(value, 1e-9)) if self.logarithmic else value


def plain(name: str, high: float, low: float = 0.0) -> Axis:
    step = _nice((high - low or 1) / 5)
    high = low + step * max(1, math.ceil((high - low) / step - 1e-9))
    ticks = [(low + step * turn, f"{low + step * turn:g}") for turn in range(round((high - low) / step) + 1)]
    return Axis(name, low, high, ticks)


def logarithmic(name: str, low: float, high: float) -> Axis:
    first = math.floor(math.log10(max(low, 1e-6)))
    last = max(first + 1, math.ceil(math.log10(max(high, 1e-6))))
    ticks = [(10.0**power, f"{10.0**power:g}") for power in range(first, last + 1)]
    return Axis(name, 10.0**first, 10.0**last, ticks, logarithmic=True)


def nines(most: float) -> Axis:
    """Parts of all, drawn so that the tail has room: 0, 90 %, 99 %, 99.9 %."""
    last = max(2, math.ceil(-math.log10(max(1 - most, 1e-6)) - 1e-9))
    names = ["0", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"]
    return Axis("deliveries no slower than this", 0.0, float(last), [(turn, names[turn]) for turn in range(last + 1)])


def as_nines(part: float) -> float:
    return -math.log10(max(1 - part, 1e-6))


def lines(title: str, x: Axis, y: Axis, drawn: Sequence[Line], marks: Sequence[Mark] = (), dots: bool = False) -> str:
    body = [_frame(x, y)]
    for mark in marks:
        left, right = _x(x, mark.began), max(_x(x, mark.ended), _x(x, mark.began) + 2)
        body.append(f'<rect class="mark" x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{_inner()[1]}"/>')
        body.append(f'<text class="note" x="{left + 4:.1f}" y="{TOP + 12}">{escape(mark.name)}</text>')
    for line in drawn:
        path = " ".join(f"{_x(x, a):.1f},{_y(y, b):.1f}" for a, b in line.points)
        hollow = " hollow" if line.hollow else ""
        body.append(f'<polyline class="line c{line.colour}{hollow}" points="{path}"/>')
        if dots:
            body += [
                f'<circle class="dot c{line.colour}" cx="{_x(x, a):.1f}" cy="{_y(y, b):.1f}" r="4"/>'
                for a, b in line.points
            ]
    return _figure(title, body, {line.name: line.colour for line in drawn})


def stacked(title: str, unit: str, bars: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> str:
    """A bar for each name, of parts one after the other."""
    parts = list(dict.fromkeys(part for _, told in bars for part, _ in told))
    height, left = 34, 170
    x = plain(unit, max((sum(value for _, value in told) for _, told in bars), default=1) or 1)
    wide, tall = WIDTH - left - RIGHT, TOP + height * len(bars) + BOTTOM
    body = []
    for value, name in x.ticks:
        at = left + x.place(value) * wide
        body.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{tall - BOTTOM}"/>')
        body.append(f'<text class="tick" text-anchor="middle" x="{at:.1f}" y="{tall - BOTTOM + 16}">{name}</text>')
    body.append(f'<text class="name" text-anchor="middle" x="{left + wide / 2}" y="{tall - 6}">{escape(unit)}</text>')
    for row, (name, told) in enumerate(bars):
        top, at = TOP + row * height + 5, float(left)
        body.append(f'<text class="tick" text-anchor="end" x="{left - 8}" y="{top + 16}">{escape(name)}</text>')
        for part, value in told:
            width = x.place(value) * wide
            tip = f"<title>{escape(name)}: {escape(part)} {value:.1f}</title>"
            colour = FIRST_PART + parts.index(part)
            body.append(
                f'<rect class="bar c{colour}" x="{at:.1f}" y="{top}" width="{width:.1f}" height="24">{tip}</rect>'
            )
            at += width
    return _figure(title, body, {part: FIRST_PART + number for number, part in enumerate(parts)}, tall)


def _frame(x: Axis, y: Axis) -> str:
    wide, high = _inner()
    body = []
    for value, name in y.ticks:
        at = _y(y, value)
        body.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + wide}" y1="{at:.1f}" y2="{at:.1f}"/>')
        body.append(f'<text class="tick" text-anchor="end" x="{LEFT - 8}" y="{at + 4:.1f}">{name}</text>')
    for value, name in x.ticks:
        at = _x(x, value)
        body.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{TOP + high}"/>')
        body.append(f'<text class="tick" text-anchor="middle" x="{at:.1f}" y="{TOP + high + 16}">{name}</text>')
    body.append(
        f'<text class="name" text-anchor="middle" x="{LEFT + wide / 2}" y="{HEIGHT - 6}">{escape(x.name)}</text>'
    )
    upright = f"translate(14 {TOP + high / 2}) rotate(-90)"
    body.append(f'<text class="name" text-anchor="middle" transform="{upright}">{escape(y.name)}</text>')
    return "".join(body)


def _figure(title: str, body: Sequence[str], names: dict[str, int], tall: int = HEIGHT) -> str:
    legend = "".join(f'<li class="c{colour}">{escape(name)}</li>' for name, colour in names.items())
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {tall}" role="img" '
        f'aria-label="{escape(title)}">{"".join(body)}</svg><ul class="legend">{legend}</ul></figure>'
    )


def _inner() -> tuple[int, int]:
    return WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.place(value) * _inner()[0]


def _y(axis: Axis, value: float) -> float:
    return TOP + (1 - axis.place(value)) * _inner()[1]


def _nice(step: float) -> float:
    """1, 2 or 5 times a power of ten, not less than the step."""
    power = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next(power * each for each in (1, 2, 5, 10) if power * each >= step * (1 - 1e-9))
