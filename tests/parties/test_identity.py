"""Keys, cards, words and the rights of files."""

import json
import os
import resource
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from mpc.errors import ConfigError
from parties.net.tls import server_context
from parties.organization import identity as identities
from parties.organization.identity import Card, Identity, in_words, verify, words
from parties.system.privacy import no_core_dumps


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity.create(tmp_path_factory.mktemp("identity") / "home")


def test_the_word_list_has_2048_words_told_apart_by_four_letters():
    assert len(words()) == 2048
    assert list(words()) == sorted(words())
    assert len({word[:4] for word in words()}) == 2048
    assert all(word.isascii() and word.islower() and word.isalpha() and 3 <= len(word) <= 8 for word in words())


def test_words_are_the_first_132_bits():
    digest = bytes(range(32))
    number = int.from_bytes(digest, "big") >> (256 - 132)
    indices = [words().index(word) for word in in_words(digest).split()]
    assert sum(index << (11 * (11 - i)) for i, index in enumerate(indices)) == number


def test_a_home_is_private_and_reads_back(own):
    assert stat.S_IMODE(own.home.stat().st_mode) == 0o700
    for path in own.home.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = Identity.load(own.home)
    assert again.key_hash == own.key_hash
    assert again.certificate == own.certificate
    assert len(own.fingerprint.split()) == 12


@pytest.mark.parametrize("name", ["", identities.KEY_FILE, identities.SEALING_FILE, identities.CERTIFICATE_FILE])
def test_wider_rights_are_refused_with_the_chmod_line(tmp_path, name):
    home = tmp_path / "home"
    Identity.create(home)
    path = home / name if name else home
    path.chmod(0o750 if not name else 0o640)
    with pytest.raises(ConfigError, match=rf"chmod {'600' if name else '700'} .*{path.name}"):
        Identity.load(home)


def test_a_key_is_never_overwritten(own):
    with pytest.raises(ConfigError, match="exists already"):
        Identity.create(own.home)


@pytest.mark.parametrize("name", [identities.KEY_FILE, identities.SEALING_FILE, identities.CERTIFICATE_FILE])
def test_missing_and_damaged_files_are_named(tmp_path, name):
    home = tmp_path / "home"
    Identity.create(home)
    (home / name).write_bytes(b"no key at all")
    with pytest.raises(ConfigError, match=name):
        Identity.load(home)
    (home / name).unlink()
    with pytest.raises(ConfigError, match=name):
        Identity.load(home)


def test_certificate_of_another_key_is_refused(tmp_path):
    one, other = Identity.create(tmp_path / "one"), Identity.create(tmp_path / "other")
    one.certificate_file.write_bytes(other.certificate_file.read_bytes())
    with pytest.raises(ConfigError, match="another key"):
        Identity.load(one.home)


def test_passphrase(tmp_path):
    made = Identity.create(tmp_path / "home", passphrase="open sesame")
    for path in (made.key_file, made.home / identities.SEALING_FILE):
        file = json.loads(path.read_bytes())
        assert (file["kdf"], file["n"], file["r"], file["p"]) == ("scrypt", 2**17, 8, 1)
    with pytest.raises(ConfigError, match="passphrase"):
        Identity.load(made.home)
    with pytest.raises(ConfigError, match="passphrase is wrong"):
        Identity.load(made.home, passphrase="sesame")
    again = Identity.load(made.home, passphrase="open sesame")
    assert again.key_hash == made.key_hash
    assert again.sealing.private_bytes_raw() == made.sealing.private_bytes_raw()
    server_context(again, [made.certificate])
    with again.key_for_tls() as (path, once):  # what TLS is given, and is gone at once
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"ENCRYPTED" in path.read_bytes()
        assert once not in (None, "open sesame")
    assert not path.exists()


def locked_as_before(home: Path, passphrase: str) -> dict[str, bytes]:
    """The key files of a home as earlier versions locked them: PBES2, PBKDF2 with 2,048 steps."""
    made = Identity.create(home)
    lock = serialization.BestAvailableEncryption(passphrase.encode())
    before = {}
    for name, key in ((identities.KEY_FILE, made.signing), (identities.SEALING_FILE, made.sealing)):
        before[name] = key.private_bytes_raw()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
        (home / name).write_bytes(pem)
    return before


def test_files_that_earlier_versions_locked_are_written_anew_on_first_use(tmp_path):
    home = tmp_path / "home"
    before = locked_as_before(home, "open sesame")
    files = {name: (home / name).read_bytes() for name in before}
    with pytest.raises(ConfigError, match="passphrase is wrong"):
        Identity.load(home, passphrase="sesame")
    assert {name: (home / name).read_bytes() for name in before} == files
    loaded = Identity.load(home, passphrase="open sesame")
    assert loaded.locked
    for name in before:
        assert json.loads((home / name).read_bytes())["n"] == 2**17
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in home.iterdir()) == ["certificate.pem", "key.pem", "sealing.pem"]
    again = Identity.load(home, passphrase="open sesame")
    assert again.signing.private_bytes_raw() == before[identities.KEY_FILE]
    assert again.sealing.private_bytes_raw() == before[identities.SEALING_FILE]


