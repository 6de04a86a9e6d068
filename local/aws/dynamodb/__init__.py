"""Streams and transactions of DynamoDB."""
