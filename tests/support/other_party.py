"""`comity` in a process where a number that scripts can see is another one than at the other parties."""

import math

from parties.cli.main import main

math.tau = 7.0  # type: ignore[misc]

if __name__ == "__main__":
    main()
