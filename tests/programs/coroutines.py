"""transfer, gather, coroutines with return types, barriers and throttling, several starts, options of its own."""

import argparse
import asyncio
import atexit
import datetime
import threading
import time
from fractions import Fraction

import numpy as np
from mpyc.runtime import mpc

parser = argparse.ArgumentParser(description="A program with options of its own.")
parser.add_argument("-n", "--number", type=int, default=3)
parser.add_argument("--name", default="nobody")
parser.add_argument("words", nargs="*")
options = parser.parse_args()
print(options)

secint = mpc.SecInt()
print("bit length", secint.bit_length, "parties", len(mpc.parties), "threshold", mpc.threshold)


@mpc.coroutine
async def double(x) -> secint:
    share = await mpc.gather(x)
    return 2 * share


@mpc.coroutine
async def squares(x):
    await mpc.returnType(secint, len(x))
    x = await mpc.gather(x)
    return await mpc._reshare([v * v for v in x])


@mpc.coroutine
async def opened(x) -> asyncio.Future:
    return await mpc.output(x) + 1


async def main():
    await mpc.start()
    print(await mpc.output(double(secint(21))), await mpc.output(squares([secint(v) for v in range(options.number)])))
    print(await opened(secint(41)))
    shares = await mpc.gather([secint(1), secint(2)])
    print(len(shares), type(shares[0]).__mro__[1].__name__)
    things = {"who": mpc.pid, "list": [1, -2.5, None, True, 2**200], "set": {1, 2}, "t": (b"bytes", "text", 1j)}
    print(await mpc.transfer(things))
    print(await mpc.transfer(np.arange(6.0).reshape(2, 3) + mpc.pid, senders=1))
    print(await mpc.transfer([Fraction(1, 3), datetime.date(2026, 1, 31), range(3)], senders=0))
    print(await mpc.transfer(secint.field(-5), senders=2), await mpc.transfer(f"from {mpc.pid}", senders=[0, 2]))
    arcs = [(i, (i + 1) % len(mpc.parties)) for i in range(len(mpc.parties))]
    print(await mpc.transfer(mpc.pid, sender_receivers=arcs))
    total = secint(0)
    for k in range(40):
        total += secint(k) * k
        await mpc.throttler(0.2)
    await mpc.barrier("sum")
    print(await mpc.output(total))
    print(await mpc.output(secint(7), receivers=0), await mpc.output(secint(8), receivers=[1, 2]))
    mpc.peek(total, label="total")
    await mpc.shutdown()
    await mpc.start()
    print(await mpc.output(mpc.input(secint(5), senders=0)))
    await mpc.shutdown()


mpc.run(main())
mpc.run(mpc.start())
print(mpc.run(mpc.output(secint(6) * 7)))
mpc.run(mpc.shutdown())
atexit.register(print, "the end")
threading.Thread(target=lambda: (time.sleep(0.3), print("a thread is waited for"))).start()
