"""IAM: evaluation of policies, the access checks of each call, who makes a call, and the refusal of calls."""
