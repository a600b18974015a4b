"""Secret arrays, and what each element stands on: types, scales, bounds, masks, rows."""
