"""The classes that a model tells, by name, and where each lies among its vectors."""
