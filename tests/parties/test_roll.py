"""Rolls: who is enrolled, how each proves it, and what is wrong with a roll, in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import ConfigError
from parties.cli.main import main
from parties.contributors.reception import visitors
from parties.organization import merkle
from parties.organization.home import create_home
from parties.organization.identity import Card, Identity
from parties.organization.place import Place, digest_of, read_place
from parties.organization.roll import cards_in, line_of, make_roll, read_roll, roll_text
from parties.study.document import agreed_document, study_hash
from parties.study.plan import BoundStudy, open_study, read_study

COMPUTE = ("north", "south", "west")
STUDY = """
scenario = "assistant_habits"
purpose = "Requests"
engine = "replicated"
[organizations.north]
roles = ["compute", "recipient"]
[organizations.south]
roles = ["compute", "recipient"]
[organizations.west]
roles = ["compute", "recipient"]
[contributors]
roll = "devices.roll"
habits = "habits"
"""


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> list[Identity]:
    folder = tmp_path_factory.mktemp("devices")
    return [Identity.create(folder / f"{i}") for i in range(7)]


@pytest.fixture(scope="module")
def cards(identities: Sequence[Identity]) -> list[Card]:
    return [identity.card(f"device-{i}") for i, identity in enumerate(identities)]


def written(folder: Path, cards: Sequence[Card], name: str = "devices.roll") -> Path:
    path = folder / name
    path.write_bytes(roll_text(make_roll(cards, path)))
    return path


def studied(folder: Path, cards: Sequence[Card], text: str = STUDY) -> Path:
    written(folder, cards)
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"


def hash_of(bound: BoundStudy) -> bytes:
    keys = {name: sha256(name.encode()).digest() for name in COMPUTE}
    return study_hash(agreed_document(bound, keys=keys, manifest=[], protocol=1))


# ---- the tree
@given(count=st.integers(1, 40), data=st.data())
def test_a_proof_holds_for_its_line_at_its_place_only(count, data):
    lines = [str(i).encode() for i in range(count)]
    leaves = [merkle.leaf(line) for line in lines]
    root = merkle.root(leaves)
    index, other = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, count - 1))
    proof = merkle.proof(leaves, index)
    assert len(proof) <= (count - 1).bit_length()
    assert merkle.proofs(leaves)[index] == proof
    assert merkle.root_by(lines[index], index, count, proof) == root
    assert (merkle.root_by(lines[other], index, count, proof) == root) == (index == other)
    assert (merkle.root_by(lines[index], other, count, proof) == root) == (index == other)
    assert merkle.root_by(lines[index], index, count, [*proof, bytes(32)]) is None
    assert not proof or merkle.root_by(lines[index], index, count, proof[:-1]) is None
    assert merkle.root_by(lines[index], count, count, proof) is None


def test_the_tree_is_that_of_rfc_6962():
    """The roots of its first three leaves, and of seven, worked out by the definition in section 2.1."""

    def defined(lines: Sequence[bytes]) -> bytes:
        if len(lines) == 1:
            return sha256(b"\0" + lines[0]).digest()
        k = 1 << ((len(lines) - 1).bit_length() - 1)
        return sha256(b"\1" + defined(lines[:k]) + defined(lines[k:])).digest()

    for count in (1, 2, 3, 5, 6, 7, 8, 13):
        lines = [bytes([i]) for i in range(count)]
        assert merkle.root([merkle.leaf(line) for line in lines]) == defined(lines)


# ---- rolls
def test_a_roll_reads_back_sorted_whatever_the_order_of_its_cards(tmp_path, cards):
    path = written(tmp_path, cards[::-1])
    roll = read_roll(path)
    assert roll.names == tuple(card.name for card in cards)
    assert roll.cards() == cards
    assert roll.digest == make_roll(cards, path).digest
    assert roll.card("device-3") == cards[3]
    assert roll.card_of(cards[3].key_hash) == cards[3]
    assert roll.card("device-9") is roll.card_of(bytes(32)) is None


def test_the_digest_covers_the_number_of_cards(cards):
    root = merkle.root([merkle.leaf(line_of(card)) for card in cards])
    assert digest_of(root, len(cards)) != digest_of(root, len(cards) + 1)


def edited(change: Any) -> Any:
    """Change the lines of a file."""

    def edit(path: Path) -> None:
        lines = path.read_bytes().split(b"\n")
        change(lines)
        path.write_bytes(b"\n".join(lines))

    return edit


def other_key(line: bytes) -> bytes:
    """The last digit of a card's key is another one."""
    return line[:-3] + (b"1" if line[-3:-2] == b"0" else b"0") + line[-2:]


