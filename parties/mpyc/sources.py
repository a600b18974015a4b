"""Which files a program consists of: itself, and what it imports from its own folder, as bytes with LF line ends.

Found by reading, not by running: `import` and `from … import` statements, wherever they stand, of modules and packages
beside the program. What a program imports in another way, and what lies elsewhere, is not compared.
"""

from __future__ import annotations

import ast
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

from mpc.errors import ConfigError
from parties.data.misplaced import check_kind

#: A program and its modules together.
MOST_BYTES = 3 << 20


def program_sources(program: Path) -> dict[str, bytes]:
    """Relative path -> source. The program itself comes first. Raises ConfigError."""
    if not program.is_file():
        raise ConfigError(f"{program}: no such program")
    check_kind(program, "program")
    folder = program.parent
    found = {program.name: _read(program)}
    todo = [(program, found[program.name])]
    while todo:
        path, source = todo.pop()
        for module in _imported(path, source, folder):
            for file in _files(folder, module):
                name = file.relative_to(folder).as_posix()
                if name not in found:
                    found[name] = _read(file)
                    todo.append((file, found[name]))
    size = sum(map(len, found.values()))
    if size > MOST_BYTES:
        raise ConfigError(f"{program}: with the modules beside it, it has {size} bytes; at most {MOST_BYTES}")
    return dict(sorted(found.items(), key=lambda item: (item[0] != program.name, item[0])))


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
        raise ConfigError(f"{path}: no Python program ({error})") from None
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
    """The files that importing `module` runs, of those in the folder."""
    place = folder
    for part in module.split("."):
        if not part.isidentifier():
            return
        if (place / part / "__init__.py").is_file():
            yield place / part / "__init__.py"
        elif (place / f"{part}.py").is_file():
            yield place / f"{part}.py"
        place = place / part
