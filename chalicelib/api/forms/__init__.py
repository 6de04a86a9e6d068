"""What requests may say: a module for each thing that is asked for. Each field's description ends "must be ...".

Types and shapes are checked here; what exists, what it costs and what this desk allows is for the domain (`asks.py`).
"""
