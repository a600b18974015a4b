"""Each party brings a number; all learn the numbers, their sum, and which of the first two is larger."""

from mpyc.runtime import mpc

secint = mpc.SecInt()
mpc.run(mpc.start())
x = mpc.input(secint(10 + mpc.pid))
print(mpc.run(mpc.output(mpc.sum(x))), mpc.run(mpc.output(x)))
print(mpc.run(mpc.output(x[0] < x[1])))
mpc.run(mpc.shutdown())
