"""What the desk remembers: PynamoDB models and the few questions that are asked of them."""
