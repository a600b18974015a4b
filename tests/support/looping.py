"""A script that computes without end after it has an opened value; its planning ends, with another value.

Brings    every organization: rows of two numbers and a flag
Learns    nobody: it does not end
Trust     honest majority of three
"""

from mpc import Flag, Real, Scenario, Study, Table


class Patients(Table):
    x = Real(0, 50)
    y = Real(0, 3)
    ill = Flag()


scenario = Scenario(inputs={"patients": Patients.rows()}, parameters={"stubborn": False})


@scenario.run
async def run(study: Study) -> None:
    x = study.table("patients").x
    mean = await study.release("mean", x.mean())
    print("computing")
    found = 0.0
    while mean > 1:
        try:
            found = (found * found + 1) % 7
        except Exception:
            if not study.parameters.stubborn:
                raise
