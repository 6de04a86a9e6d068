"""Compare gpudesk's idle rule with other common rules on a generated month of a team's use: `make benchmark`.

`use.py`, `usage_timeline.py` and `team.py` generate minutes. Each minute has measurements, and the truth whether
somebody needs the instance. The rules in `rules.py` see only the measurements. `month.py` counts the costs of the
instances and the errors of the rules.
"""
