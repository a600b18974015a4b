"""Whether the files of a release agree, before it is published; prints its section of the changelog.

python .ci/check_release.py v0.2.0                                  the tag, pyproject.toml and CHANGELOG.md
python .ci/check_release.py v0.2.0 dist/*.whl dist/*.tar.gz         what was built, too
"""

import re
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("mpc", "protocols", "parties", "scenarios")
_HEADING = re.compile(r"^## (.+)$", re.M)
_RELEASED = re.compile(r"(\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2})")


def sections(changelog: str) -> list[tuple[str, str]]:
    """(heading, text) of each version, the newest first."""
    parts = _HEADING.split(changelog)
    return [(heading.strip(), text.strip()) for heading, text in zip(parts[1::2], parts[2::2], strict=True)]


def problems(tag: str, version: str, changelog: str) -> Iterator[str]:
    """What keeps `version` from being released as `tag`."""
    if tag != f"v{version}":
        yield f"the tag is {tag}, and pyproject.toml has version {version}: expected the tag v{version}"
    heading, text = next(iter(sections(changelog)), ("", ""))
    released = _RELEASED.fullmatch(heading)
    if released is None or released[1] != version:
        yield f"CHANGELOG.md begins with the section {heading!r}: expected '{version} - YEAR-MONTH-DAY'"
    elif not text:
        yield f"CHANGELOG.md says nothing about {version}"


def problems_of_build(version: str, paths: Sequence[Path]) -> Iterator[str]:
    """What is wrong with the wheel and the source distribution."""
    expected = {f"comity-{version}-py3-none-any.whl", f"comity-{version}.tar.gz"}
    names = {path.name for path in paths}
    if names != expected:
        yield f"built: {', '.join(sorted(names))}; expected {', '.join(sorted(expected))}"
    for wheel in (path for path in paths if path.suffix == ".whl"):
        inside = set(zipfile.ZipFile(wheel).namelist())
        sources = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
        for path in sorted(source.relative_to(ROOT) for source in sources if "__pycache__" not in source.parts):
            if path.as_posix() not in inside:
                yield f"{wheel.name} lacks {path.as_posix()}"


def main() -> int:
    tag, *built = sys.argv[1:]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    wrong = [
        *problems(tag, version, changelog),
        *(problems_of_build(version, [Path(b) for b in built]) if built else ()),
    ]
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        print(sections(changelog)[0][1])
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
