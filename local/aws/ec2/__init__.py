"""Extensions of EC2: life cycle, capacity, images, scheduled events, Instance Connect."""
