"""Reports: each kind of release, in words and numbers; nobody's text becomes markup; files stay private."""

from __future__ import annotations

import io
import json
import re
import stat
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel
from rich.console import Console

from parties.report import data, words
from parties.report import page as report

SMALL = "suppressed (fewer than 10)"
COLLINEAR = "undefined: predictors nearly collinear"

REGRESSION: dict[str, Any] = {
    "terms": ["intercept", "age", "dose"],
    "coefficient": [1.5, 0.25, -0.125],
    "standard_error": [0.5, 0.0625, 0.125],
    "t": [3.0, 4.0, -1.0],
    "p": [0.0031, 0.00001, 0.3183],
    "ci_low": [0.52, 0.127, -0.37],
    "ci_high": [2.48, 0.373, 0.12],
    "r_squared": 0.4321,
    "observations": 400,
    "residual_df": 397,
}
GLM: dict[str, Any] = {
    "terms": ["intercept", "smoker", "dose"],
    "coefficient": [-3.75, 0.724, 0.01],
    "standard_error": [0.304, 0.15, 0.02],
    "z": [-12.34, 4.83, 0.5],
    "p": [1e-30, 0.00002, 0.617],
    "ci_low": [-4.345, 0.43, -0.029],
    "ci_high": [-3.154, 1.018, 0.049],
    "odds_ratio": [0.0235, 2.063, 1.01],
    "odds_ci_low": [0.013, 1.538, 0.971],
    "odds_ci_high": [0.0427, 2.766, 1.05],
    "log_likelihood": -555.29,
    "null_log_likelihood": -640.16,
    "pseudo_r_squared": 0.1326,
    "aic": 1116.58,
    "bic": 1131.1,
    "observations": 950,
    "residual_df": 947,
}
TEST: dict[str, Any] = {
    "statistic": 22.21, "df": 289.7, "p": 1e-60, "difference": 5.3162, "ci_low": 4.8451, "ci_high": 5.7874,
    "groups": ["sick", "well"], "means": [17.4628, 12.1466],
}  # fmt: skip
CROSSTAB: dict[str, Any] = {
    "rows": ["young", "old"], "columns": ["no", "yes"], "counts": [[212, 14], [SMALL, 125]],
    "chi_square": SMALL, "df": 1, "p": SMALL,
}  # fmt: skip
MEASURES: dict[str, Any] = {
    "measures": ["risk ratio", "Fisher's exact test"],
    "estimate": [2.5134, None], "ci_low": [1.3, None], "ci_high": [SMALL, None], "p": [None, 0.000012],
    "table": {"rows": ["not ill", "ill"], "columns": ["young", "old"], "values": [[212, 14], [SMALL, 1251]]},
}  # fmt: skip
RELEASES: dict[str, tuple[str, Any]] = {
    "patients": ("number", 569),
    "age mean": ("number", {"value": 54.25, "unit": "years"}),
    "age sd": ("number", 11.5),
    "age missing": ("number", SMALL),
    "dose mean": ("number", "out of range"),
    "dose sd": ("number", 0.0001234567),
    "age histogram": ("histogram", {"edges": [0, 40, 80, 120], "counts": [200, 337, SMALL], "unit": "years"}),
    "weight": ("histogram", {"edges": [0.0, 1.5], "counts": [12]}),
    "hidden": ("histogram", {"edges": [0, 1, 2], "counts": [SMALL, SMALL]}),
    "correlation": ("matrix", {"labels": ["age", "dose"], "values": [[1, -0.25], [-0.25, "undefined"]]}),
    "model": ("regression", REGRESSION),
    "collinear": ("regression", COLLINEAR),
    "odds": ("glm", GLM),
    "sick against well": ("test", TEST),
    "sick by age": ("crosstab", CROSSTAB),
    "risk": ("measures", MEASURES),
    "sick by treatment": ("vector", {"labels": ["none", "surgery"], "values": [0.61, SMALL], "unit": "share"}),
    "tree": ("forest", {"depth": 3, "splits": [1.5, 2.5]}),
}


