"""`comity` at an organization that contributes a value which its data cannot have: lying_submitter.py submit …"""

from __future__ import annotations

from typing import Any

import numpy as np

from mpc.machine.outside import Outside

honest = Outside.vector


def lying(self: Outside, owner: int) -> Any:
    vector: Any = honest(self, owner)
    vector[0] = np.int64(1) << 61
    return vector


if __name__ == "__main__":
    Outside.vector = lying  # type: ignore[method-assign]
    from parties.cli.main import main

    main()  # `entry` would start anew, without this change
