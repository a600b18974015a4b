"""Cases by subject. Each file registers its own with `@case`; none has to be named elsewhere."""
