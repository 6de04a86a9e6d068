"""Compare gpudesk's idle rule with common other rules on a generated month of a team's use: `make benchmark`.

`use.py` and `team.py` generate minutes, each with the truth (whether somebody needs the instance) and with
measurements. The rules (`rules.py`) see only the measurements. `month.py` counts the costs and the
errors of their stops.
"""
