"""`python -m parties.cli`: the same as `comity`."""

from parties.cli.main import entry

entry()
