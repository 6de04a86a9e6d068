"""Try a policy on the history of one instance: `make replay HISTORY=FILE.jsonl [POLICY=FILE.json]`.

`history.py` reads the history. `player.py` runs a simulated probe and a simulated sweep on it, with the functions that
the real ones call. Each action that gpudesk would have taken is printed as one line of JSON.
"""
