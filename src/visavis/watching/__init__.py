"""Keeping an index up to date while its folders and catalogues change."""
