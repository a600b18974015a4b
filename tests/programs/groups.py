"""Secure groups: permutations, quadratic residues, a Schnorr group, elliptic curves, class groups."""

from mpyc.runtime import mpc


async def main():
    await mpc.start()
    sym = mpc.SecSymmetricGroup(7)
    p, q = sym((1, 2, 3, 4, 0, 6, 5)), sym((1, 0, 2, 3, 4, 5, 6))
    print("sym", await mpc.output(p @ q), await mpc.output(~p), await mpc.output(p ^ 3))
    print("sym in", await mpc.output(mpc.input(q, senders=2)))

    qr = mpc.SecQuadraticResidues(l=64)
    g = qr(qr.group.generator)
    print("qr", await mpc.output(g * g), await mpc.output(g**5), await mpc.output(1 / g))

    sg = mpc.SecSchnorrGroup(p=23, q=11, g=4)
    h = sg(sg.group.generator)
    e = mpc.SecFld(11)(7)
    print("schnorr", await mpc.output(h**3), await mpc.output(h / h))
    print("secret exponent", await sg.repeat_public(sg.group.generator, e))

    ec = mpc.SecEllipticCurve("Ed25519", "projective")
    base = ec(ec.group.generator)
    doubled = await mpc.output(base + base)
    print("ed25519", doubled == ec.group.generator @ ec.group.generator, tuple(map(int, doubled.normalize())))
    secret = mpc.SecFld(ec.group.order)(123456789)
    point = await ec.repeat_public(ec.group.generator, secret)
    print("ed25519 public", point == ec.group.generator ^ 123456789)
    w = mpc.SecEllipticCurve("secp256k1", "projective")
    print("secp256k1", tuple(map(int, (await mpc.output(w(w.group.generator) + w(w.group.generator))).normalize())))
    cl = mpc.SecClassGroup(-23)
    print("class", await mpc.output(cl(cl.group((2, 1, 3)))))
    for element in (q, qr.group.generator, sg.group.generator, ec.group.generator, w.group.generator):
        public = await mpc.output(element) if isinstance(element, mpc.SecureObject) else element
        print("transfer", (await mpc.transfer(public, senders=1)) == public)
    print("transfer", await mpc.transfer(cl.group((2, 1, 3)), senders=0))
    await mpc.shutdown()


mpc.run(main())
