"""Differences nobody can see, and byte order marks: shown, read, or named."""

from __future__ import annotations

import pytest

from mpc.errors import ConfigError
from parties.data.dataschema import read_schema
from parties.data.toml import read_toml
from parties.mpyc.study import open_program_study
from parties.organization.catalog import Catalog
from parties.study.difference import difference
from parties.study.plan import read_study
from parties.text.visible import apart, clean

LINE = "async def run(study: Study) -> None:"


@pytest.mark.parametrize(
    ("here", "there", "shown"),
    [
        (LINE, f"{LINE} ", (LINE, rf"{LINE}\x20")),
        ("    study.run()", "\tstudy.run()", (r"\x20\x20\x20\x20study.run()", r"\tstudy.run()")),
        ("a = 1", "a\u00a0= 1", (r"a\x20= 1", r"a\xa0= 1")),
        ("total", "to\u200btal", ("total", r"to\u200btal")),
        ("total", "to\u00adtal", ("total", r"to\xadtal")),
        ("line", "line\r", ("line", r"line\r")),
        ("age > 65", "\u0430ge > 65", ("age > 65", r"\u0430ge > 65")),
        ("age - 1", "age \u2212 1", ("age - 1", r"age \u2212 1")),
        ("'x'", "\u2019x\u2019", ("'x'", r"\u2019x\u2019")),
        ("caf\u00e9", "cafe\u0301", (r"caf\xe9", r"cafe\u0301")),
        ("x\u202ey", "xy", (r"x\u202ey", "xy")),
        (r"'\t'", "'\t'", (r"'\\t'", r"'\t'")),
        ("", "  ", ("", r"\x20\x20")),
        # What can be seen stays as it is.
        ("age >= 65", "age >= 60", ("age >= 65", "age >= 60")),
        ("Müller", "Möller", ("Müller", "Möller")),
        ("λόγος", "λόγου", ("λόγος", "λόγου")),
        ("    return x", "    return y", ("return x", "return y")),
    ],
)
def test_the_place_where_two_lines_differ_can_be_seen(here, there, shown):
    assert apart(here, there) == shown
    assert apart(there, here) == shown[::-1]


def test_a_difference_far_along_a_line_is_shown():
    here, there = apart("x" * 500 + "a" + "y" * 500, "x" * 500 + "b" + "y" * 500)
    assert here == "…" + "x" * 50 + "a" + "y" * 50 + "…"
    assert there == here.replace("a", "b")
    assert max(map(len, apart("x" * 100_000, "y" * 100_000))) <= 320


def test_blanks_at_an_end_and_characters_of_control_are_escaped():
    assert clean(" a b\t\x1b[2J ") == r"\x20a b\t\x1b[2J\x20"
    assert clean("\ud800") == r"\ud800"


def document(text: str, **others: object) -> dict[str, object]:
    return {"scenario": "people", "sources": {"people.py": {"sha256": text, "text": text}}, **others}


def test_studies_that_differ_in_what_nobody_sees():
    said = difference(document(f"one\n{LINE}\nthree"), document(f"one\n{LINE} \nthree"), "county")
    assert f"scenario people, line 2:\n    here    {LINE}\n    county  {LINE}\\x20\n" in said
    said = difference(document("x", purpose="Audit"), document("x", purpose="Audit\u00a0"), "county")
    assert "here    Audit\n    county  Audit\\xa0\n" in said
    said = difference(document("x", parameters={"name": "a"}), document("x", parameters={"name": "\u0430"}), "county")
    assert "here    a\n    county  \\u0430\n" in said
    said = difference(document("one\n"), document("one\n  \n"), "county")
    assert "county  \\x20\\x20\n" in said


# ---- byte order marks
STUDY = 'scenario = "hospital_statistics"\npurpose = "Try"\n' + "".join(
    f'[organizations.{name}]\nroles = ["input", "compute", "recipient"]\npatients = "p"\n' for name in "abc"
)
READ = {
    "study": (read_study, STUDY),
    "schema": (read_schema, '[columns.age]\ntype = "real"\n'),
    "program": (open_program_study, 'program = "p.py"\n[organizations.a]\nroles = ["compute"]\n'),
}


@pytest.mark.parametrize("kind", READ)
def test_files_of_editors_that_mark_the_byte_order(tmp_path, kind):
    read, text = READ[kind]
    path = tmp_path / "file.toml"

    def outcome(raw: bytes) -> str:
        path.write_bytes(raw)
        try:
            return str(read(path))
        except ConfigError as error:
            return str(error)

    assert outcome(text.encode("utf-8-sig")) == outcome(text.encode()) != ""
    assert "TOML" not in outcome(text.encode("utf-8-sig"))
    for encoding, name in (("utf-16", "UTF-16"), ("utf-16-be", "UTF-16"), ("utf-16-le", "UTF-16")):
        said = outcome(text.encode(encoding))
        assert name in said
        assert "save it as UTF-8" in said
    assert "line 2 is not UTF-8 text" in outcome(f'x = "a"\ny = "ä"\n{text}'.encode("latin-1"))


def test_a_catalog_with_a_mark(tmp_path):
    tmp_path.chmod(0o700)
    (tmp_path / "catalog.toml").write_bytes('[d]\nsource = "/x.csv"\n'.encode("utf-8-sig"))
    (tmp_path / "catalog.toml").chmod(0o600)
    assert Catalog.load(tmp_path).dataset("d").source == "/x.csv"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read \(No such file or directory\)"):
        read_toml(tmp_path / "none.toml")
