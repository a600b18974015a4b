"""Oblivious lists, random choices of known outcome, and statistics."""

from mpyc import mpctools, random, statistics
from mpyc.runtime import mpc
from mpyc.seclists import seclist

secint = mpc.SecInt(32)
secfxp = mpc.SecFxp(32, 16)


async def main():
    await mpc.start()
    s = seclist([5, 3, 8, 1], secint)
    s[secint(2)] = 80
    print(await mpc.output(list(s)), await mpc.output(s[secint(1)]))
    s.append(7)
    s.sort()
    print(await mpc.output(list(s)), await mpc.output(s.index(7)), await mpc.output(s.count(80)), len(s))
    s.insert(secint(1), 44)
    print(await mpc.output(list(s)), await mpc.output(s.contains(44)))
    s.pop(secint(0))
    print(await mpc.output(list(s)))

    draws = [random.randrange(secint, 6) for _ in range(5)]
    print(all(0 <= v < 6 for v in await mpc.output(draws)), await mpc.output(random.randint(secint, 4, 5)) in (4, 5))
    shuffled = [secint(v) for v in range(8)]
    random.shuffle(secint, shuffled)
    print(sorted(await mpc.output(shuffled)), sum(await mpc.output(random.random_unit_vector(secint, 5))))
    print(await mpc.output(random.choice(secint, [secint(9), secint(9)])))
    bits = await mpc.output(mpc.random_bits(secint, 40))
    print(set(bits) <= {0, 1}, all(0 <= v <= 1 for v in await mpc.output([random.random(secfxp)])))
    print(sorted(await mpc.output(random.sample(secint, range(10), 10))))

    data = [secint(v) for v in (4, 9, 2, 9, 5, 7, 1, 3)]
    print(await mpc.output([statistics.mean(data), statistics.median(data), statistics.mode(data)]))
    print(await mpc.output([statistics.variance(data), statistics.stdev(data), statistics.pvariance(data)]))
    x = [secfxp(v) for v in (1.0, 2.0, 4.0, 7.0)]
    print([round(v, 1) for v in await mpc.output([statistics.mean(x), statistics.median(x)])])
    print(await mpc.output(mpctools.reduce(mpc.max, data)), await mpc.output(list(mpctools.accumulate(data))))
    await mpc.shutdown()


mpc.run(main())
