"""What an index keeps of its records beside their vectors, and how it is kept up."""
