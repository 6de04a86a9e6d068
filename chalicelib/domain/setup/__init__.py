"""Recipes and their documents, which set up an instance, and the state and results of a setup."""
