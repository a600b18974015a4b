"""The study file, the scenario it names, and the document that all agree on."""
