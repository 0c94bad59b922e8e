"""The classes of a model's classifier, by name, and where each lies among its vectors."""
