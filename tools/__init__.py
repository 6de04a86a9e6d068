"""Programs for administrators and developers, which are not deployed."""
