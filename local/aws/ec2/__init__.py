"""What EC2 does and moto does not."""
