"""Found by procrastinate: importing the modules declares their jobs."""

from realtime.notices import operating, overdue, publishing

__all__ = ["operating", "overdue", "publishing"]
