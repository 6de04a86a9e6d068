"""Demo of `make run`: one person launches, uses, forgets and terminates an instance on the local cloud."""
