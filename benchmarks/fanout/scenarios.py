"""Who listens, and what is said to them."""

from dataclasses import dataclass

SIGNAL, STORED = 0, 1  # templates of what is said


@dataclass(frozen=True, slots=True)
class Crowd:
    """Groups of listeners. Where the subject has organisations, each group is in one of its own."""

    groups: int
    members: int

    @property
    def people(self) -> int:
        return self.groups * self.members


ONE, MANY, FEW = Crowd(1, 1000), Crowd(20, 50), Crowd(1, 50)


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    crowd: Crowd
    window: int = 0  # messages under way in each group: the next is said when one has come back
    rate: int = 0  # or so many a second, however the server fares
    template: int = SIGNAL

    def order(self, seconds: float) -> str:
        if self.rate:
            return f"open {self.template} {self.rate} {seconds}"
        return f"closed {self.template} {self.window} {seconds}"

    @property
    def wanted(self) -> float | None:
        """Deliveries a second, where they do not depend on the server."""
        return self.rate * self.crowd.members if self.rate else None


SCENARIOS = {
    each.name: each
    for each in (
        Scenario("A", "1 × 1,000, window 8", ONE, window=8),
        Scenario("F", "open loop 20/s × 1,000", ONE, rate=20),
        Scenario("R300", "open loop 300/s × 1,000", ONE, rate=300),
        Scenario("AS", "1 × 1,000, window 8, stored", ONE, window=8, template=STORED),
        Scenario("B", "20 × 50, window 20", MANY, window=1),
        Scenario("BS", "20 × 50, window 20, stored", MANY, window=1, template=STORED),
        Scenario("T4", "open loop 400/s × 50", FEW, rate=400),
    )
}
IDLE = "I"  # what a connection takes that only listens, and what it costs to let it in