def swap(lines: list[bytes]) -> None:
    lines[1], lines[2] = lines[2], lines[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (edited(lambda lines: lines.pop(3)), "says 7 cards, and 6 follow: the file was changed or cut off"),
        (edited(lambda lines: lines.insert(3, lines[3])), "says 7 cards, and 8 follow"),
        (edited(lambda lines: lines.__setitem__(3, lines[2])), "line 4: a second card of device-1"),
        (edited(swap), "line 3: device-0 comes after device-1; they must be sorted"),
        (edited(lambda lines: lines.__setitem__(4, b"{}")), "line 5: not a card"),
        (edited(lambda lines: lines.__setitem__(4, lines[4].replace(b"device-3", b"Device-3"))), "cannot name an org"),
        (edited(lambda lines: lines.__setitem__(4, other_key(lines[4]))), "do not fit the digest in its fi"),
        (edited(lambda lines: lines.__setitem__(0, b"hello")), "not a roll, or of another version"),
        (lambda path: path.write_bytes(b""), "not a roll, or of another version"),
    ],
)
def test_a_changed_roll_is_refused_and_says_what_to_do(tmp_path, cards, change, message):
    path = written(tmp_path, cards)
    before = path.read_bytes()
    change(path)
    assert path.read_bytes() != before
    with pytest.raises(ConfigError, match=r"devices\.roll: .*") as caught:
        read_roll(path)
    assert message in str(caught.value)
    assert "Ask for the file again" in str(caught.value) or "cannot name" in str(caught.value)


def test_two_cards_with_a_name_or_a_key_are_refused(tmp_path, identities, cards):
    with pytest.raises(ConfigError, match="two different cards have the name device-0"):
        make_roll([*cards, identities[3].card("device-0")], tmp_path / "a.roll")
    with pytest.raises(ConfigError, match="device-3 and second have the same key: one organization would count twice"):
        make_roll([*cards, identities[3].card("second")], tmp_path / "a.roll")
    with pytest.raises(ConfigError, match="0 cards; a roll has 1 to"):
        make_roll([], tmp_path / "a.roll")


def test_a_wrong_card_in_a_roll_that_fits_its_digest_is_refused(tmp_path, cards):
    """Whoever makes a roll by other means cannot put in a card that its organization has not signed."""
    forged = Card(**{**vars(cards[2]), "sealing_key": cards[3].sealing_key})
    roll = make_roll([*cards[:2], forged, *cards[3:]], tmp_path / "devices.roll")
    roll.path.write_bytes(roll_text(roll))
    with pytest.raises(ConfigError, match="line 4: the signature of device-2 is wrong"):
        read_roll(roll.path).cards()


# ---- places
def test_a_place_proves_itself(tmp_path, cards):
    roll = read_roll(written(tmp_path, cards))
    for number, place in enumerate(roll.places()):
        path = tmp_path / f"{number}.place"
        path.write_text(place.to_json())
        found = read_place(path)
        assert (found.own, found.digest, found.index, found.count) == (cards[number], roll.digest, number, len(cards))
        assert found.names[number] == cards[number].name
        assert len(found.names) == len(set(found.names)) == len(cards)


@pytest.mark.parametrize("key", ["card", "cards", "digest", "index", "proof", "comity_place"])
def test_a_changed_place_is_refused(tmp_path, cards, key):
    roll = read_roll(written(tmp_path, cards))
    place, other = json.loads(roll.place("device-2").to_json()), json.loads(roll.place("device-5").to_json())
    other |= {"digest": sha256(b"another").hexdigest(), "cards": 8, "comity_place": 2}
    path = tmp_path / "devices.place"
    path.write_text(json.dumps(place | {key: other[key]}))
    with pytest.raises(ConfigError, match="Ask whoever made the roll for it again"):
        read_place(path)


def test_a_place_has_two_kilobytes_whatever_the_number_of_devices(cards):
    line = line_of(cards[0])
    sizes = []
    for count in (10, 10_000):
        leaves = [merkle.leaf(line)] * count
        sizes.append(len(Place(Path("p"), bytes(32), count, 5, line, merkle.proof(leaves, 5)).to_json()))
    assert sizes[1] < sizes[0] + 10 * 80 < 3000


# ---- studies
def test_a_device_with_its_place_agrees_with_those_who_have_the_roll(tmp_path, cards):
    whole = open_study(studied(tmp_path, cards))
    assert whole.plan.participants == (*COMPUTE, *(card.name for card in cards))
    assert whole.plan.enrolled == range(3, 10)
    assert str(whole.plan.contributors) == "7 organizations enrolled by devices.roll"
    assert whole.computation.owners == {"habits": tuple(range(3, 10))}
    assert whole.plan.index("device-4") == 7
    assert whole.plan.datasets("device-4") == {"habits": "habits"}
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "study.toml").write_text(STUDY)
    place = read_roll(tmp_path / "devices.roll").place("device-4")
    (alone / "devices.place").write_text(place.to_json())
    mine = open_study(alone / "study.toml")
    assert mine.plan.index("device-4") == 7
    assert hash_of(mine) == hash_of(whole)
    named = tmp_path / "mine.place"
    named.write_text(place.to_json())
    assert hash_of(open_study(tmp_path / "study.toml", named)) == hash_of(whole)


