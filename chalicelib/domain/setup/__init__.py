"""Recipes and the documents that set up an instance."""
