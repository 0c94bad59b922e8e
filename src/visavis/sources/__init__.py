"""Where images come from: folders, catalogues, lists of paths, the web.

A source of your own is a class with the members of `Source`; `ImageIndex.add` takes it.
"""

from visavis.sources.base import Location, Source, SourceOptions, open_source

__all__ = ["Location", "Source", "SourceOptions", "open_source"]
