"""Numbers with a unit, as in studies and options: times, rates, networks."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mpc.machine.network import NETWORKS, Network

_TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_RATES = {"k": 1e3, "M": 1e6, "G": 1e9, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9}


def seconds(text: object) -> float:
    """A time: "30ms". Raises ValueError that says how to write it."""
    return _quantity(text, _TIMES, "30ms")


def bits_per_second(text: object) -> float:
    """A rate: "200M", bits a second. Raises ValueError that says how to write it."""
    return _quantity(text, _RATES, "200M (bits a second)")


def network(text: str) -> Network:
    """A network: its name, or round trip and rate as "40ms,100M". Raises ValueError that says how to write it."""
    if text in NETWORKS:
        return NETWORKS[text]
    rtt, comma, rate = text.partition(",")
    if not comma:
        raise ValueError(f"{text!r}: write {', '.join(sorted(NETWORKS))}, or round trip and rate like 40ms,100M")
    return Network(seconds(rtt.strip()), bits_per_second(rate.strip()))


def _quantity(text: object, units: Mapping[str, float], example: str) -> float:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z/]+)", str(text))
    if match is None or match[2] not in units or not float(match[1]) > 0:
        raise ValueError(f"{text!r}: write it like {example}")
    return float(match[1]) * units[match[2]]
