"""The services that the API calls, and the control loop: observe, decide, act."""
