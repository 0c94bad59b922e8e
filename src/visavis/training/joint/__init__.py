"""A model that lays pictures among the words of their labels and captions."""
