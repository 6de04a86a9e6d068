"""The deployed form of gpudesk on the local cloud: its functions run from the zip, in processes of their own."""
