"""Whether an instance is in use: the part of the desk that a machine carries, too, so that the rule is one code.

A sensor's samples are folded into evidence (`evidence.py`), the evidence travels as a heartbeat (`heartbeat.py`), whose
answer brings the desk's orders (`orders.py`); the evidence is judged under a policy (`idle.py`, `policy.py`), by the
desk at every sweep, and by the machine itself where the desk is away (`alone.py`).

Imports the standard library and itself alone: the probe takes this folder, and `reason.py`, to the instance.
"""
