from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from replicated_harness import engine, run, shared


def test_every_kernel_has_one_specialisation_after_all_primitives():
    from protocols.replicated.kernels import KERNELS

    engine()
    rng = np.random.default_rng(1)
    for size in (3, 9000):
        x, b = shared(np.arange(size), rng), shared(np.arange(size) % 2, rng, width=1)
        for primitive, operands, parameters in (
            ("multiply", (x, x), {}),
            ("multiply_truncate", (x, x), {"bits": 16}),
            ("truncate", (x,), {"bits": 40}),
            ("sign", (x,), {"width": 33}),
            ("decompose", (x,), {"width": 20}),
            ("bit_to_ring", (b,), {}),
            ("inject", (b, x), {}),
        ):
            run(primitive, *operands, **parameters)
    square = shared(np.arange(2500).reshape(50, 50), rng)
    run("matmul", square, square)
    run("matmul", run("view", square, to=lambda v: v.T, shape=(50, 50)).results, square)
    assert {name: len(compiled.signatures) for name, (compiled, _) in KERNELS.items()} == dict.fromkeys(KERNELS, 1)


def test_a_kernel_refuses_other_types_instead_of_compiling():
    from protocols.replicated import kernels

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


def test_importing_the_packages_loads_no_numba():
    code = "import protocols, protocols.replicated, sys; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
