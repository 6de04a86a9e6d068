"""Builders of the services and of the control loop: which object uses which. `bootstrap` calls them."""
