"""`comity bench --report`: the page, its figures, and the sizes that it shows."""

from __future__ import annotations

import json
import math
import re
import stat
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from click.testing import CliRunner

from parties.bench import plots, report
from parties.bench.growth import series, slope
from parties.bench.profile import PROCESSOR
from parties.bench.run import SHORT, cases
from parties.bench.workloads import WORKLOADS
from parties.cli import main as cli
from parties.report.svg import drawing

FACTS = [("Machine", "2 cores & <script>alert(1)</script>")]
OTHER = {"name": "mpyc", "version": "0.11", "size": 700, "seconds": 0.07, "seconds_min": 0.07, "seconds_max": 0.08}
PROFILE = {
    "seconds": 0.5,
    "processor_seconds": dict(zip(PROCESSOR, (0.1, 0.1, 0.1, 0.1, 0.6), strict=True)),
    "operations": [
        {
            "primitive": "multiply<b>",
            "operations": 3,
            "rounds": 2,
            "bytes": 8_040,
            "elapsed_seconds": 0.4,
            "busy_seconds": 0.0123,
        }
    ],
}


def result(workload, size, **more):
    return {
        "workload": workload,
        "size": size,
        "engine": "replicated",
        "organizations": 3,
        "threshold": 1,
        "seconds": 1e-6 * size,
        "seconds_min": 0.9e-6 * size,
        "seconds_max": 1.2e-6 * size,
        "floor_seconds": 0.5e-6 * size,
        "bytes_per_party": 8 * size,
        "rounds": 2,
        "max_error": 1.5e-5,
        "memory_bytes": 100 * size,
        "memory_limit": None,
    } | more


RESULTS = [result("multiply", 10**k) for k in (3, 4, 5)] + [result("open", 1_000_000)]


def svgs(page):
    # A page's parser knows the prefix of links, as one of XML does not.
    found = re.findall(r"<svg role.*?</svg>", page.replace("xlink:href", "href"), re.DOTALL)
    return [ElementTree.fromstring(svg) for svg in found]


def words(svg):
    return [element.text for element in svg.iter() if element.tag.endswith("text")]


def test_the_page_stands_alone_and_is_escaped():
    page = report.html([*RESULTS, result("sqrt", 10, against=None, profile=PROFILE)], 5, FACTS)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "multiply&lt;b&gt;" in page
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert not re.search(r"url\((?!#)", page)
    assert "<script" not in page
    assert page == report.html([*RESULTS, result("sqrt", 10, against=None, profile=PROFILE)], 5, FACTS)
    for text in ("median of 5", "1,000,000", "8.0 MB", "12.3 ms", "60 %", "not there"):
        assert text in page


def test_a_shaped_network_is_named():
    page = report.html([result("open", 10, network={"rtt_s": 0.04, "bits_per_second": 1e8})], 3, FACTS)
    assert "threshold 1; on one machine; 40 ms there and back, 100 Mbit/s; median of 3 repetitions" in page
    assert "that network alone takes for the same bytes" in page


def test_bars_of_time_and_floor():
    page = report.html(RESULTS, 5, FACTS)
    bars, *growth = svgs(page)
    assert bars.get("aria-label").startswith("Time and floor")
    assert {"multiply  10⁵", "open  10⁶", "100 ms", "50 ms floor", "1 s", "500 ms floor"} <= set(words(bars))
    # `open` has one size only, so there is nothing that grows.
    assert [svg.get("aria-label").partition(":")[0] for svg in growth] == ["multiply"] * 3


def test_figures_of_growth_have_units_and_slopes():
    page = report.html(RESULTS, 5, FACTS)
    time, sent, memory = svgs(page)[1:]
    for svg, unit in ((time, "10 ms"), (sent, "100 kB"), (memory, "1 MB")):
        found = words(svg)
        assert unit in found
        assert "slope 1.00" in found
        assert "size, elements (logarithmic)" in found
        assert {"1,000", "10,000", "10⁵"} <= set(found)


def test_memory_that_is_not_known_has_no_figure():
    page = report.html([result("open", size, memory_bytes=None) for size in (1000, 10_000)], 1, FACTS)
    assert len(svgs(page)) == 3
    assert "median of 1 repetition," in page


def test_the_other_system_stands_beside_ours():
    theirs = OTHER | {"max_error": 0.25, "ratio": 100.0}
    results = [result("multiply", 1000, against=theirs), result("multiply", 100_000, against=theirs)]
    failed = dict.fromkeys([*OTHER, "max_error"]) | {"name": "mpyc", "version": "0.11", "failed": "it <fell> over"}
    results += [result("exp", 10, against=None), result("equal", 10, against=failed)]
    page = report.html(results, 5, FACTS)
    assert "Beside MPyC 0.11" in page
    assert "failed: it &lt;fell&gt; over" in page
    _, beside, time, *_ = svgs(page)
    # 1 µs an element against 100 µs.
    assert {"1 µs", "100 µs, 100 times ours"} <= set(words(beside))
    assert "multiply" in words(beside)
    assert "exp" not in words(beside)
    assert time.get("aria-label") == "multiply: time against size"


