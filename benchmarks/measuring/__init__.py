"""The instrument: what was said, who heard it, when, and what it cost. The standard library only."""
