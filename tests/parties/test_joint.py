"""The seconds of a party's own reading, which are not of the joint part."""

from __future__ import annotations

import pytest

from parties.run.joint import _length


@pytest.mark.parametrize(
    ("readings", "seconds"),
    [
        ([], 0),
        ([(1, 3)], 2),
        ([(1, 3), (7, 8)], 3),
        ([(7, 8), (1, 3)], 3),
        ([(1, 5), (2, 3)], 4),
        ([(1, 3), (2, 5), (4, 6)], 5),
    ],
)
def test_readings_at_the_same_time_count_once(readings, seconds):
    assert _length(readings) == seconds
