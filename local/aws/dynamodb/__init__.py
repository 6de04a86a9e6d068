"""Extensions of DynamoDB: stream records, transactions and performance."""
