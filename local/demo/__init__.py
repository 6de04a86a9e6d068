"""The main job, played once by a person on the local cloud, and told while it happens."""
