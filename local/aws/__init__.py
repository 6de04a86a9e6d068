"""Extensions of moto: what AWS does and moto does not."""

from local.aws.sdk_data import share_sdk_data

share_sdk_data()  # before the first import of moto
