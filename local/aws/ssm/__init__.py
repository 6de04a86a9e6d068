"""Extensions of SSM: agents, documents, Run Command, sessions."""
