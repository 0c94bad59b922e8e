"""Where images come from: folders, catalogues, lists of paths, the web."""
