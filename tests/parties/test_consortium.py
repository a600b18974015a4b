"""The file of who is who."""

import json

import pytest

from mpc.errors import ConfigError
from parties.organization.address import parse_address, show_address
from parties.organization.consortium import FILE, Consortium
from parties.organization.identity import Identity


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cards")
    names = ("county", "north", "other")
    return {name: Identity.create(folder / name).card(name, "10.0.0.7:7200") for name in names}


@pytest.fixture
def consortium(tmp_path):
    tmp_path.chmod(0o700)
    return Consortium.create(tmp_path, "st-mary", ("0.0.0.0", 7200))


def test_add_list_remove(consortium, cards):
    consortium.add(cards["county"])
    consortium.add(cards["north"], address="[2001:db8::7]:7201")
    again = Consortium.load(consortium.home)
    assert again.name == "st-mary"
    assert again.listen == ("0.0.0.0", 7200)
    assert again.member("county").address == ("10.0.0.7", 7200)
    assert again.member("north").address == ("2001:db8::7", 7201)
    assert again.member("north").card == cards["north"]
    again.remove("county")
    assert sorted(Consortium.load(consortium.home).members) == ["north"]
    with pytest.raises(ConfigError, match="county is not known here"):
        again.member("county")
    with pytest.raises(ConfigError, match="county is not in"):
        again.remove("county")


def test_the_same_card_again_changes_the_address(consortium, cards):
    consortium.add(cards["county"])
    consortium.add(cards["county"], address="county.example:1")
    assert Consortium.load(consortium.home).member("county").address == ("county.example", 1)


def test_another_key_under_a_known_name_is_refused(consortium, cards, tmp_path):
    consortium.add(cards["county"])
    impostor = Identity.create(tmp_path / "impostor").card("county")
    with pytest.raises(ConfigError, match="another key"):
        consortium.add(impostor)
    assert Consortium.load(consortium.home).member("county").card == cards["county"]


def test_own_name_and_a_known_key_are_refused(consortium, cards, tmp_path):
    county = Identity.create(tmp_path / "county")
    consortium.add(county.card("county"))
    with pytest.raises(ConfigError, match="this organization itself"):
        consortium.add(Identity.create(tmp_path / "own").card("st-mary"))
    with pytest.raises(ConfigError, match="has the same key as county"):
        consortium.add(county.card("second-county"))


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("version", 2, "version"),
        ("name", None, "name"),
        ("listen", "here", "listen"),
        ("surplus", 1, "surplus"),
        ("members", {"county": {}}, r"members\.county\.card"),
        ("members", {"county": {"card": {}}}, r"members\.county"),
    ],
)
def test_damage_is_named(consortium, key, value, named):
    path = consortium.home / FILE
    content = json.loads(path.read_text())
    content[key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=rf"{FILE}.*{named}"):
        Consortium.load(consortium.home)


def test_a_member_under_another_name_is_refused(consortium, cards):
    consortium.add(cards["county"])
    path = consortium.home / FILE
    content = json.loads(path.read_text())
    content["members"]["north"] = content["members"].pop("county")
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"members\.north.*county"):
        Consortium.load(consortium.home)


def test_missing_wide_and_broken_files(consortium, tmp_path):
    path = consortium.home / FILE
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Consortium.load(consortium.home)
    path.chmod(0o600)
    path.write_text("{")
    with pytest.raises(ConfigError, match=FILE):
        Consortium.load(consortium.home)
    path.unlink()
    with pytest.raises(ConfigError, match="comity init"):
        Consortium.load(consortium.home)


@pytest.mark.parametrize("text", ["10.0.0.1:7200", "county.example:1", "[::1]:65535", "[fe80::1%eth0]:80"])
def test_addresses(text):
    assert show_address(parse_address(text)) == text


@pytest.mark.parametrize("text", ["", "host", "host:", ":80", "host:65536", "::1:80", "a b:1", "host:80\n", "[::1]"])
def test_what_is_no_address(text):
    with pytest.raises(ConfigError, match="host:port"):
        parse_address(text, where="--listen")