def test_scaling_with_the_number_of_parties():
    theirs = OTHER | {"size": 1000, "max_error": 0.25, "ratio": 0.07}
    results = [
        result("multiply", 1000, engine="shamir", organizations=n, threshold=(n - 1) // 2, seconds=1e-3 * n**2)
        for n in (3, 5, 7, 9)
    ]
    results[0] |= {"against": theirs}
    page = report.html([*results, result("open", 10)], 5, FACTS)
    assert "Cost as the number of parties grows" in page
    assert "Nine processes over TLS, engine shamir, threshold 4" in page
    drawn = [svg for svg in svgs(page) if "against the number of parties" in svg.get("aria-label")]
    assert [svg.get("aria-label").partition(":")[0] for svg in drawn] == ["multiply of 1,000, shamir"] * 2
    time, sent = map(words, drawn)
    assert {"3", "5", "7", "9", "parties", "10 ms"} <= set(time)
    assert {"3", "5", "7", "9", "parties", "10 kB"} <= set(sent)
    # Every bar says whose it is.
    assert {f"multiply, shamir {n}  1,000" for n in (3, 5, 7, 9)} <= set(words(svgs(page)[0]))
    mixed = [
        result(name, 10, engine="shamir", organizations=n, threshold=1) for n in (3, 4) for name in ("open", "chain")
    ]
    assert list(report._groups(mixed)) == ["open, shamir 3", "open, shamir 4", "chain, shamir 3", "chain, shamir 4"]
    assert "Cost as the number" not in report.html(RESULTS, 5, FACTS)


def test_nothing_of_the_other_system_is_no_error():
    page = report.html([result("exp", 10, against=None)], 5, FACTS)
    assert "Beside the other system" in page
    assert len(svgs(page)) == 1


@pytest.mark.parametrize("low", [1e-7, 3e-4, 0.7])
@pytest.mark.parametrize("factor", [1.0, 1.3, 40.0, 1e6])
def test_words_at_bars_and_axes_do_not_meet(low, factor):
    long = "12.3 ms, 1,234 times ours"
    rows = [
        ("logistic_sgd 10,000", [plots.Bar(low, plots.seconds(low), plots.OURS)]),
        ("x", [plots.Bar(low * factor, long, plots.THEIRS)]),
    ]
    with drawing():
        (svg,) = svgs(plots.bars("t", "time", plots.seconds, rows))
    width = float(svg.get("viewBox").split()[2])
    placed = {element.text: element for element in svg.iter() if element.tag.endswith("text")}
    assert float(placed[long].get("x")) + 5 * len(long) < width
    ticks = [(float(x.get("x")), x.text) for x in placed.values() if "text-anchor: middle" in x.get("style")]
    ticks = sorted(tick for tick in ticks if tick[1] != "time")
    assert len(ticks) >= 2
    for (left, first), (right, second) in pairwise(ticks):
        assert right - left > 3 * (len(first) + len(second))


def test_slopes():
    sizes = [10**k for k in range(3, 8)]
    assert slope(sizes, [s**1.5 for s in sizes]) == pytest.approx(1.5)
    # A fixed cost at small sizes does not count: only the last two decades do.
    assert slope(sizes, [1e9 if s < 10**5 else s for s in sizes]) == pytest.approx(1.0)
    assert slope([5], [1.0]) is None
    assert slope([], []) is None
    assert slope([1, 10], [0.0, 1.0]) is None


def test_every_workload_has_a_series_of_sizes():
    for name, workload in WORKLOADS.items():
        sizes = series(name, "replicated")
        assert len(sizes) >= 3, name
        assert sizes == sorted(set(sizes))
        assert sizes[-1] <= workload.largest
        assert sizes[-1] >= min(workload.default, workload.largest)
        assert math.log10(sizes[-1] / sizes[0]) >= 1
        other = series(name, "shamir")
        assert len(other) >= 2
        assert other[-1] <= sizes[-1]
    assert series("multiply", "replicated")[:4] == [1000, 10_000, 100_000, 1_000_000]
    assert cases(["chain"], [], growing=True) == [("chain", size) for size in series("chain", "replicated")]
    assert cases(["chain"], [7], growing=True) == [("chain", 7)]
    assert {name for name, _ in cases([], [], growing=True)} == set(SHORT)


def test_the_command_writes_the_page(monkeypatch, tmp_path):
    asked = []

    def measured(wanted, repeat, on_result, **options):
        asked.extend(wanted)
        return RESULTS

    monkeypatch.setattr("parties.bench.run.measure", measured)
    page = tmp_path / "bench.html"
    done = CliRunner().invoke(cli.main, ["bench", "--json", "--workload", "open", "--report", str(page)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == RESULTS
    assert asked == [("open", size) for size in series("open", "replicated")]
    assert "How long protocols take" in page.read_text(encoding="utf-8")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_a_page_that_cannot_be_written_is_found_before_anything_starts(monkeypatch, tmp_path):
    def never(*_, **__):
        raise AssertionError("started")

    monkeypatch.setattr("parties.bench.run.measure", never)
    monkeypatch.setattr("parties.system.kernels.prepare", never)
    done = CliRunner().invoke(cli.main, ["bench", "--report", str(tmp_path / "nowhere" / "bench.html")])
    assert done.exit_code == 2
    assert "there is no folder" in done.stderr


def test_where_it_is_measured_is_told():
    found = dict(report.facts())
    assert list(found) == ["Measured", "Machine", "Python", "Comity"]
    assert "cores" in found["Machine"]
