"""An organization's identity, its consortium, its catalog, its home folder."""
