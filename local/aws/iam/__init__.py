"""IAM: evaluation of policies, what IAM is asked about each call, who makes a call, and the refusal of calls."""
