"""The one road of a query: terms to a vector, to matches, to an answer."""
