"""The eight tables of TPC-H, made small with a fixed seed, and dealt to three organizations.

The supplier side brings parts and suppliers, the customer side customers, the shop orders and their lines. Keys have
the kinds of the benchmark; comments are of a short list, so that they are categories. Not the benchmark's own
generator: the values are spread so that queries find rows in tables of some hundreds of rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mpc import Category, Date, Integer, Real, Scenario, Table
from mpc.tables.schema import Input

REGIONS = ("AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST")
NATIONS = (
    ("ALGERIA", 0), ("ARGENTINA", 1), ("BRAZIL", 1), ("CANADA", 1), ("EGYPT", 4), ("ETHIOPIA", 0), ("FRANCE", 3),
    ("GERMANY", 3), ("INDIA", 2), ("INDONESIA", 2), ("IRAN", 4), ("IRAQ", 4), ("JAPAN", 2), ("JORDAN", 4),
    ("KENYA", 0), ("MOROCCO", 0), ("MOZAMBIQUE", 0), ("PERU", 1), ("CHINA", 2), ("ROMANIA", 3), ("SAUDI ARABIA", 4),
    ("VIETNAM", 2), ("RUSSIA", 3), ("UNITED KINGDOM", 3), ("UNITED STATES", 1),
)  # fmt: skip
SEGMENTS = ("AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY")
PRIORITIES = ("1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW")
MODES = ("AIR", "AIR REG", "FOB", "MAIL", "RAIL", "SHIP", "TRUCK")
INSTRUCTIONS = ("COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN")
BRANDS = tuple(f"Brand#{m}{n}" for m in (1, 2, 3) for n in (1, 2, 3))
TYPES = tuple(
    f"{a} {b} {c}" for a in ("ECONOMY", "PROMO", "STANDARD") for b in ("ANODIZED", "PLATED") for c in ("BRASS", "STEEL")
)
CONTAINERS = tuple(f"{a} {b}" for a in ("SM", "MED", "LG") for b in ("BOX", "CASE", "PACK", "PKG"))
NAMES = ("almond forest", "blue green", "forest green", "ivory", "green lace", "rose")
COMMENTS = ("carefully final", "special pending requests", "regular deposits", "special handling requests", "quick")
COMPLAINTS = ("even theodolites", "sly Customer and Complaints", "bold accounts")


class Region(Table):
    r_regionkey = Integer(0, 4)
    r_name = Category(*REGIONS)


class Nation(Table):
    n_nationkey = Integer(0, 24)
    n_name = Category(*(name for name, _ in NATIONS))
    n_regionkey = Integer(0, 4)


class Supplier(Table):
    s_suppkey = Integer(1, 1000)
    s_nationkey = Integer(0, 24)
    s_acctbal = Real(-1000, 10000)
    s_comment = Category(*COMPLAINTS)


class Customer(Table):
    c_custkey = Integer(1, 1000)
    c_nationkey = Integer(0, 24)
    c_acctbal = Real(-1000, 10000)
    c_mktsegment = Category(*SEGMENTS)


class Part(Table):
    p_partkey = Integer(1, 1000)
    p_name = Category(*NAMES)
    p_brand = Category(*BRANDS)
    p_type = Category(*TYPES)
    p_size = Integer(1, 50)
    p_container = Category(*CONTAINERS)


class PartSupp(Table):
    ps_partkey = Integer(1, 1000)
    ps_suppkey = Integer(1, 1000)
    ps_availqty = Integer(1, 9999)
    ps_supplycost = Real(1, 1000)


class Orders(Table):
    o_orderkey = Integer(1, 10000)
    o_custkey = Integer(1, 1000)
    o_orderstatus = Category("F", "O", "P")
    o_totalprice = Real(0, 600000)
    o_orderdate = Date("1992-01-01", "1998-12-31")
    o_orderpriority = Category(*PRIORITIES)
    o_shippriority = Integer(0, 1)
    o_comment = Category(*COMMENTS)


class LineItem(Table):
    l_orderkey = Integer(1, 10000)
    l_partkey = Integer(1, 1000)
    l_suppkey = Integer(1, 1000)
    l_linenumber = Integer(1, 7)
    l_quantity = Integer(1, 50)
    l_extendedprice = Real(0, 110000)
    l_discount = Real(0, 0.1)
    l_tax = Real(0, 0.08)
    l_returnflag = Category("A", "N", "R")
    l_linestatus = Category("F", "O")
    l_shipdate = Date("1992-01-01", "1999-12-31")
    l_commitdate = Date("1992-01-01", "1999-12-31")
    l_receiptdate = Date("1992-01-01", "1999-12-31")
    l_shipinstruct = Category(*INSTRUCTIONS)
    l_shipmode = Category(*MODES)


#: Table -> its class, and the role that brings it.
TABLES: dict[str, tuple[type[Table], str]] = {
    "region": (Region, "supplier"),
    "nation": (Nation, "supplier"),
    "supplier": (Supplier, "supplier"),
    "part": (Part, "supplier"),
    "partsupp": (PartSupp, "supplier"),
    "customer": (Customer, "customer"),
    "orders": (Orders, "shop"),
    "lineitem": (LineItem, "shop"),
}
#: Columns that differ in any two rows.
UNIQUE: dict[str, Any] = {
    "region": "r_regionkey",
    "nation": "n_nationkey",
    "supplier": "s_suppkey",
    "part": "p_partkey",
    "partsupp": ("ps_partkey", "ps_suppkey"),
    "customer": "c_custkey",
    "orders": "o_orderkey",
    "lineitem": ("l_orderkey", "l_linenumber"),
}
ORGANIZATIONS = ("customers", "shop", "suppliers")
OWNERS = {"customer": (0,), "orders": (1,), "lineitem": (1,)}


def made(
    seed: int = 7, *, customers: int = 30, orders: int = 120, parts: int = 24, suppliers: int = 10
) -> dict[str, pd.DataFrame]:
    """The tables, with about two lines an order."""
    chance = np.random.default_rng(seed)

    def one_of(names: Any, size: int) -> Any:
        return chance.choice(np.asarray(names, object), size)

    def days(low: str, high: str, size: int) -> Any:
        first, last = (np.datetime64(day, "D").astype(np.int64) for day in (low, high))
        return chance.integers(first, last + 1, size)

    def money(low: float, high: float, size: int) -> Any:
        return chance.integers(int(low * 100), int(high * 100), size) / 100

    def dates(numbers: Any) -> Any:
        return [np.datetime64(int(day), "D").astype(object) for day in numbers]

    nations = np.arange(len(NATIONS))
    tables: dict[str, Any] = {
        "region": {"r_regionkey": range(5), "r_name": REGIONS},
        "nation": {"n_nationkey": nations, "n_name": [n for n, _ in NATIONS], "n_regionkey": [r for _, r in NATIONS]},
        "supplier": {
            "s_suppkey": np.arange(1, suppliers + 1),
            # Few nations, so that nations of suppliers and of customers meet.
            "s_nationkey": chance.choice([2, 6, 7, 8, 20], suppliers),
            "s_acctbal": money(-999, 9999, suppliers),
            "s_comment": one_of(COMPLAINTS, suppliers),
        },
        "part": {
            "p_partkey": np.arange(1, parts + 1),
            "p_name": one_of(NAMES, parts),
            "p_brand": one_of(BRANDS, parts),
            "p_type": one_of(TYPES, parts),
            "p_size": chance.integers(1, 51, parts),
            "p_container": one_of(CONTAINERS, parts),
        },
        "customer": {
            "c_custkey": np.arange(1, customers + 1),
            "c_nationkey": chance.choice([2, 6, 7, 8, 20, 3], customers),
            "c_acctbal": money(-999, 9999, customers),
            "c_mktsegment": one_of(SEGMENTS, customers),
        },
    }
    each = 3
    chosen = np.stack([chance.permutation(suppliers)[:each] + 1 for _ in range(parts)])
    tables["partsupp"] = {
        "ps_partkey": np.repeat(np.arange(1, parts + 1), each),
        "ps_suppkey": chosen.reshape(-1),
        "ps_availqty": chance.integers(1, 10000, parts * each),
        "ps_supplycost": money(1, 1000, parts * each),
    }
    ordered = days("1992-01-01", "1998-08-02", orders)
    tables["orders"] = {
        "o_orderkey": chance.permutation(np.arange(1, 4 * orders))[:orders],
        "o_custkey": chance.integers(1, max(customers * 2 // 3, 2), orders),  # a third has no order
        "o_orderstatus": one_of(("F", "O", "P"), orders),
        "o_totalprice": money(1000, 500000, orders),
        "o_orderdate": dates(ordered),
        "o_orderpriority": one_of(PRIORITIES, orders),
        "o_shippriority": np.zeros(orders, np.int64),
        "o_comment": one_of(COMMENTS, orders),
    }
    lines = chance.integers(1, 5, orders)
    order = np.repeat(np.arange(orders), lines)
    size = len(order)
    part = chance.integers(0, parts, size)
    quantity = chance.integers(1, 51, size)
    shipped = ordered[order] + chance.integers(1, 122, size)
    tables["lineitem"] = {
        "l_orderkey": np.asarray(tables["orders"]["o_orderkey"])[order],
        "l_partkey": part + 1,
        "l_suppkey": chosen[part, chance.integers(0, each, size)],
        "l_linenumber": np.concatenate([np.arange(1, n + 1) for n in lines]),
        "l_quantity": quantity,
        "l_extendedprice": quantity * (900 + part * 31.25),
        "l_discount": chance.integers(0, 11, size) / 100,
        "l_tax": chance.integers(0, 9, size) / 100,
        "l_returnflag": one_of(("A", "N", "R"), size),
        "l_linestatus": one_of(("F", "O"), size),
        "l_shipdate": dates(shipped),
        "l_commitdate": dates(ordered[order] + chance.integers(30, 91, size)),
        "l_receiptdate": dates(shipped + chance.integers(1, 31, size)),
        "l_shipinstruct": one_of(INSTRUCTIONS, size),
        "l_shipmode": one_of(MODES, size),
    }
    return {name: pd.DataFrame(tables[name]) for name in TABLES}


def inputs() -> dict[str, Input]:
    """The inputs of a scenario over the tables."""
    return {name: table.held_by(role) for name, (table, role) in TABLES.items()}


def scenario(minimum: int = 1) -> Scenario:
    """A scenario over the tables, without script."""
    return Scenario(inputs=inputs(), parameters={"minimum_cohort": minimum})


def owners() -> dict[str, tuple[int, ...]]:
    """Table -> the organization that brings it."""
    return {name: OWNERS.get(name, (2,)) for name in TABLES}


def brought(tables: dict[str, pd.DataFrame]) -> dict[str, dict[str, pd.DataFrame]]:
    """The tables of each organization."""
    dealt: dict[str, dict[str, pd.DataFrame]] = {name: {} for name in ORGANIZATIONS}
    for name, owner in owners().items():
        dealt[ORGANIZATIONS[owner[0]]][name] = tables[name]
    return dealt
