"""`python -m parties.cli`: the same as `comity`."""

try:
    from parties.program import entry
except KeyboardInterrupt:
    raise SystemExit(130) from None

entry()
