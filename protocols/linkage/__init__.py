"""Fuzzy linkage: rows of the same person in two tables, found in secret by names, dates and places with errors.

links = await linkage.link(left, right, [linkage.Name("surname"), linkage.Date("born")], rows=100, block="region")
study.release("links", links.count())
study.release("mean dose of linked patients", links.table.dose.mean())
"""

from protocols.linkage.encoding import Encoding
from protocols.linkage.fields import Date, Exact, Name, Number
from protocols.linkage.links import Links, link
from protocols.linkage.plain import linked

__all__ = ["Date", "Encoding", "Exact", "Links", "Name", "Number", "link", "linked"]
