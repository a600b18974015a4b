"""README.md, the other documents of the first folder, and docs/*.md: what they show works.

    ```python   all blocks of one file are executed in order, in one namespace and a temporary directory; a block under
                a line `<!-- not run -->` (or `<!-- sketch -->`) is only parsed. A block that begins with `# name.py`
                is also written to that file
    ```console  every `comity …` command parses against the real commands and options
    ```toml     parses
Links to other files of the repository lead somewhere, and so do paths in the text. Where a table names a file and what
to look for in it, it is there.
"""

from __future__ import annotations

import ast
import asyncio
import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import click
import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("**/*.md"))]
SKIPPED = re.compile(r"<!--\s*(not run|sketch)\b.*?-->\s*$")
FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```\s*$", re.M | re.S)


class Block(NamedTuple):
    path: Path
    line: int
    kind: str
    text: str
    runs: bool

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT).as_posix()}:{self.line}"


def blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        before = text[: match.start()].rstrip("\n")
        line = text.count("\n", 0, match.start()) + 2
        indent = len(match["indent"])
        body = "".join(part[indent:] for part in match["text"].splitlines(keepends=True))
        found.append(Block(path, line, match["kind"], body, not SKIPPED.search(before)))
    return found


def every(kind: str) -> list[Block]:
    return [block for path in DOCUMENTS for block in blocks(path) if block.kind == kind]


def commands(block: Block) -> list[list[str]]:
    """The `comity` command lines of a console block: those after `$ `, or all lines where none has a prompt."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    found = []
    for line in lines:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if re.fullmatch(r"[();<>|&]+", word):
                while words and ("=" in words[0] or words[0] in ("env", "exec", "time")):
                    words.pop(0)
                if words and Path(words[0]).name == "comity":
                    found.append(words[1:])
                # What follows < or > is a file, not a command.
                words = ["redirect"] if set(word) <= {"<", ">"} else []
            else:
                words.append(word)
    return found


def parse(words: list[str]) -> None:
    """Raise click.UsageError unless the command and its options exist. Values are not looked at (a file named in a
    document is not here), unless they are choices or numbers."""
    from parties.cli.main import Comity

    command: click.Command = Comity("comity")
    context = click.Context(command, info_name="comity")
    rest = list(words)
    while isinstance(command, click.Group):
        context = command.make_context(context.info_name, rest, parent=context.parent, resilient_parsing=True)
        rest = [*context._protected_args, *context.args] if hasattr(context, "_protected_args") else context.args
        if not rest:
            return
        found = command.get_command(context, rest[0])
        if found is None:
            raise click.UsageError(f"no command {rest[0]!r}")
        command = found
        context = click.Context(command, info_name=rest[0], parent=context)
        rest = rest[1:]
    if "--help" in rest:
        return
    values, left, _ = command.make_parser(context).parse_args(args=list(rest))
    if left:
        raise click.UsageError(f"{' '.join(left)}: more arguments than {command.name} takes")
    for parameter in command.get_params(context):
        given = values.get(parameter.name)
        if "UNSET" in repr(given):  # how click marks what was not given, since 8.2
            given = None
        if given is None and parameter.required:
            raise click.UsageError(f"{command.name}: {parameter.human_readable_name} is missing")
        if given is not None and not isinstance(parameter.type, click.Path | click.File):
            parameter.type_cast_value(context, given)


def identify(block: Block) -> str:
    return str(block)


def test_there_is_a_readme():
    assert (ROOT / "README.md").exists()


@pytest.mark.parametrize("block", every("console"), ids=identify)
def test_commands_exist(block):
    for words in commands(block):
        try:
            parse(words)
        except click.UsageError as error:
            pytest.fail(f"{block}: comity {' '.join(words)}\n{error.format_message()}")


@pytest.mark.parametrize("block", every("toml"), ids=identify)
def test_toml_parses(block):
    tomllib.loads(block.text)


#: Scenarios of many organizations, or with many models, whose examples are slow tests.
LONG = {"pay-equity.md", "clinical-trial.md", "hospital-survival.md"}


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] * (path.name in LONG)) for path in DOCUMENTS],
    ids=lambda path: path.name,
)
def test_python_runs(path, tmp_path, monkeypatch):
    """Top-level `await` is allowed, as in a notebook."""
    python = [block for block in blocks(path) if block.kind == "python"]
    if not python:
        return
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    known = set(sys.modules)
    namespace: dict[str, object] = {"__name__": "documentation"}
    try:
        for block in python:
            named = re.match(r"# ([\w/]+\.py)\b", block.text)
            if named and block.runs:
                file = tmp_path / named[1]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text, encoding="utf-8")
            source = "\n" * (block.line - 1) + block.text
            code = compile(source, str(block.path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            if block.runs:
                result = eval(code, namespace)  # noqa: S307  our own documents
                if asyncio.iscoroutine(result):
                    asyncio.run(result)
    finally:
        for name in set(sys.modules) - known:
            if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        other = (path.parent / file) if file else path
        assert other.exists(), f"{path.name} links to {target}"
        if anchor and other.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", FENCE.sub("", other.read_text(encoding="utf-8")), re.M)
            anchors = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert anchor in anchors, f"{path.name} links to {target}; {other.name} has {anchors}"


#: A path from the first folder: a file, or a folder of ours. Names that only stand for one have no letters of ours.
PATH = re.compile(r"(?<![\w/.])(?:mpc|parties|protocols|scenarios|tests|docs|\.ci|\.github)(?:/[\w.-]*[\w-])+")
CODE = re.compile(r"`([^`\n]+)`")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_paths_exist(path):
    text = path.read_text(encoding="utf-8")
    shown = [match["text"] for match in FENCE.finditer(text) if match["kind"] == "text"]
    examples = {match[1] for match in re.finditer(r"^# ([\w/]+\.py)$", text, re.M)}
    for name in PATH.findall("\n".join([*CODE.findall(FENCE.sub("", text)), *shown])):
        if "NAME" not in name and Path(name).name not in examples:
            assert (ROOT / name).exists(), f"{path.name} names {name}"


def questions() -> list[tuple[str, str, str]]:
    """(question, file, what to look for in it) of docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|") and "? |" in line]
    found = []
    for question, files, names in rows:
        found += [(question, *one) for one in zip(CODE.findall(files), CODE.findall(names), strict=True)]
    return found


def test_there_are_ten_questions():
    assert len({question for question, _, _ in questions()}) == 10


@pytest.mark.parametrize(("question", "file", "name"), questions())
def test_the_file_answers_the_question(question, file, name):
    defined = {
        node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else target.id
        for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body
        for target in getattr(node, "targets", [node])
        if hasattr(node, "name") or isinstance(target, ast.Name)
    }
    assert name in defined, f"{question} {file} has no {name}"


# ---- this file's own reading of documents
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$ comity run study.toml --home a   # now\n  output comity run\n", [["run", "study.toml", "--home", "a"]]),
        ("cd x && .venv/bin/comity demo > out.txt\n", [["demo"]]),
        (
            "A=1 comity plan s.toml \\\n  --json | python -m json.tool; comity init n\n",
            [["plan", "s.toml", "--json"], ["init", "n"]],
        ),
        ("pip install comity\n", []),
    ],
)
def test_reading_of_console_blocks(text, expected):
    assert commands(Block(ROOT / "README.md", 1, "console", text, True)) == expected


@pytest.mark.parametrize("line", ["no-such-command", "run study.toml --no-such-option", "run", "run a.toml b.toml"])
def test_wrong_commands_are_found(line):
    with pytest.raises(click.UsageError):
        parse(line.split())
