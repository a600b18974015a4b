"""Secure arrays of integers, fixed-point numbers and field elements."""

import numpy as np
from mpyc.runtime import mpc

secint = mpc.SecInt(32)
secfxp = mpc.SecFxp(32, 16)
field = mpc.SecFld(2**31 - 1)
binary = mpc.SecFld(2**8)


async def main():
    async with mpc:
        a = secint.array(np.arange(12).reshape(3, 4) - 5)
        print(await mpc.output(a * a + 3 * a))
        print(await mpc.output(a @ a.T))
        print(await mpc.output(a < 2), await mpc.output(np.sum(a, axis=0)), await mpc.output(a.T[1:3]))
        print(await mpc.output(mpc.input(secint.array(np.array([mpc.pid + 1, 7])), senders=2)))
        print([(await mpc.output(v)).tolist() for v in mpc.input(secint.array(np.array([mpc.pid, 7])))])
        print(await mpc.output(mpc.np_sort(secint.array(np.array([5, -1, 3, 3, 0])))))
        long = secint.array(np.arange(1000))
        print(await mpc.output(np.sum(long * long)), await mpc.output((long * long)[-3:]))
        x = secfxp.array(np.array([[0.5, -2.25], [3.0, 1.0]]))
        print(np.round(await mpc.output(x @ x), 3), await mpc.output(x + 1))
        f = field.array(np.arange(40).reshape(2, 20))
        print(await mpc.output(f * f), await mpc.output(f @ f.T))
        b = binary.array(np.array([[3, 5, 7], [255, 128, 1]]))
        print(await mpc.output(b * b), await mpc.output(b + b[::-1]))
        print(await mpc.output(np.hstack((a, a))))
        print(await mpc.output(mpc.np_where(a < 0, a, -a)))
        print(await mpc.output(np.maximum(a, 1)), await mpc.output(np.amin(a, axis=1)))
        for public in (f, b, secint.array(np.array([[1, -2]]))):
            print(await mpc.transfer(await mpc.output(public), senders=0))
        for one in (field.field(-3), binary.field(77), mpc.SecFld(3**4).field(50)):
            print(await mpc.transfer([one, type(one)(1)], senders=2))


mpc.run(main())
