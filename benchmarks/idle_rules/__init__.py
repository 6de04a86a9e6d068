"""The desk's idle rule against the rules that others use, on a generated month of a team's use: `make benchmark`.

What is true of a minute is written down when it is generated (`use.py`, `team.py`), before any rule sees it; what the
rules see of it are figures (`rules.py`), and what came of their stops is counted (`month.py`).
"""
