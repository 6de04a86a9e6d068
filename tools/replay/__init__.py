"""Try a policy on the history of one instance: `make replay HISTORY=FILE.jsonl [POLICY=FILE.json]`.

`history.py` reads the history, which consists of the events in `events.py`. `player.py` runs a simulated probe and a
simulated sweep on it, which call the functions of the real ones. Each action that gpudesk would have taken is printed
as one line of JSON.
"""
