"""Images from the web: fetched with patience, and never from private addresses unless allowed."""
