"""The images table and its queries."""
