"""A picture looked for in parts of others, and parts of it among them."""
