"""How the browser's inference engine that static sites carry is taken from its npm package."""
