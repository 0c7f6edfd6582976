"""The figures of a notice as a drawing: bars, and the course over time as lines. SVG of the page's own, drawn anew by
notices/statistics.js while somebody looks."""

from dataclasses import dataclass

from realtime.notices.statistics import KINDS, Course, Statistics

WIDTH, HEIGHT = 600, 160
SIZE = {"width": WIDTH, "height": HEIGHT}


@dataclass(frozen=True, slots=True)
class Bar:
    name: str
    count: int
    of: int
    percent: int
    median: float | None
    p99: float | None


def bars(told: Statistics) -> list[Bar]:
    """How many of those targeted have come how far."""
    notice = told.notice
    kinds = KINDS if notice.needs_ack else KINDS[:2]
    took = {"delivered": told.delivered_after, "seen": told.seen_after, "acknowledged": told.acknowledged_after}
    return [
        Bar(
            kind,
            count := getattr(notice, kind),
            notice.targeted,
            round(100 * count / notice.targeted) if notice.targeted else 0,
            took[kind].median,
            took[kind].p99,
        )
        for kind in kinds
    ]


def lines(course: Course) -> dict[str, str]:
    """The points of each line, in a box of SIZE; the highest number is at its top."""
    highest = max(max(getattr(course, kind)) for kind in KINDS) or 1
    last = len(course.seconds) - 1
    return {
        kind: " ".join(
            f"{WIDTH * step / last:.1f},{HEIGHT - (HEIGHT - 4) * count / highest:.1f}"
            for step, count in enumerate(getattr(course, kind))
        )
        for kind in KINDS
    }
