"""Commands that draw pages."""
