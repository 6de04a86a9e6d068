"""What SSM does and moto does not."""
