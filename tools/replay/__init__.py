"""A policy tried on the history of one instance: `make replay HISTORY=FILE.jsonl [POLICY=FILE.json]`.

The history is read (`history.py`), a pretend probe and a pretend desk live through it (`player.py`) by the very
functions that the real ones call, and what the desk would have done is printed, a JSON object a line.
"""
