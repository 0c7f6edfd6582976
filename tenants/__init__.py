"""Who: organisations and their people, the doors they come through, and the crossing into their tables.

doors.py          host name → organisation, and who is asking; everything unknown is refused here
requests.py       a whole HTTP request as one crossing
actor.py          Actor: who is asking, in which organisation; the first argument of every verb
directory.py      host names → organisations, held in the process and dropped by control
schema.py         in_tenant(): the one way from async code into an organisation's tables
control.py        rights that ended reach every process through rows
jobs.py           work for later, deferred in the tenant's own transaction; mail.py and sweeping.py are such work
organizations.py  verbs: sign_up, suspend, resume, delete; addresses.py, attempts.py, tickets.py serve signing up
provisioning.py   schemas and the pool of ready ones; blueprint.py draws them, upgrading.py brings them up to the code
problems.py       what an API says when it says no
people/           the app with tables in each organisation's schema
"""
