"""The judge learns from people: versions of its model, training, comparison, promotion, and the way back."""
