"""The control loop: observe, decide, execute, for each instance and image."""
