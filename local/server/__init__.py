"""HTTP server and API Gateway emulation in front of the app."""
