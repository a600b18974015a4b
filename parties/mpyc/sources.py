"""The files of a program: itself and the modules that it imports from its folder, as bytes with LF line ends.

They are found by reading the program, not by running it: all `import` and `from … import` statements of modules and
packages beside the program. Modules imported in another way, or from elsewhere, are not compared.
"""

from __future__ import annotations

import ast
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

from mpc.errors import ConfigError
from parties.data.misplaced import check_kind

#: The largest size of a program with its modules.
MOST_BYTES = 3 << 20


def program_sources(program: Path) -> dict[str, bytes]:
    """Relative path -> source; the program itself comes first. ConfigError if a file cannot be read."""
    if not program.is_file():
        raise ConfigError(f"{program}: no such file")
    check_kind(program, "program")
    folder = program.parent
    sources = {program.name: _read(program)}
    unread = [(program, sources[program.name])]
    while unread:
        path, source = unread.pop()
        for module in _imported(path, source, folder):
            for file in _files(folder, module):
                name = file.relative_to(folder).as_posix()
                if name not in sources:
                    sources[name] = _read(file)
                    unread.append((file, sources[name]))
    size = sum(map(len, sources.values()))
    if size > MOST_BYTES:
        raise ConfigError(
            f"{program}: the program and the modules beside it have {size} bytes; at most {MOST_BYTES} are allowed"
        )
    return dict(sorted(sources.items(), key=lambda item: (item[0] != program.name, item[0])))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes().removeprefix(BOM_UTF8).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None


def _imported(path: Path, source: bytes, folder: Path) -> Iterator[str]:
    """Dotted names of all modules that a file may import."""
    try:
        tree = ast.parse(source, str(path))
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{path}: not a Python program ({error})") from None
    package = list(path.relative_to(folder).parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base:
                yield base
            yield from (".".join(filter(None, (base, alias.name))) for alias in node.names)


def _files(folder: Path, module: str) -> Iterator[Path]:
    """The files in the folder that importing `module` runs."""
    path = folder
    for part in module.split("."):
        if not part.isidentifier():
            return
        if (path / part / "__init__.py").is_file():
            yield path / part / "__init__.py"
        elif (path / f"{part}.py").is_file():
            yield path / f"{part}.py"
        path = path / part
