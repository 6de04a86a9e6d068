"""Decide whether an instance is in use.

A sensor's samples are folded into evidence (`evidence.py`). The evidence travels in a heartbeat (`heartbeat*.py`), and
gpudesk answers with a heartbeat response (`heartbeat_response.py`). The rule judges the evidence under a policy
(`rule.py`, `policy.py`): gpudesk at each sweep, and the instance itself when gpudesk is unreachable (`self_stop.py`).

The probe carries these modules to the instance, so that both sides use the same rule. Only `clock_skew.py` and
`heartbeat_decoding.py` stay in gpudesk. The modules import the standard library, each other, and of `domain.common`
only `reason`, `text` and `untrusted_text`.
"""
