"""Found by procrastinate: importing the modules declares their jobs."""

from realtime.notices import overdue, publishing

__all__ = ["overdue", "publishing"]
