"""`python -m parties.cli`: the same as `comity`."""

from parties.startup import entry

entry()
