"""What other apps may take part in, without this one knowing them.

The first two are sent inside the organisation's schema and within the transaction that made the person: a receiver
writes rows of its own beside them, and its error undoes everything. They carry `space: Space` and `user_id: int`. The
others ask, for `actor: Actor` or `space: Space`.
"""

from django.dispatch import Signal

founded = Signal()
"""A new organisation has its owner: founded.send(Space, space=space, user_id=owner.pk)."""

joined = Signal()
"""A person has joined an organisation: joined.send(Space, space=space, user_id=user.pk, rooms=[address, …]); with the
rooms of the invitation, if it names any."""

entrances = Signal()
"""A question: into which rooms may `actor` bring somebody new? Receivers answer with pairs of address and title. With
`public=True`: only into those that are open to everybody."""

residents = Signal()
"""A question: who is in these public rooms of `space`? `rooms=[address, …]`; receivers answer with a queryset of
people's ids."""

companions = Signal()
"""A question: whom does the guest `actor` know? Receivers answer with a queryset of people's ids."""
