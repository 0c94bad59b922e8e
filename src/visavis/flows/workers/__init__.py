"""Who reads, decodes and embeds the pictures of a run: threads here, or other machines."""
