"""The dialects: one module each, from a client's own way of sending to the canonical event.

A dialect is one function `receive(request, door) -> Answer | Intake`. It may raise `Refused`; whatever is sent, it raises nothing else.
"""
