"""Parts of the local cloud that all services share: time, faults, events, admin API, server."""
