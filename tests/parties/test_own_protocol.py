"""Scenarios with protocols on shares of their own: what they may name, and where people are told."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from mpc.errors import ConfigError
from parties.cli.main import main
from parties.study.document import agreed_document, study_hash
from parties.study.loader import load
from parties.study.plan import open_study
from tests.support.own_protocol import squares_source, write_squares

STUDY = """
scenario = "squares.py"
purpose = "Squares"
[organizations.north]
roles = ["input", "compute"]
visits = "n"
[organizations.st-mary]
roles = ["input", "compute", "recipient"]
visits = "s"
[organizations.county]
roles = ["input", "compute", "recipient"]
visits = "c"
"""


@pytest.fixture
def study(tmp_path):
    write_squares(tmp_path)
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path / "study.toml"


def test_what_works_on_shares_is_listed_for_people(tmp_path):
    loaded = load(str(write_squares(tmp_path)))
    named = [line.rpartition(" ")[2] for line in loaded.shares]
    assert {"protocols.own.OwnProtocol", "mpc.machine.party.Party", "protocols.replicated.masks.zero_share"} <= set(
        named
    )
    assert not any("protocols.replicated" in line for line in loaded.library)


@pytest.mark.parametrize(
    "line",
    [
        "from protocols.replicated.masks import zero_share",
        "from protocols.chunks import each",
        "from mpc.machine.party import Party",
        "import protocols.own",
    ],
)
def test_only_a_file_that_declares_a_protocol_may_import_it(tmp_path, line):
    script = squares_source().split("import numpy as np")[0] + line + "\n"
    (tmp_path / "other.py").write_text(script)
    with pytest.raises(ConfigError, match="a protocol on shares is declared by OwnProtocol"):
        load(str(tmp_path / "other.py"))


@pytest.mark.parametrize(
    "line",
    [
        "from protocols.replicated.opening import reveal",
        "from protocols.replicated.engine import ReplicatedEngine",
        "from protocols.shamir.arithmetic import reveal",
        "from protocols.replicated import masks",
        "from mpc.machine.opening import open_to",
        "from mpc.machine.simulation import simulate_parties",
        "from protocols.replicated.masks import np",
        "import os",
    ],
)
def test_openings_and_engines_remain_closed(tmp_path, line):
    (tmp_path / "other.py").write_text(
        squares_source().replace("import numpy as np\n", f"import numpy as np\n{line}\n", 1)
    )
    with pytest.raises(ConfigError, match=r"other\.py, line \d+: a scenario may not use"):
        load(str(tmp_path / "other.py"))


@pytest.mark.parametrize("attribute", ["schedule", "engine", "environment", "handle"])
def test_the_inside_of_a_run_remains_closed(tmp_path, attribute):
    more = f"\n\ndef inside(x: Any) -> Any:\n    return x.{attribute}\n"
    (tmp_path / "other.py").write_text(squares_source() + more)
    with pytest.raises(ConfigError, match=attribute):
        load(str(tmp_path / "other.py"))


def test_the_plan_says_so(study):
    ran = CliRunner().invoke(main, ["plan", str(study)])
    assert ran.exit_code == 0, ran.output
    assert "THE SCRIPT WORKS ON SHARES: a reviewer must read it." in ran.output
    assert "protocols.replicated.masks.zero_share" in ran.output
    assert "If the script's own protocols on shares are secure, nobody learns anything else unless" in ran.output
    assert "compute parties see uniform numbers" not in ran.output
    found = json.loads(CliRunner().invoke(main, ["plan", str(study), "--json"]).output)
    assert any("protocols.own.OwnProtocol" in line for line in found["works_on_shares"])


def test_the_agreed_document_says_so_and_holds_the_source(study):
    def document():
        return agreed_document(
            open_study(study), keys=dict.fromkeys(("north", "st-mary", "county"), bytes(32)), manifest=[], protocol=1
        )

    first = document()
    assert any("protocols.own.OwnProtocol" in line for line in first["works_on_shares"])
    path = study.with_name("squares.py")
    path.write_text(path.read_text().replace("own * (own + 2 * before)", "own * (2 * before + own)"))
    assert study_hash(document()) != study_hash(first)
