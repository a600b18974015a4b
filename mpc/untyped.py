"""Names for what a type checker cannot state, each with the reason. Another is `Operand`, in `mpc.values.stated`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Anything", "Json", "JsonObject", "Opaque", "Parameter", "Program"]

#: A JSON value. It is nested, and readers look up keys that only the kind of a release tells.
Json = Any
JsonObject = dict[str, Any]
#: A keyword parameter of a primitive. Its type is the primitive's own; `mpc.machine.primitives` checks it.
Parameter = Any
#: A function of which the primitive, the engine or the scenario decides what it takes and gives.
Program = Callable[..., Any]
#: A user's argument: every type is taken, and what cannot be used is refused with a message.
Anything = Any
#: A value that passes through here: only who made it and who takes it know its type.
Opaque = Any
