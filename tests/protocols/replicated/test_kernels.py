from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mpc.machine.party import Busy
from protocols.compiled import Kernels
from protocols.replicated import kernels
from tests.support.replicated_harness import LABELS, combined, engine, run, shared


def one_each(bits, size):
    """The bits as words of which one is counted."""
    return run("view", bits, to=lambda v: v[None], shape=(1, size)).results


def test_every_kernel_has_one_specialisation_after_all_primitives():
    from protocols.replicated.kernels import GROUPS, KERNELS

    engine()
    rng = np.random.default_rng(1)
    for size in (3, 9000):
        x, b = shared(np.arange(size), rng), shared(np.arange(size) % 2, rng, width=1)
        for primitive, operands, parameters in (
            ("multiply", (x, x), {}),
            ("multiply_truncate", (x, x), {"bits": 16}),
            ("truncate", (x,), {"bits": 40}),
            ("sign", (x,), {"width": 33}),
            ("quick_sign", (x,), {"width": 33}),
            ("equal", (x,), {"width": 40}),
            ("decompose", (x,), {"width": 20}),
            ("bit_to_ring", (b,), {}),
            ("inject", (b, x), {}),
            ("piecewise_cubic", (x,), {"low": -(1 << 14), "step": 9, "table": np.ones((4, 64), np.int64), "bits": 20}),
            ("exponential", (x,), {"low": -20, "high": 9000, "frac": 12, "digits": 40, "bits": 0}),
            ("table_of_count", (one_each(b, size),), {"table": np.arange(2)}),
            ("rows_zero", (shared(np.arange(2 * size).reshape(size, 2), rng),), {}),
        ):
            run(primitive, *operands, **parameters)
    square = shared(np.arange(2500).reshape(50, 50), rng)
    run("matmul", square, square)
    run("sort_order", shared(np.arange(600)[::-1], rng), width=11, inner=True)
    run("matmul", run("view", square, to=lambda v: v.T, shape=(50, 50)).results, square)
    made = {name: len(compiled.signatures) for group in GROUPS.values() for name, (compiled, _) in group.items()}
    assert made == dict.fromkeys(made, 1)
    assert set(KERNELS) < set(made)


def test_a_kernel_refuses_other_types_instead_of_compiling():

    engine()
    words = np.zeros(4, np.uint64)
    with pytest.raises(TypeError):
        kernels.lift(words.astype(np.float64), words, np.zeros(4, np.uint8), kernels.ONE, words)
    with pytest.raises(TypeError):
        kernels.lift(words[::2], words[:2], np.zeros(2, np.uint8), kernels.ONE, words[:2].copy())


def test_progress_is_told_for_every_kernel():
    from protocols.replicated.engine import warm_up
    from protocols.replicated.kernels import KERNELS

    told: list[tuple[int, int]] = []
    warm_up(lambda done, total: told.append((done, total)))
    assert told == [(i + 1, len(KERNELS)) for i in range(len(KERNELS))]


def test_products_in_worker_threads():
    """As a party runs them: two chunks of one product at work in threads, on kept limbs."""
    from mpc.machine.channel import MemoryNetwork
    from mpc.machine.party import Environment, Party
    from mpc.machine.simulation import simulated_keys

    rng = np.random.default_rng(1)
    a, b = rng.integers(-(2**25), 2**25, (400, 300)), rng.integers(-(2**25), 2**25, (300, 250))
    x, y = shared(a, rng), shared(b, rng)
    network = MemoryNetwork(3)

    async def main(executor):
        environments = [Environment(network.channels[i], simulated_keys(i, 3, 1), executor) for i in range(3)]
        parties = [Party(environment, LABELS[0]) for environment in environments]
        parts = (engine().matmul_truncate(p, x[p.index], y[p.index], bits=9) for p in parties)
        return await asyncio.gather(*parts)

    with ThreadPoolExecutor(2) as executor:
        shares = asyncio.run(main(executor))
    off = combined(shares) - ((a @ b) >> 9)
    assert set(np.unique(off)) == {0, 1}


def test_a_group_is_compiled_when_it_is_prepared():
    """In a process of its own: none of the group before, all of it after, and nothing for what needs nothing."""
    code = """
from protocols.replicated import kernels
from protocols.replicated.engine import ReplicatedEngine
made = lambda group: sum(len(compiled.signatures) for compiled, _ in kernels.GROUPS[group].values())
engine = ReplicatedEngine()
assert made("base") == len(kernels.KERNELS) and not made("order")
engine.prepare({"multiply", "shuffle"})
assert not made("order")
engine.prepare({"multiply", "sort_order"})
assert made("order") == len(kernels.GROUPS["order"])
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_the_packages_loads_no_numba():
    code = "import protocols, protocols.replicated, sys; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_party_that_loads_kernels_is_busy(monkeypatch):
    busy, seen = Busy(), []
    some = Kernels()
    monkeypatch.setattr(some, "ready", lambda progress, groups: seen.append((groups, busy.count)))
    asyncio.run(some.loaded("base", busy))
    assert seen == [(("base",), 1)]
    assert busy.count == 0
