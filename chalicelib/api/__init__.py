"""HTTP: blueprints, request and response models, tokens, one error mapping."""
