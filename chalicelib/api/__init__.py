"""The HTTP API: a folder of routes and schemas for each resource, and the modules that all of them share."""
