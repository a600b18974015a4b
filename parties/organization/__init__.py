"""An organization's identity, its consortium, its home folder."""
