"""Parts of the local cloud's replacement of session-manager-plugin. They need only the standard library."""
