"""Which topic, which agency, which department, and why; and what people said to it."""