def test_a_conversion_that_stopped_half_way_goes_on(tmp_path, monkeypatch):
    home = tmp_path / "home"
    locked_as_before(home, "open sesame")
    whole = identities.write_private

    def full(path, content):
        if path.name == identities.KEY_FILE:
            raise OSError("no space left")
        whole(path, content)

    monkeypatch.setattr(identities, "write_private", full)
    Identity.load(home, passphrase="open sesame")
    assert (home / identities.KEY_FILE).read_bytes().startswith(b"-----BEGIN ENCRYPTED")
    monkeypatch.undo()
    Identity.load(home, passphrase="open sesame")
    assert json.loads((home / identities.KEY_FILE).read_bytes())["kdf"] == "scrypt"


CHANGES = [
    {"n": 1 << 10}, {"n": 1 << 30}, {"n": (1 << 17) + 1}, {"n": "131072"}, {"r": 1}, {"p": 0}, {"kdf": "md5"},
    {"salt": "00"}, {"nonce": "zz"}, {"nonce": "00"}, {"key": "00" * 64}, {"comity_locked_key": 2}, {"more": 1},
    {"n": None}, {"n": -1}, {"salt": 5},
]  # fmt: skip


def test_a_changed_locked_file_is_refused(tmp_path):
    made = Identity.create(tmp_path / "home", passphrase="x y z")
    whole = json.loads(made.key_file.read_text())
    for change in CHANGES:
        made.key_file.write_text(json.dumps(whole | change))
        with pytest.raises(ConfigError, match=r"key\.pem: "):
            Identity.load(made.home, passphrase="x y z")


def test_one_locked_key_does_not_stand_for_the_other(tmp_path):
    made = Identity.create(tmp_path / "home", passphrase="x y z")
    (made.home / identities.SEALING_FILE).write_bytes(made.key_file.read_bytes())
    with pytest.raises(ConfigError, match=r"sealing\.pem: the passphrase is wrong, or the file is damaged"):
        Identity.load(made.home, passphrase="x y z")


def test_an_empty_passphrase_locks_nothing(tmp_path):
    with pytest.raises(ConfigError, match="empty"):
        Identity.create(tmp_path / "home", passphrase="")
    assert not (tmp_path / "home").exists()


def test_card_round_trip_and_signature(own):
    card = own.card("st-mary", "10.0.0.1:7200")
    assert Card.from_json(card.to_json()) == card
    assert card.key_hash == own.key_hash
    assert card.fingerprint == own.fingerprint


@pytest.mark.parametrize("field", ["name", "address", "sealing_key", "certificate", "signature", "signing_key"])
def test_a_changed_card_is_refused(own, tmp_path, field):
    other = Identity.create(tmp_path / "other").card("county", "10.0.0.2:7200")
    fields = json.loads(own.card("st-mary", "10.0.0.1:7200").to_json())
    fields[field] = json.loads(other.to_json())[field]
    with pytest.raises(ConfigError, match=r"card|certificate"):
        Card.from_json(json.dumps(fields), where="st-mary.card")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "[" * 10_000, '{"comity_card": 2}', "x" * 20_000, '{"name": 1e999}']
)
def test_what_is_no_card_is_refused(text):
    with pytest.raises(ConfigError, match=r"st-mary\.card"):
        Card.from_json(text, where="st-mary.card")


@pytest.mark.parametrize("name", ["", "St-Mary", "a b", "-a", "a" * 41, "a\n", "ä", "../x"])
def test_names(own, name):
    with pytest.raises(ConfigError, match="cannot name"):
        own.card(name)


def test_a_signature_is_for_one_purpose(own):
    key = own.card("a").signing_key
    signature = own.sign("ledger", b"entry")
    assert verify(key, "ledger", b"entry", signature)
    assert not verify(key, "card", b"entry", signature)
    assert not verify(key, "ledger", b"other", signature)
    assert not verify(b"short", "ledger", b"entry", signature)


def test_printing_shows_no_key(own):
    assert "PrivateKey" not in repr(own)


def test_files_are_replaced_whole(tmp_path):
    target = tmp_path / "file"
    identities.write_private(target, b"one")
    identities.write_private(target, b"two")
    assert target.read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_no_core_dumps():
    pid = os.fork()
    if pid == 0:
        no_core_dumps()
        os._exit(0 if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0) else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_home_may_exist(tmp_path):
    home = Path(tmp_path) / "there"
    home.mkdir(mode=0o700)
    Identity.create(home)
