"""AWS, touched in one place per service: thin, typed, paged; AWS's error codes are translated in `errors`."""
