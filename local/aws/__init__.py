"""Extensions of moto: what AWS does and moto does not."""
