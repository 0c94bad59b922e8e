"""Images from the web: fetched within deadlines, from private IP addresses only if allowed."""
