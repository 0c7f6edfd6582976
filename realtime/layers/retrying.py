"""How long our layers wait for a broker, and when they try again."""

import random

# After so many seconds of silence the broker is asked whether it is still there.
SILENCE = 10.0
# Seconds without an answer after which it is taken for gone, though nothing has closed the connection.
PATIENCE = 10.0
# Seconds before the next attempt to connect: up to the first figure, then twice that, up to the second.
SOONEST, LATEST = 0.1, 3.0


def before_attempt(attempts: int) -> float:
    """Seconds, by chance: processes that lost a broker together do not come back together."""
    return random.uniform(0, min(LATEST, SOONEST * 2**attempts))
