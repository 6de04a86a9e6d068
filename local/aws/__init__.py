"""An extension of moto: what AWS does and moto does not."""
