"""Secure integers, fixed point, floats, and elements of prime, binary and extension fields."""

from mpyc.runtime import mpc


async def main():
    async with mpc:
        secint = mpc.SecInt(64)
        a, b = secint(1234567), secint(-89)
        print("int", await mpc.output([a + b, a * b, a - b, a // 5, a % 16, abs(b), mpc.max(a, b), mpc.min(a, b)]))
        print("int", await mpc.output([a < b, a >= b, a == b, a != b, mpc.sgn(b), mpc.lsb(a), secint(3) ** 20]))
        print("bits", await mpc.output(mpc.to_bits(secint(77), 8)))
        print("gcd", await mpc.output(mpc.gcd(secint(84), secint(36))))
        print("sorted", await mpc.output(mpc.sorted([secint(v) for v in (5, -2, 9, 0, 7, 7, -30)])))

        secfxp = mpc.SecFxp(32, 16)
        x, y = secfxp(3.25), secfxp(-1.5)
        print("fxp", await mpc.output([x + y, x * y * 0 + x, x - y, mpc.abs(y)]))
        print("fxp", [round(v, 2) for v in await mpc.output([x * y, x / y, 1 / x, y**2])])
        print("fxp", await mpc.output([x < y, mpc.argmax([x, y, x + x])[0]]))

        secflt = mpc.SecFlt(l=32, e=8)
        u, v = secflt(2.5), secflt(-0.75)
        print("flt", await mpc.output([u + v, u * v, u - v]), await mpc.output([u < v, u == u]))
        print("flt in", await mpc.output(mpc.input(secflt(mpc.pid / 4), senders=1)))

        p = mpc.SecFld(101)
        print("GF(p)", await mpc.output([p(17) * p(60), p(17) / p(60), p(5) ** 50, 1 / p(3)]))
        print("GF(p) equal", await mpc.output(p(5) == p(106)), await mpc.output(mpc.input(p(mpc.pid))))
        q = mpc.SecFld(2**61 - 1)
        print("GF(2^61-1)", await mpc.output([q(2**60) * q(12345), q(-1)]))
        big = mpc.SecFld(min_order=2**300)
        print("large", await mpc.output(big(3) ** 100 * big(7)))
        b8 = mpc.SecFld(2**8)
        print("GF(2^8)", await mpc.output([b8(87) * b8(131), b8(87) + b8(131), 1 / b8(2), b8(3) ** 20]))
        print("GF(2^8) bits", await mpc.output(mpc.to_bits(b8(0xA5))), await mpc.output(mpc.input(b8(mpc.pid + 7))))
        x9 = mpc.SecFld(3**4)
        print("GF(3^4)", await mpc.output([x9(50) * x9(71), x9(50) + x9(71), 1 / x9(11)]))
        many = [q(k) for k in range(100)]
        print("vector", await mpc.output(mpc.schur_prod(many, many[::-1])))
        print("inner", await mpc.output(mpc.in_prod(many, many)), await mpc.output(mpc.prod(many[1:10])))
        print("matrix", await mpc.output(mpc.matrix_prod([many[:3], many[3:6]], [many[6:9]], tr=True)[0]))
        convert = mpc.convert([secint(5), secint(-9)], mpc.SecInt(32))
        print("convert", await mpc.output(convert))
        print("trunc", await mpc.output(mpc.trunc(secint(1024), f=5)))


mpc.run(main())