def result(releases: dict[str, tuple[str, Any]] | None = None, **other: Any) -> dict[str, Any]:
    chosen = RELEASES if releases is None else releases
    return {
        "scenario": "hospital_statistics",
        "study": "9f" * 32,
        "study_words": "ocean maple seven",
        "purpose": "Baseline of the registry",
        "organization": "st-mary",
        "organizations": {
            "st-mary": {"roles": ["input", "compute", "recipient"], "rows": 284, "brought": ["oncology.patients"]},
            "county": {"roles": ["input", "compute"], "rows": None, "brought": ["tumour_register"]},
        },
        "releases": {name: value for name, (_, value) in chosen.items()},
        "kinds": {name: kind for name, (kind, _) in chosen.items()},
        "protections": {"sick by age": "minimum cohort 10"},
        "unprotected": {},
        "manifest": [],
        "oracle": {"max_relative_error": 2.1e-8, "details": {"age mean": 2.1e-8, "model": "undefined in both"}},
        "cost": {"rounds": 41, "bytes_sent": 312_345, "seconds": 1.93, "operations": 388},
        "phases": {"start": 1.2, "local": 0.2, "agree": 0.1, "joint": 0.43},
        "notes": ["county runs another version of numpy"],
        "model": "Nobody learns anything else unless two put their shares together.",
        "finished": "2026-03-04T12:33:10+00:00",
        **other,
    }


def terminal(content: dict[str, Any], width: int = 80, **options: Any) -> str:
    out = io.StringIO()
    report.show(content, Console(file=out, width=width, **options))
    return out.getvalue()