def test_another_roll_is_another_study(tmp_path, cards):
    hashes = set()
    for number, some in enumerate((cards, cards[1:], [*cards[:-1]])):
        folder = tmp_path / str(number)
        folder.mkdir()
        hashes.add(hash_of(open_study(studied(folder, some))))
    folder = tmp_path / "fewer"
    folder.mkdir()
    hashes.add(hash_of(open_study(studied(folder, cards, f"{STUDY}at_least = 5\n"))))
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('roll = "devices.roll"', 'roll = "other.roll"', "other.roll is not there. A named organization needs this f"),
        ('roll = "devices.roll"', "", 'contributors.roll: is missing; write  roll = "NAME.roll"'),
        ('habits = "habits"', "", "[contributors] bring data but no habits"),
        ('habits = "habits"', 'habits = "habits"\nrow = "x"', "[contributors] row: the scenario has no such input"),
        (
            'habits = "habits"',
            'habits = "habits"\nat_least = 8',
            "at_least: 8 of 7 organizations enrolled by devices.r",
        ),
        ('habits = "habits"', 'habits = "habits"\nat_least = 0', "at_least"),
        (
            "[contributors]",
            '[organizations.device-1]\nroles = ["recipient"]\n[contributors]',
            "and is enrolled by devic",
        ),
        (
            "[organizations.north]",
            "keep_contributions = true\n[organizations.north]",
            "at_least cannot stand beside keep_contributions",
        ),
    ],
)
def test_a_study_that_is_wrong_about_its_contributors_says_so(tmp_path, cards, old, new, message):
    text = STUDY if "at_least" in new or "keep" not in new else f"{STUDY}at_least = 5\n"
    path = studied(tmp_path, cards, text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        open_study(path)
    assert message in str(caught.value)


def test_a_compute_party_in_the_roll_is_refused_by_its_key(tmp_path, cards):
    homes = {n: create_home(tmp_path / n, n, ("127.0.0.1", 1), "127.0.0.1:1") for n in COMPUTE}
    for name in ("south", "west"):
        homes["north"].consortium.add(homes[name].card())
    plan = read_study(studied(tmp_path, [*cards, homes["south"].identity.card("zoe")]))
    with pytest.raises(ConfigError, match="zoe has the key of south, which the study names"):
        visitors(homes["north"], plan)
    fine = visitors(homes["north"], read_study(studied(tmp_path, cards)))
    assert [(one.name, one.index, one.enrolled) for one in fine] == [(c.name, 3 + i, True) for i, c in enumerate(cards)]
    (tmp_path / "devices.roll").rename(tmp_path / "x.roll")
    (tmp_path / "devices.place").write_text(read_roll(tmp_path / "x.roll").place("device-1").to_json())
    with pytest.raises(ConfigError, match=r"a compute party needs the roll, devices\.roll"):
        visitors(homes["north"], read_study(tmp_path / "study.toml"))


# ---- commands
def comity(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def test_a_roll_is_made_of_files_of_folders_and_of_appended_cards(tmp_path, cards):
    folder = tmp_path / "cards"
    folder.mkdir()
    for card in cards:
        (folder / f"{card.name}.card").write_text(card.to_json())
    (tmp_path / "all.cards").write_text("".join(card.to_json() for card in cards))
    for name, sources in (("a", [folder]), ("b", [tmp_path / "all.cards"]), ("c", sorted(folder.iterdir()))):
        made = json.loads(comity("roll", "make", tmp_path / f"{name}.roll", *sources, "--json").stdout)
        assert made["cards"] == 7
    assert (
        (tmp_path / "a.roll").read_bytes() == (tmp_path / "b.roll").read_bytes() == (tmp_path / "c.roll").read_bytes()
    )
    again = comity("roll", "make", tmp_path / "a.roll", folder, code=2)
    assert "exists already; --replace replaces it" in again.stderr
    shown = comity("roll", "show", tmp_path / "a.roll").stdout
    assert "a.roll enrols 7 organizations" in shown
    assert made["words"] in shown
    comity("roll", "place", tmp_path / "a.roll", "device-2", "--to", tmp_path / "out")
    assert read_place(tmp_path / "out" / "device-2.place").own == cards[2]
    assert json.loads(comity("roll", "place", tmp_path / "a.roll", "--to", tmp_path, "--json").stdout)["places"] == 7
    assert "'device-9' is not enrolled here" in comity("roll", "place", tmp_path / "a.roll", "device-9", code=2).stderr


def test_files_that_are_no_cards_are_named(tmp_path, cards):
    (tmp_path / "empty").mkdir()
    assert "no card is in this folder" in comity("roll", "make", tmp_path / "a.roll", tmp_path / "empty", code=2).stderr
    roll = written(tmp_path, cards)
    wrong = comity("roll", "make", tmp_path / "a.roll", roll, code=2)
    assert "is a roll of cards, not an organization's card" in wrong.stderr
    text = cards[0].to_json() + cards[1].to_json().replace("device-1", "device-8")
    with pytest.raises(ConfigError, match="x: card 2: the signature of device-8 is wrong"):
        list(cards_in(text.encode(), "x"))
    with pytest.raises(ConfigError, match="x: card 2: not a card"):
        list(cards_in((cards[0].to_json() + "and more").encode(), "x"))
