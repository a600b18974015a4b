"""What authors of protocols state about values: typed, checked where that is cheap, and the same on all engines."""

from __future__ import annotations

import numpy as np
import pytest

from mpc.errors import PolicyError, RangeError, ShapeError
from mpc.values.secret import SecretArray
from mpc.values.stated import BIT, UNMASKED, Stated
from protocols.simulate import evaluate
from tests.support.value_floor import opened, secret

ENGINES = ("ideal", "replicated", "shamir")


def at_one_party(function, engine="ideal"):
    async def program(run):
        result = function(run)
        return await opened(run, result) if isinstance(result, SecretArray) else result

    return evaluate(program, engine=engine)[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_primitive_with_what_is_stated_of_its_result(engine):
    def total(run):
        x = secret(run, [[1, 2], [3, 4]])
        result = x.invoke("sum", axis=0, result=Stated(bound=2 * x.bound))
        assert (result.type, result.frac, result.bound, result.valid) == ("int", 0, 8, None)
        return result

    assert at_one_party(total, engine).tolist() == [4, 6]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_parameter_that_the_primitive_lacks_is_a_type_error(engine):
    for wrong in ({"axes": 0}, {"axis": 0, "width": 3}):
        with pytest.raises(TypeError):
            at_one_party(
                lambda run, wrong=wrong: secret(run, [1]).invoke("sum", result=Stated(bound=1), **wrong), engine
            )


def test_a_statement_that_is_misspelled_or_missing_is_a_type_error():
    def program(run):
        x = secret(run, [1])
        with pytest.raises(TypeError):
            Stated(bonud=5)  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            Stated()  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            x.invoke("sum", axis=0, bound=5)  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            x.restated(bonud=5)  # type: ignore[call-arg]

    at_one_party(program)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Stated(bound=-1), "from 0 up"),
        (Stated(bound=1 << 62), "63 bits"),
        (Stated(bound=2, frac=0, type="bool"), "bits have bound 1"),
        (Stated(bound=1, frac=3, type="bool"), "no fraction bits"),
    ],
)
def test_a_statement_that_is_wrong_for_any_value_is_refused(wrong, message):
    def program(run):
        x = secret(run, [1])
        for stating in (lambda: x.invoke("sum", axis=0, result=wrong), lambda: x.restated(**wrong._asdict())):
            before = run.operations
            with pytest.raises(RangeError, match=message):
                stating()
            assert run.operations == before  # nothing was scheduled

    at_one_party(program)


def test_bits_of_a_fixed_point_number_must_say_that_they_have_no_fraction_bits():
    def program(run):
        with pytest.raises(RangeError, match="no fraction bits"):
            secret(run, [0.5]).invoke("equal", width=30, result=Stated(bound=1, type="bool"))
        return secret(run, [0.5]).invoke("equal", width=30, result=BIT)

    assert at_one_party(program).tolist() == [False]


def test_bounded_keeps_the_smaller_bound():
    def program(run):
        x = secret(run, [5])
        assert x.bounded(7) is x
        assert x.bounded(5).bound == 5
        assert x.restated(bound=100).bounded(50).bound == 50
        with pytest.raises(RangeError):
            x.bounded(-1)

    at_one_party(program)


def test_rescaled_multiplies_by_a_power_of_two_and_shifted_keeps_the_value():
    def program(run):
        x = secret(run, [12])
        assert (x.rescaled(2).type, x.rescaled(2).frac, x.rescaled(2).bound) == ("fixed", 2, 12)
        assert (x.shifted(2).frac, x.shifted(2).bound) == (2, 48)
        return x.rescaled(2) + x.shifted(2)

    assert at_one_party(program).tolist() == [15.0]


def test_a_view_brings_mask_and_shape_along():
    def program(run):
        x = secret(run, [[1, 2], [3, 4]]).masked(secret(run, [[True, False], [True, True]]), "hidden")
        with pytest.raises(ShapeError):
            x.view(lambda a: a.reshape(3))
        return x.view(lambda a: a[::-1].reshape(4))

    np.testing.assert_array_equal(at_one_party(program), [3, 4, 1, np.nan])


def test_masks_of_operands_are_the_results_unless_it_states_another():
    def program(run):
        x, y = secret(run, [1, 2]), secret(run, [3, 4]).masked(secret(run, [True, False]), "hidden")
        both = x.invoke("add", y, result=Stated(bound=6))
        assert both.why == "hidden"
        assert both.valid is not None
        assert x.invoke("add", y, result=Stated(bound=6, mask=UNMASKED)).valid is None
        return both

    np.testing.assert_array_equal(at_one_party(program), [4, np.nan])


def test_a_primitive_that_opens_is_refused():
    with pytest.raises(PolicyError):
        at_one_party(lambda run: secret(run, [1]).invoke("open", to=(0, 1, 2), result=Stated(bound=1)))
