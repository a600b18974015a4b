"""Whether the JSON that `comity demo --json` printed is whole, and agrees with pooling the data in the clear.

python .ci/check_demo.py demo.json
"""

import json
import sys
from pathlib import Path

result = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
for key in ("scenario", "organizations", "releases", "oracle", "cost", "phases", "files"):
    assert key in result, key
assert result["oracle"]["max_relative_error"] < 1e-4, result["oracle"]
print("demo:", len(result["releases"]), "releases, largest deviation", result["oracle"]["max_relative_error"])
