"""The protocols of this engine, by primitive; each module of this folder declares its protocols."""

from __future__ import annotations

from protocols.declared import Protocols

PROTOCOLS = Protocols()
declare = PROTOCOLS.declare
