"""The thing itself: appeals, their messages, answers and history."""
