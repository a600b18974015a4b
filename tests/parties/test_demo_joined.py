"""What a demo says of parties whose results it has not read."""

from types import SimpleNamespace

import pytest

from parties.local.demo import DemoFailed, _joined
from parties.local.launch import Ended


def test_a_party_that_ends_without_telling_its_result_is_named():
    bound = SimpleNamespace(plan=SimpleNamespace(recipients=["a"]))
    with pytest.raises(DemoFailed, match="b ended, but what it said of its results was not read") as failed:
        _joined(bound, {"b": Ended("b", 0)}, None)
    assert failed.value.code == 1
