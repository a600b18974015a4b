"""Times, rates and networks as people write them."""

from __future__ import annotations

import pytest

from mpc.machine.network import NETWORKS, Network
from parties.text import units


@pytest.mark.parametrize(
    ("text", "seconds"), [("30ms", 0.03), ("1.5 s", 1.5), ("200us", 2e-4), ("0.040s", 0.04), ("7ms", 0.007)]
)
def test_times(text, seconds):
    assert units.seconds(text) == pytest.approx(seconds, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "rate"), [("100M", 1e8), ("1G", 1e9), ("50 Mbit/s", 5e7), ("2.5Gbit/s", 2.5e9), ("64k", 64e3)]
)
def test_rates(text, rate):
    assert units.bits_per_second(text) == pytest.approx(rate, rel=1e-15)


@pytest.mark.parametrize("text", ["30", "ms", "-1ms", "0ms", "1 h", "1e3ms", "", " 1s", "1s\n", None, 40])
def test_what_is_no_time_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write it like 30ms"):
        units.seconds(text)


@pytest.mark.parametrize("text", ["100", "fast", "1 MB/s", "0M"])
def test_what_is_no_rate_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write it like 200M"):
        units.bits_per_second(text)


def test_networks():
    assert units.network("wan") is NETWORKS["wan"]
    assert units.network("40ms,100M") == units.network("40ms, 0.1Gbit/s") == Network(0.04, 1e8)
    for text, message in [("man", "write lan, wan, or round trip"), ("40ms", "like 40ms,100M"), ("40,1G", "30ms")]:
        with pytest.raises(ValueError, match=message):
            units.network(text)
