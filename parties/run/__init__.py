"""One party's process: it agrees, computes, keeps its results, ends."""
