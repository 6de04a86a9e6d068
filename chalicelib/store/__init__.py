"""DynamoDB tables and packaged data files, each table with a repository that returns domain values."""
