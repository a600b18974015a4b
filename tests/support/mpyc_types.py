"""What `parties.mpyc.types` does with types of MPyC's, in a process of its own: prints one line for each check.

To be started with the arguments -M3 -I0 --no-log, which MPyC reads.
"""

import numpy as np
from mpyc import fingroups, gfpx
from mpyc.finfields import GF

from mpc.errors import RemoteProtocolError
from parties.mpyc import objects
from parties.mpyc.types import Types

types = Types()
prime, binary, cubic = GF(2**61 - 1), GF(gfpx.GFpX(2)(283)), GF(gfpx.GFpX(3)("x^3+2x+1"))
curve = fingroups.EllipticCurve("Ed25519", "projective")
values = [
    prime(-5),
    binary(200),
    cubic(20),
    gfpx.GFpX(7)(1000),
    prime.array(np.arange(6).reshape(2, 3)),
    binary.array(np.array([1, 255])),
    cubic.array(np.array([[26]])),
    curve.generator,
    fingroups.SymmetricGroup(4)((1, 0, 3, 2)),
    fingroups.QuadraticResidues(l=32).generator,
    fingroups.SchnorrGroup(p=23, q=11, g=4).generator,
    fingroups.ClassGroup(-23)((2, 1, 3)),
]
for value in values:
    back = objects.decode(objects.encode(value, types), "north", types)
    print(type(back) is type(value), np.all(back == value), type(value).__bases__[0].__name__)


def key_of(value: object) -> object:
    reduced = types.reduce(value)
    assert reduced is not None
    return reduced[0]


def refused(key: object, content: object) -> None:
    data = b"M" + objects.encode(key) + objects.encode(content)
    try:
        print("taken", objects.decode(data, "north", types))
    except RemoteProtocolError as error:
        print("refused", str(error)[:60])


refused(("field", 2**31 - 1, 2, 2**31 - 2), 5)  # not made here
refused(("field", 2**61 - 1, 2, 2**61 - 2), 2**61)  # no element
refused(("field", 2**61 - 1, 2, 2**61 - 2), -1)
refused(("array", "field", 2**61 - 1, 2, 2**61 - 2), ((2,), bytes(15)))
refused(("array", "field", 2**61 - 1, 2, 2**61 - 2), ((2,), b"\xff" * 16))
refused(("array", "field", 2**61 - 1, 2, 2**61 - 2), 7)
refused(key_of(curve.generator), (1, 2, 3))  # not on the curve
refused(key_of(fingroups.SymmetricGroup(4)()), (1, 1, 1, 1))
refused(key_of(fingroups.SymmetricGroup(4)()), None)
refused(("group", "os", "system", ""), "true")
refused((), 1)
refused(("polynomial", 11), 3)
refused(("polynomial", 7), 1 << 70_000)
