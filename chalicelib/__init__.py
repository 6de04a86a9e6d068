"""gpudesk: a team's GPU desk on AWS."""
