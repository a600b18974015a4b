"""What makes a site of these documents that are written to be read in the repository: a hook of mkdocs.

Documents of the first folder become pages (README.md the first one), and links between them and docs/ are turned
accordingly. `interfaces.md` is made here, from docstrings: what protocols and engines are written against.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
#: File of the first folder -> page.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
_TO_PAGES = {f"../{name}": page for name, page in PAGES.items()}
#: Modules whose public names authors of protocols use.
INTERFACES = (
    "mpc.machine.party",
    "mpc.machine.engine",
    "mpc.machine.channel",
    "mpc.machine.labels",
    "protocols.shamir.floor",
)
_LINK = re.compile(r"(?<=\]\()([^)\s#]+)(?=[)#])")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that have no file in docs/."""
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_LINK.sub(lambda link: _from_first_folder(link[1]), text)))
    parts = [f"## `{module}`\n\n::: {module}\n    options:\n      show_root_heading: false\n" for module in INTERFACES]
    text = "# Interfaces\n\nWhat protocols and engines are written against, from the docstrings.\n\n" + "\n".join(parts)
    files.append(File.generated(config, "interfaces.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links out of docs/ to the pages of what they lead to."""
    if page.file.generated_by is not None:
        return markdown
    return _LINK.sub(lambda link: _TO_PAGES.get(link[1], link[1]), markdown)


def _from_first_folder(link: str) -> str:
    if link == "LICENSE":
        return "https://www.apache.org/licenses/LICENSE-2.0"
    return PAGES.get(link, link.removeprefix("docs/"))
