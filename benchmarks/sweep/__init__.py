"""Measure what one sweep costs: calls to AWS, CPU time, memory and bytes, for 1 to 10,000 ready instances.

The local cloud runs in a process of its own (`cloud.py`), and so does gpudesk (`product.py`), which imports nothing of
the local cloud. At 1,000 instances, Cloud Custodian does similar work in the same cloud (`custodian.py`).
"""