class Page(HTMLParser):
    """Collects what a browser would act on, and what it would show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.shown: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.shown.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.shown).split())


def test_terminal_shows_every_kind() -> None:
    text = terminal(result())
    for expected in (
        "Hospital statistics", "Baseline of the registry", "2026-03-04 12:33 UTC", "not told", "569", "54.250", "years",
        "0.00012346", "out of range", "▅█·", "-.25", "0.2500", "< 0.0001", "-0.3700", "0.43210", COLLINEAR,
        "4.8451 to 5.7874", "sick minus well", "212", "chi-square", "0.61", '"depth": 3', "2.1 × 10⁻⁸", "41 rounds",
        "312 kB", "joint 430 ms", "unless two put their shares together", "another version of numpy",
    ):  # fmt: skip
        assert expected in text, expected
    assert text.count(SMALL) >= 4


@pytest.mark.parametrize("width", [40, 80, 200])
def test_terminal_keeps_its_width(width: int) -> None:
    labels = [f"a rather long measurement number {i}" for i in range(30)]
    wide: dict[str, tuple[str, Any]] = {
        **RELEASES,
        "many": ("matrix", {"labels": labels, "values": np.eye(30).tolist()}),
        "bins": ("histogram", {"edges": list(range(101)), "counts": [5] * 99 + [SMALL]}),
    }
    lines = terminal(result(wide), width).splitlines()
    assert max(map(len, lines)) <= width
    assert any("30 a rather" in line for line in lines)


def test_numbers_are_not_cut_at_eighty_columns() -> None:
    assert "…" not in terminal(result())


def test_suppressed_cells_are_dim() -> None:
    text = terminal(result(), force_terminal=True, color_system="standard")
    assert re.search(r"\x1b\[2m[^\x1b]*suppressed", text)


def test_columns_are_folded() -> None:
    columns = data.fold(report.check(result()))
    assert columns.statistics == ["mean", "sd", "missing"]
    assert list(columns.rows) == ["age", "dose"]
    assert columns.rows["age"]["missing"].value == SMALL
    assert columns.unit("age") == "years"
    assert list(columns.histograms) == ["age"]
    assert "weight" in columns.others
    assert "age mean" not in columns.others
    alone = data.fold(report.check(result({"blood mean": ("number", 3.5)})))
    assert alone.others == ["blood mean"]


def test_steps_of_a_model_are_one_table() -> None:
    names = [f"odds, step {i} of 3" for i in (1, 2, 3)]
    steps: dict[str, tuple[str, Any]] = {
        name: ("vector", {"labels": ["Intercept", "age"], "values": [i, 0.5]}) for i, name in enumerate(names)
    }
    steps[names[1]] = ("vector", "undefined: not converged")
    content = result({**steps, "other": ("number", {"value": 3})})
    shown, page = terminal(content, 100), report.html(content)
    for text in (shown, page):
        assert "odds, steps" in text.replace("Odds", "odds")
        assert text.count("undefined: not converged") >= 1
        assert text.index("step 1 of 3") < text.index("step 3 of 3")
    assert "odds, step 1 of 3" not in shown
    words = result(dict.fromkeys(names, ("vector", "suppressed (fewer than 10)")))
    assert terminal(words).count("suppressed (fewer than 10)") == 1
    alone = result({names[0]: steps[names[0]]})
    assert "odds, step 1 of 3" in terminal(alone)


def test_html_shows_every_kind() -> None:
    page = Page(report.html(result()))
    for expected in (
        "Hospital statistics", "Baseline of the registry", "st-mary", "284 rows", "tumour_register", "569", "54.250",
        "1 of 3 bins suppressed (fewer than 10)", "−0.25", "0.0031", "0.127", COLLINEAR, "4.8451 to 5.7874", "212",
        "minimum cohort 10", '"depth": 3', "2.1 × 10⁻⁸", "undefined in both", "312 kB", "430 ms", "ocean maple seven",
        "unless two put their shares together", "out of range",
    ):  # fmt: skip
        assert expected in page.text, expected
    labels = [value for name, value in page.attributes if name == "aria-label"]
    assert [label.partition(":")[0] for label in labels] == [
        "Histogram", "Histogram", "Heat map", *["Estimates with intervals"] * 3,
    ]  # fmt: skip


GROUPS: dict[str, Any] = {
    "rows": None,
    "columns": ["drug", "age", "patients", "rate"],
    "values": [["statin", "young <blink>", 120, 0.25], ["other", "old", 80, SMALL]],
}


def test_groups_are_bars() -> None:
    """A panel for each column of numbers; the table stands below."""
    page = Page(report.html(result({"deaths": ("matrix", GROUPS)})))
    assert ("aria-label", "By groups: deaths, 2 groups") in page.attributes
    for shown in ("statin, young <blink>", "other, old", "rate", "–", "120", "0.250", "As a table"):
        assert shown in page.text, shown
    assert "blink" not in page.tags


@pytest.mark.parametrize(
    "changed",
    [
        {"values": [["statin", "young", -120, 0.25]]},
        {"values": [[1, 2, 120, 0.25]]},
        {"values": [["statin", "young", SMALL, SMALL]]},
        {"values": []},
        {"values": [["statin", str(i), 1, 0.5] for i in range(100)]},
    ],
)
def test_tables_without_bars(changed: dict[str, Any]) -> None:
    page = Page(report.html(result({"deaths": ("matrix", GROUPS | changed)})))
    assert not [value for name, value in page.attributes if name == "aria-label" and "By groups" in value]


def test_an_odds_ratio_is_shown_with_its_table() -> None:
    table = CROSSTAB | {"odds_ratio": 1.4130, "ci_low": 1.0533, "ci_high": 1.8956}
    content = result({"smoking": ("crosstab", table)})
    for shown in (Page(report.html(content)).text, terminal(content)):
        assert "odds ratio" in shown
        assert "1.0533 to 1.8956" in shown
    undefined = CROSSTAB | dict.fromkeys(("odds_ratio", "ci_low", "ci_high"), "undefined: a cell without rows")
    content = result({"smoking": ("crosstab", undefined)})
    for shown in (Page(report.html(content)).text, terminal(content)):
        assert "undefined: a cell without rows" in shown


def test_html_is_self_contained() -> None:
    text = report.html(result())
    page = Page(text)
    loading = {"script", "link", "img", "image", "iframe", "object", "embed", "base", "form", "foreignobject"}
    assert not page.tags & loading
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    targets = re.findall(r"url\(([^)]*)\)", text)
    targets += [value for name, value in page.attributes if name in {"src", "href", "xlink:href", "action", "data"}]
    assert targets
    assert all(target.startswith("#") for target in targets)
    names = [value for name, value in page.attributes if name == "id"]
    assert len(names) == len(set(names))
    assert {target[1:] for target in targets} <= set(names)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert "prefers-color-scheme: dark" in text


def test_html_is_the_same_each_time() -> None:
    assert report.html(result()) == report.html(result())


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=y>[bold red]x[/bold red]:smile:$x_2$\x1b[31m\x9b\u202e--><b>"


def hostile(value: Any) -> Any:
    """The value with the hostile text appended to every key that is a name and every text."""
    if isinstance(value, str):
        return value + HOSTILE
    if isinstance(value, list):
        return [hostile(item) for item in value]
    if isinstance(value, dict):
        return {name: hostile(item) for name, item in value.items()}
    return value


def hostile_result() -> dict[str, Any]:
    releases = {hostile(name): (kind, hostile(value)) for name, (kind, value) in RELEASES.items()}
    releases |= {f"{HOSTILE} {word}": ("number", {"value": 1.5, "unit": HOSTILE}) for word in ("mean", "sd")}
    content = result(releases)
    for key in ("scenario", "study_words", "purpose", "notes", "model", "finished"):
        content[key] = hostile(content[key])
    content["organizations"] = {hostile(name): hostile(item) for name, item in content["organizations"].items()}
    content["protections"] = dict.fromkeys(releases, HOSTILE)
    content["unprotected"] = dict.fromkeys(releases, HOSTILE)
    content["phases"] = {hostile(name): seconds for name, seconds in content["phases"].items()}
    content["oracle"]["details"] = content["oracle"]["apart"] = {HOSTILE: HOSTILE}
    content["oracle"] |= {"beyond": [HOSTILE], "tolerance": 1e-4}
    content["kinds"][hostile("tree")] = HOSTILE
    return content


def test_what_differs_from_the_oracle_is_shown_as_both_give_it() -> None:
    content = result()
    both = "the run gives 54.25, plaintext() gives [54.25]"
    content["oracle"] |= {"tolerance": 1e-4, "beyond": ["age mean"], "apart": {"age mean": both}}
    assert f"age mean: {both}" in Page(report.html(content)).text
    assert f"beyond the tolerance; {both}" in " ".join(terminal(content, 400).split())


def test_hostile_text_is_only_text_in_html() -> None:
    text = report.html(hostile_result())
    page, honest = Page(text), Page(report.html(result()))
    assert page.tags <= honest.tags | {"small"}
    assert {name for name, _ in page.attributes} <= {name for name, _ in honest.attributes}
    assert "<script>alert(1)</script>" in page.text
    assert not set(text) & set("\x1b\x9b\u202e")
    assert "\\x1b[31m\\x9b\\u202e" in page.text


def test_hostile_text_is_only_text_on_the_terminal() -> None:
    text = terminal(hostile_result(), 2000)
    assert not set(text) & set("\x1b\x9b\u202e")
    assert "[bold red]x[/bold red]:smile:" in text
    assert max(map(len, terminal(hostile_result(), 80).splitlines())) <= 80


def test_hostile_text_in_json(tmp_path: Path) -> None:
    report.write_json(hostile_result(), tmp_path / "result.json")
    text = (tmp_path / "result.json").read_text(encoding="utf-8")
    assert not set(text) & set("\x1b\x9b\u202e")
    assert json.loads(text)["purpose"].endswith("\\x1b[31m\\x9b\\u202e--><b>")


def test_json_holds_every_number_in_full(tmp_path: Path) -> None:
    third = np.float64(1) / 3
    content = result({"x": ("number", third), "v": ("vector", {"labels": ["a"], "values": np.array([np.nan])})})
    report.write_json(content, tmp_path / "result.json")
    read = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert read["releases"] == {"x": float(third), "v": {"labels": ["a"], "values": ["undefined"]}}
    assert {*content} == {*read}
    assert read["cost"] == content["cost"]
    assert report.check(read) == report.check(content)


@pytest.mark.parametrize("write", [report.write_json, report.write_html])
def test_files_are_private_and_whole(write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write(result({}), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    whole = path.read_text(encoding="utf-8")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write(result(), path)
    assert path.read_text(encoding="utf-8") == whole
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("vector", {"labels": ["a"], "values": [1, 2]}),
        ("histogram", {"edges": [0, 1], "counts": [1, 2]}),
        ("matrix", {"labels": ["a", "b"], "values": [[1, 0]]}),
        ("matrix", {"labels": ["a"], "values": [[1, 0]]}),
        ("regression", {**REGRESSION, "p": [0.5]}),
        ("glm", {**GLM, "odds_ratio": [0.5]}),
        ("glm", {key: x for key, x in GLM.items() if key != "odds_ci_low"}),
        ("test", {**TEST, "groups": ["one"]}),
        ("crosstab", {**CROSSTAB, "counts": [[1, 2]]}),
        ("crosstab", [1, 2]),
        ("measures", {**MEASURES, "p": [0.5]}),
        ("measures", {**MEASURES, "table": {"rows": ["a"], "columns": ["b"], "values": [[1, 2]]}}),
        ("number", {"unit": "mm"}),
        ("forest", {"model": object()}),
    ],
)
def test_what_has_not_the_form_of_its_kind_is_shown_all_the_same(kind: str, value: Any, tmp_path: Path) -> None:
    content = result({"x": (kind, value)}, oracle=None)
    assert not isinstance(report.check(content).release("x"), BaseModel)
    shown = json.dumps(value) if isinstance(value, list) else str(next(iter(value)))
    assert shown.strip("[]")[:1] in terminal(content)
    assert shown.strip("[]")[:1] in Page(report.html(content)).text
    report.write_json(content, tmp_path / "result.json")


def test_measures_are_a_table_and_what_they_follow_from() -> None:
    for shown in (terminal(result()), Page(report.html(result())).text):
        risk = shown[shown.index("risk ratio") :]
        assert "2.513" in risk
        assert "< 0.0001" in risk
        assert "1,251" in shown
        assert "None" not in risk


@pytest.mark.parametrize("value", [{1, 2}, object(), b"x", Path("x"), {"a\x1b": 1, "a\\x1b": 2}, [None, {"b": {3}}]])
@pytest.mark.parametrize("kind", ["number", "vector", "derived", "other"])
def test_nothing_is_lost_for_its_type(kind: str, value: Any, tmp_path: Path) -> None:
    content = result({"x": (kind, value), "patients": ("number", 569)})
    assert "569" in terminal(content)
    assert "569" in Page(report.html(content)).text
    report.write_json(content, tmp_path / "result.json")
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["releases"]["patients"] == 569


@pytest.mark.parametrize(
    "kind", ["number", "vector", "histogram", "matrix", "regression", "glm", "test", "crosstab", "measures", "other"]
)
def test_words_may_stand_for_a_whole_release(kind: str) -> None:
    content = result({"it": (kind, SMALL)}, oracle=None)
    assert SMALL in terminal(content)
    assert SMALL in Page(report.html(content)).text


def test_every_position_may_hold_words() -> None:
    kinds = ("vector", "histogram", "matrix", "regression", "glm", "test", "crosstab", "measures")
    words: dict[str, tuple[str, Any]] = {}
    for name, (kind, value) in RELEASES.items():
        if kind in kinds and isinstance(value, dict):
            named = ("labels", "edges", "terms", "groups", "rows", "columns", "unit", "measures", "table")
            words[name] = (kind, {key: item if key in named else _worded(item) for key, item in value.items()})
    content = result(words)
    assert SMALL in terminal(content)
    assert SMALL in Page(report.html(content)).text


def _worded(item: Any) -> Any:
    return [_worded(x) for x in item] if isinstance(item, list) else SMALL


def test_what_nothing_protects_stands_first() -> None:
    reason = 'the author\'s reason: "public anyway"'
    content = result(unprotected={"patients": reason}, protections={"patients": f"NOT PROTECTED ({reason})"})
    text, page = terminal(content, 200), Page(report.html(content)).text
    assert 'NOT PROTECTED (the author\'s reason: "public anyway"): no minimum: a single row can show' in text
    assert text.index("NOT PROTECTED") < text.index("54.250")
    assert "patients  569  NOT PROTECTED" in text
    assert page.index("Not protected: no minimum, a single row can show") < page.index("Who took part")
    assert "not protected" in page
    assert "NOT PROTECTED" not in terminal(result())


def test_a_report_says_what_each_release_is_computed_from() -> None:
    part = {"guard": "rows", "counts": ["10 or more rows of t"], "gap": "", "of": ["count of rows of t"]}
    line = {
        "name": "patients", "kind": "number", "parts": {"value": []}, "recipients": ["st-mary"], "minimum": 10,
        "protection": {"value": part}, "others": True, "together": False, "unprotected": "", "source": "s.py:31",
        "apart": [],
    }  # fmt: skip
    page = Page(report.html(result(manifest=[line, {"name": "age mean"}]))).text
    assert "count of rows of t s.py:31" in page


def test_empty_result() -> None:
    content = result({}, oracle=None, phases={}, notes=[], organizations={}, purpose="", finished="")
    assert "41 rounds" in terminal(content)
    assert "Nobody" in Page(report.html(content)).text


def test_a_report_without_releases_says_to_whom_they_go() -> None:
    organizations = {name: {"roles": ["input", "compute", "recipient"]} for name in ("county", "st-mary")}
    organizations["notary"] = {"roles": ["compute"]}
    content = result({}, organization="notary", organizations=organizations)
    says = "No release is for notary. The results go to county, st-mary."
    assert says in terminal(content)
    assert re.search(r"notary +none", terminal(content))
    assert says in Page(report.html(content)).text
    assert "0 releases on this page" not in Page(report.html(content)).text
    assert "No release is for" not in terminal(result({}, organization="county", organizations=organizations))
    assert "No release is for" not in terminal(result({"patients": ("number", 5)}, organization="notary"))


def test_users_plot_settings_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    before = report.html(result())
    monkeypatch.setitem(matplotlib.rcParams, "text.usetex", True)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30.0)
    assert report.html(result()) == before
    assert matplotlib.rcParams["font.size"] == 30.0


def test_nothing_large_is_imported_before_a_page_is_written() -> None:
    code = "import sys, parties.report.page; print(*({'matplotlib', 'jinja2', 'scipy'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (569, "569"), (1234567, "1,234,567"), (54.0, "54"), (-3.14159265, "-3.1416"), (654.889, "654.89"),
        (0.0963602, "0.096360"), (1.5e-7, "1.5000 × 10⁻⁷"), (123456.789, "123,457"), (SMALL, SMALL), (None, "–"),
    ],
)  # fmt: skip
def test_numbers_read_well(value: Any, text: str) -> None:
    assert words.number(value) == text


def test_sizes_and_times_read_well() -> None:
    sizes = [words.size(n) for n in (0, 999, 1500, 312_345, 999_960, 2_500_000_000_000)]
    assert sizes == ["0 B", "999 B", "1.5 kB", "312 kB", "1.0 MB", "2.5 TB"]
    assert [words.duration(s) for s in (0.0042, 1.94, 150, 7260)] == ["4 ms", "1.9 s", "2 min 30 s", "2 h 1 min"]
    assert [words.probability(p) for p in (0.0, 0.04312, SMALL)] == ["< 0.0001", "0.0431", SMALL]


def test_bins_of_different_widths_are_drawn_as_densities(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.axes import Axes

    drawn: list[list[float]] = []
    original = Axes.bar

    def bar(self: Axes, x: Any, height: Any, *arguments: Any, **options: Any) -> Any:
        drawn.append([float(h) for h in height])
        return original(self, x, height, *arguments, **options)

    monkeypatch.setattr(Axes, "bar", bar)
    for edges, heights, bars, title in (
        ([0, 10, 20, 30], [80, 80, 40], "██▅", "age "),
        ([0, 10, 20, 120], [8, 8, 0.4], "██▁", "age (density)"),
    ):
        content = result({"age": ("histogram", {"edges": edges, "counts": [80, 80, 40], "unit": "years"})}, oracle=None)
        text, page = terminal(content), report.html(content)
        assert bars in text
        assert title in text
        assert ("rows / years" in page) == ("density" in title)
        assert drawn.pop() == pytest.approx(heights)


def test_long_and_wide_values_are_shortened_and_complete_in_json(tmp_path: Path) -> None:
    square = [[float(1000 * i + j) for j in range(100)] for i in range(100)]
    cube = [[[float(i)] * 2] * 2 for i in range(50)]
    content = result(
        {"vector": ("vector", list(range(20_000))), "square": ("matrix", square), "cube": ("array", cube)}, oracle=None
    )
    text, page = terminal(content, 100), report.html(content)
    assert "… 19,976 more of 20,000 elements …" in text
    assert "… 76 more of 100 rows …" in text
    assert "… 76 more of 100 columns …" in text
    assert "… 46 more of 50 matrices …" in text
    assert len(text.splitlines()) < 250
    assert "… 19,800 more of 20,000 …" in page
    assert "the first 20 of 50 matrices" in page
    assert len(page) < 5_000_000
    report.write_json(content, tmp_path / "result.json")
    written = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["releases"]
    assert written == {"vector": list(range(20_000)), "square": square, "cube": cube}


def test_output_without_unicode_has_plain_bars() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    report.show(result(), Console(file=out, width=80))
    out.flush()
    text = out.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "=#?" in text
    assert "####" in text
