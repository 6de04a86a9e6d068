"""Values and pure rules. Imports the standard library alone; takes the clock as an argument."""
