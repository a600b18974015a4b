from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from mpc import Category, Flag, Real, Table
from mpc.errors import ConfigError, DataError
from mpc.tables.schema import DEFAULT_ROWS, CategoryColumn, Column, FlagColumn, RealColumn
from protocols.assembly import rows_of


class Patients(Table):
    age = Real(0, 120, unit="years", missing=["NA", -1])
    sick = Flag(missing="?")
    treatment = Category("none", "surgery", "drug")


def test_columns_keep_their_order_and_names():
    schema = Patients.schema
    assert schema.name == "Patients"
    assert schema.names == ("age", "sick", "treatment")
    assert isinstance(schema["age"], RealColumn)
    assert isinstance(schema["sick"], FlagColumn)
    assert isinstance(schema["treatment"], CategoryColumn)
    assert (schema["age"].low, schema["age"].high) == (0.0, 120.0)
    assert (schema["sick"].low, schema["sick"].high) == (0.0, 1.0)
    assert (schema["treatment"].low, schema["treatment"].high) == (0.0, 2.0)
    assert schema["age"].missing == ("NA", "-1")
    with pytest.raises(ConfigError, match="age, sick, treatment"):
        schema["weight"]


def test_a_column_without_range_or_description_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        Column()

    @dataclass(frozen=True)
    class Half(Column):
        low = high = 0.0

    with pytest.raises(TypeError, match="describe"):
        Half()


def test_the_description_has_no_floats():
    def walk(value):
        assert not isinstance(value, float)
        if isinstance(value, dict):
            for key, inner in value.items():
                assert isinstance(key, str)
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    described = Patients.schema.describe()
    walk(described)
    assert described["age"] == {"type": "real", "low": "0.0", "high": "120.0", "unit": "years", "missing": ["NA", "-1"]}
    assert described["treatment"]["levels"] == ["none", "surgery", "drug"]


def test_inputs():
    assert Patients.rows().at_most == DEFAULT_ROWS
    assert Patients.rows(at_most=100).at_most == 100
    assert Patients.held_by("register").holder == "register"
    assert Patients.rows().holder is None


def test_tables_extend_tables():
    class More(Patients):
        weight = Real(0, 300)
        sick = Category("no", "yes")

    assert More.schema.names == ("age", "sick", "treatment", "weight")
    assert isinstance(More.schema["sick"], CategoryColumn)
    assert isinstance(Patients.schema["sick"], FlagColumn)


def test_ranges_of_a_study():
    wider = Patients.schema.with_ranges({"age": (-10, 1000)})
    assert (wider["age"].low, wider["age"].high) == (-10.0, 1000.0)
    assert wider["age"].missing == ("NA", "-1")
    assert Patients.schema["age"].high == 120.0
    for wrong in ({"weight": (0, 1)}, {"sick": (0, 2)}, {"age": (5, 5)}, {"age": (9, 1)}, {"age": (0, float("inf"))}):
        with pytest.raises(ConfigError):
            Patients.schema.with_ranges(wrong)
    with pytest.raises(ConfigError):
        Patients.schema.with_ranges({"age": (float("nan"), 1)})


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Real(1, 1),
        lambda: Real(2, 1),
        lambda: Real(0, float("inf")),
        lambda: Real(float("nan"), 1),
        lambda: Real(-1e300, 1e300),
        lambda: Category("one"),
        lambda: Category("a", "a"),
        lambda: type("Empty", (Table,), {}),
        lambda: type("Clash", (Table,), {"rows": Real(0, 1)}),
        lambda: type("Clash", (Table,), {"schema": Real(0, 1)}),
        lambda: type("Hidden", (Table,), {"_x": Real(0, 1)}),
    ],
)
def test_wrong_declarations(declare):
    with pytest.raises(ConfigError):
        declare()


# ---- rows of a simulation are held to their schema
def values_of(frame):
    (batch,) = rows_of(frame, Patients.schema).batches(["age", "sick", "treatment"])
    return batch


def test_rows_from_plain_columns():
    got = values_of(
        {
            "age": [3, None, float("nan"), "NA", -1],
            "sick": [True, False, "?", None, 1],
            "treatment": ["drug", "none", None, float("nan"), "surgery"],
        }
    )
    np.testing.assert_array_equal(got["age"], [3, np.nan, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(got["sick"], [1, 0, np.nan, np.nan, 1])
    np.testing.assert_array_equal(got["treatment"], [2, 0, np.nan, np.nan, 1])


def test_rows_from_a_pandas_table():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "age": pandas.array([3, None], "Int64"),
            "sick": pandas.array([None, True], "boolean"),
            "treatment": pandas.Categorical(["drug", None]),
        }
    )
    got = values_of(frame)
    np.testing.assert_array_equal(got["age"], [3, np.nan])
    np.testing.assert_array_equal(got["sick"], [np.nan, 1])
    np.testing.assert_array_equal(got["treatment"], [2, np.nan])


@pytest.mark.parametrize(
    ("column", "values", "count"),
    [
        ("age", [1, 121, 130], 2),
        ("age", [1, -0.5, 3], 1),
        ("age", [np.inf, 1, 1], 1),
        ("sick", [0, 2, 1], 1),
        ("sick", [0, 0.5, 1], 1),
        ("treatment", ["none", "Drug", "x"], 2),
        ("treatment", [0, 2, 1], 3),
        ("treatment", ["none", 0.5, "drug"], 1),
        ("sick", ["yes", "maybe", 1], 1),
        ("age", ["1", "12,5", "7 kg"], 2),
    ],
)
def test_values_that_are_not_allowed_are_counted_and_not_shown(column, values, count):
    frame = {"age": [1, 2, 3], "sick": [0, 0, 1], "treatment": ["none"] * 3, column: values}
    with pytest.raises(DataError, match=f"{column}: {count} of 3 values") as caught:
        values_of(frame)
    assert "Drug" not in str(caught.value)


def test_codes_and_words_mean_what_they_do_in_a_file():
    """Integers are names of levels, never their positions; yes and no are flags."""

    class Passengers(Table):
        pclass = Category("1", "2", "3")
        gear = Category("3", "4", "5")
        smoker = Flag()

    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"pclass": [1, 2, 3], "gear": [5.0, None, 3.0], "smoker": ["yes", "No", "true"]})
    (batch,) = rows_of(frame, Passengers.schema).batches(["pclass", "gear", "smoker"])
    np.testing.assert_array_equal(batch["pclass"], [0, 1, 2])
    np.testing.assert_array_equal(batch["gear"], [2, np.nan, 0])
    np.testing.assert_array_equal(batch["smoker"], [1, 0, 1])
    with pytest.raises(DataError, match="gear: 2 of 3 values are not among its levels") as caught:
        rows_of(frame.assign(gear=[3, 0, 1]), Passengers.schema)
    assert caught.value.__cause__ is None


def test_a_missing_column_is_named():
    with pytest.raises(ConfigError, match="treatment"):
        values_of({"age": [1], "sick": [1]})


def test_columns_of_different_lengths():
    with pytest.raises(ValueError, match="different lengths"):
        values_of({"age": [1, 2], "sick": [1], "treatment": ["none"]})
