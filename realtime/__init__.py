"""From one browser to the others.

A message, file by file:

    consumers.py          the frame becomes a command; no rule and no query here
    chat/messages.py      post: right, number and row in one statement
    events.py             after the commit: encoded once, one message through the layer
    layers/               the plug: Redis or Postgres, one setting
    hub.py, streams.py    once per process: in the order of numbers, what was lost is read again
    fan_out.py            one write to each socket, for all that has piled up
    sends.py, ring.py     a crowd's signals past its transports, in one call of the kernel
    wires.py              straight to the server's transport, or through ASGI

A notice takes the same road from notices/publishing.py on. protocol.py is the wire; groups.py spells who hears.
"""
