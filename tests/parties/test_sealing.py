"""Sealed contributions and results: what opens them, and what every other byte string is answered with."""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc.errors import AgreementError, AuthenticationError, CheckFailed, ComityError, ConfigError, RemoteProtocolError
from mpc.machine.outside import Layout, Part, Partial
from mpc.machine.relations import Rule
from mpc.releases.study import runtime_of
from parties.contributors import contribution, sealing
from parties.contributors.handout import Facts, hand_out, put_together
from parties.contributors.inbox import KEPT, SPENT, Closed, Contributor, Inbox, add_file, folder_of
from parties.contributors.receipts import check_receipt, receipt
from parties.contributors.sealing import CHUNK, Header, read_header, seal, unseal
from parties.organization.identity import Card, Identity
from parties.study.loader import load
from protocols.computation import Computation
from protocols.dry import collect
from protocols.engines import make_engine
from tests.support.processes import SMALL, small_rows

STUDY, OTHER = bytes(range(32)), bytes(32)
DIGEST = b"d" * 32


class Cast:
    """Four organizations with keys: three compute, the last one brings data."""

    def __init__(self, folder: Path) -> None:
        names = ("county", "north", "st-mary", "clinic")
        self.identities = {name: Identity.create(folder / name) for name in names}
        self.cards: dict[str, Card] = {name: own.card(name) for name, own in self.identities.items()}
        self.compute = {name: self.cards[name] for name in names[:3]}


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return Cast(tmp_path_factory.mktemp("cast"))


def sealed(cast: Cast, plaintext: bytes = b"secret", **changes) -> bytes:
    given = {"purpose": "contribution", "study": STUDY, "number": 7, "digest": DIGEST} | changes
    return seal(cast.identities["clinic"], cast.cards["north"], plaintext=plaintext, **given)


def opened(cast: Cast, envelope: bytes, who: str = "north", sender: str = "clinic", **changes) -> tuple[Header, bytes]:
    given = {"purpose": "contribution", "study": STUDY, "most": 1 << 30} | changes
    return unseal(cast.identities[who], cast.cards[sender], envelope, **given)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_it_opens_for_whom_it_is(cast, size):
    plaintext = os.urandom(size)
    envelope = sealed(cast, plaintext)
    header, found = opened(cast, envelope)
    assert found == plaintext
    assert (header.number, header.digest, header.length) == (7, DIGEST, size)
    head = int.from_bytes(envelope[:4], "little")
    assert len(envelope) == sealing.sealed_bytes(head, size)
    if size > 16:
        assert plaintext[:16] not in envelope


def test_no_two_envelopes_share_a_key(cast):
    a, b = sealed(cast, b"x" * 100), sealed(cast, b"x" * 100)
    assert read_header(a).ephemeral != read_header(b).ephemeral
    assert a[-100:] != b[-100:]


def test_what_does_not_fit_is_refused_by_its_kind(cast):
    envelope = sealed(cast)
    with pytest.raises(AgreementError, match="for another study"):
        opened(cast, envelope, study=OTHER)
    with pytest.raises(AuthenticationError, match="for another organization"):
        opened(cast, envelope, "county")
    with pytest.raises(AuthenticationError, match="names another key"):
        opened(cast, envelope, sender="county")
    with pytest.raises(RemoteProtocolError, match="is not a release"):
        opened(cast, envelope, purpose="release")
    with pytest.raises(RemoteProtocolError, match="at most 5 are expected"):
        opened(cast, envelope, most=5)


def test_another_signer_under_its_name_is_found(cast):
    """Everything as clinic would write it, but signed by county: who forwards what it did not write."""
    envelope = sealed(cast)
    size = int.from_bytes(envelope[:4], "little")
    header, body = envelope[4 : 4 + size], envelope[4 + size + 64 :]
    from hashlib import sha256

    message = sha256(header).digest() + sha256(body).digest()
    for purpose, who in (("sealed", "county"), ("card", "clinic")):
        forged = envelope[: 4 + size] + cast.identities[who].sign(purpose, message) + body
        with pytest.raises(AuthenticationError, match="signature"):
            opened(cast, forged)


def test_sealed_to_an_old_key_says_so(cast, tmp_path):
    """A card with another sealing key under north's name: the signature holds, and it cannot be decrypted."""
    other = Identity.create(tmp_path / "other")
    card = cast.cards["north"]
    old = Card(card.name, card.address, card.signing_key, other.card("other").sealing_key, card.certificate, b"")
    envelope = seal(
        cast.identities["clinic"],
        old,
        purpose="contribution",
        study=STUDY,
        number=1,
        digest=DIGEST,
        plaintext=b"x",
    )
    with pytest.raises(CheckFailed, match="cannot be decrypted here"):
        opened(cast, envelope)


def test_every_single_changed_byte_is_found(cast):
    envelope = sealed(cast, b"0123456789")
    for place in range(len(envelope)):
        changed = bytearray(envelope)
        changed[place] ^= 1
        with pytest.raises((RemoteProtocolError, AuthenticationError, AgreementError, CheckFailed)):
            opened(cast, bytes(changed))


def test_cut_off_or_longer_is_found(cast):
    envelope = sealed(cast, b"0123456789")
    for end in range(len(envelope)):
        with pytest.raises(RemoteProtocolError):
            opened(cast, envelope[:end])
    with pytest.raises(RemoteProtocolError, match="by its header"):
        opened(cast, envelope + b"\0")


def test_chunks_cannot_change_places(cast):
    plaintext = bytes(CHUNK) + b"\1" * CHUNK
    envelope = sealed(cast, plaintext)
    size = int.from_bytes(envelope[:4], "little")
    begin, step = 4 + size + 64, CHUNK + 16
    body = envelope[begin:]
    swapped = body[step:] + body[:step]
    from hashlib import sha256

    message = sha256(envelope[4 : 4 + size]).digest() + sha256(swapped).digest()
    signature = cast.identities["clinic"].sign("sealed", message)
    with pytest.raises(CheckFailed):
        opened(cast, envelope[: 4 + size] + signature + swapped)


@given(st.binary(max_size=400))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_an_error_of_ours(cast, junk):
    for text in (junk, len(junk).to_bytes(4, "little") + junk + bytes(64)):
        with pytest.raises(RemoteProtocolError):
            opened(cast, text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_any_header_is_an_error_of_ours(cast, data):
    envelope = sealed(cast)
    size = int.from_bytes(envelope[:4], "little")
    fields = json.loads(envelope[4 : 4 + size])
    name = data.draw(st.sampled_from(sorted(fields)))
    value = data.draw(JSON)
    if value == fields[name]:
        return
    fields[name] = value
    head = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    with pytest.raises(ComityError) as error:
        opened(cast, len(head).to_bytes(4, "little") + head + envelope[4 + size :])
    assert isinstance(error.value, RemoteProtocolError | AuthenticationError | AgreementError | CheckFailed)


# ---- contributions
ENGINES = {"replicated": 3, "shamir": 3}


def asked(name: str, shape: tuple[int, ...], bound: int, table: str = "rows", owner: int = 3) -> Partial:
    return Partial(table, (Part(name, shape, 0, bound),), (owner,), Rule())


LAYOUT = Layout({(0.5,): asked("n", (), 100), (1.5,): asked("mean", (4,), 2**40)})
VECTOR = np.array([17, 1, -2, 3, 2**40], np.int64)


def prepared(cast: Cast, engine: str = "replicated", number: int = 5, **changes) -> contribution.Prepared:
    given = {"owner": 3, "study": STUDY, "layout": LAYOUT, "number": number} | changes
    return contribution.prepare(cast.identities["clinic"], cast.compute, make_engine(engine, 3), VECTOR.copy(), **given)


def received(cast: Cast, name: str, envelope: bytes, engine: str = "replicated", **changes) -> contribution.Received:
    index = list(cast.compute).index(name)
    given = {"index": index, "owner": 3, "study": STUDY, "layout": LAYOUT} | changes
    return contribution.read(cast.identities[name], cast.cards["clinic"], envelope, make_engine(engine, 3), **given)


@pytest.mark.parametrize("engine", ENGINES)
def test_each_compute_party_reads_its_pieces(cast, engine):
    ready = prepared(cast, engine)
    got = [received(cast, name, ready.envelopes[name], engine) for name in cast.compute]
    assert {one.digest for one in got} == {ready.digest}
    kinds = make_engine(engine, 3).pieces(VECTOR.size)
    for index, one in enumerate(got):
        assert [piece is not None for piece in one.dealt.pieces] == [index in kind.holders for kind in kinds]
    # The same piece, wherever two hold it.
    for i, kind in enumerate(kinds):
        contents = {bytes(got[index].dealt.pieces[i]) for index in kind.holders}
        assert len(contents) == 1
        assert len(contents.pop()) == kind.octets


def test_what_is_in_common_shows_nothing_of_the_values(cast):
    """The manifest commits to the vector, of which P_0 knows both masks: the commitment must not be one of guesses."""
    ready = prepared(cast)
    again = prepared(cast)
    assert ready.digest != again.digest
    _, plaintext = opened(cast, ready.envelopes["county"], "county")
    assert VECTOR.tobytes() not in plaintext
    size = int.from_bytes(plaintext[:4], "little")
    assert len(plaintext) == 4 + size + 2 * (32 + 16)  # two seeds behind their salts, and no vector


def test_a_contribution_is_for_one_study_one_place_and_one_layout(cast):
    envelope = prepared(cast).envelopes["north"]
    with pytest.raises(AgreementError):
        received(cast, "north", envelope, study=OTHER)
    with pytest.raises(RemoteProtocolError, match="owner 3"):
        received(cast, "north", envelope, owner=4, layout=Layout({(0.5,): asked("n", (5,), 1, "t", 4)}))
    other = Layout({(0.5,): asked("n", (), 100), (1.5,): asked("mean", (4,), 2**41)})
    with pytest.raises(RemoteProtocolError, match="other values than the study asks for"):
        received(cast, "north", envelope, layout=other)
    longer = Layout({(0.5,): asked("n", (9,), 100)})
    with pytest.raises(RemoteProtocolError, match="other values"):
        received(cast, "north", envelope, layout=longer)
    with pytest.raises(RemoteProtocolError, match="clinic"):
        received(cast, "north", envelope, "shamir")


def resealed(cast: Cast, change: Callable[[dict, bytes], tuple[dict, bytes]], **outer) -> bytes:
    """A contribution whose content was changed by clinic itself, and sealed anew."""
    ready = prepared(cast)
    header, plaintext = opened(cast, ready.envelopes["north"])
    size = int.from_bytes(plaintext[:4], "little")
    manifest, pieces = change(json.loads(plaintext[4 : 4 + size]), plaintext[4 + size :])
    raw = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    from hashlib import sha256

    digest = sha256(b"comity/1/contribution\0" + raw).digest()
    content = len(raw).to_bytes(4, "little") + raw + pieces
    given = {"number": header.number, "digest": digest} | outer
    return sealed(cast, content, **given)


def test_a_manifest_that_contradicts_itself_is_found(cast):
    assert received(cast, "north", resealed(cast, lambda m, p: (m, p))).owner == 3
    cases: list[tuple[Callable[[dict, bytes], tuple[dict, bytes]], type[ComityError], str]] = [
        (lambda m, p: (m | {"owner": 2}, p), RemoteProtocolError, "owner 2"),
        (lambda m, p: (m | {"number": 6}, p), RemoteProtocolError, "number 6"),
        (lambda m, p: (m | {"study": OTHER.hex()}, p), RemoteProtocolError, "another study"),
        (lambda m, p: (m | {"values": 4}, p), RemoteProtocolError, "other values"),
        (lambda m, p: (m | {"pieces": m["pieces"][:2]}, p), RemoteProtocolError, "does not have the 3 pieces"),
        (lambda m, p: (m | {"pieces": m["pieces"][::-1]}, p), CheckFailed, "does not fit its commitment"),
        (lambda m, p: (m, p[:-1]), RemoteProtocolError, "cut off"),
        (lambda m, p: (m, p + b"\0"), RemoteProtocolError, "bytes too many|at most"),
        (lambda m, p: (m, p[:40] + bytes((p[40] ^ 1,)) + p[41:]), CheckFailed, "does not fit its commitment"),
        (lambda m, p: ({k: v for k, v in m.items() if k != "layout"}, p), RemoteProtocolError, "layout"),
    ]
    for change, kind, words in cases:
        with pytest.raises(kind, match=words):
            received(cast, "north", resealed(cast, change))
    with pytest.raises(CheckFailed, match="does not fit the digest on its envelope"):
        received(cast, "north", resealed(cast, lambda m, p: (m, p), digest=DIGEST))


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=60)
def test_any_content_is_an_error_of_ours(cast, junk):
    for content in (junk, len(junk).to_bytes(4, "little") + junk):
        with pytest.raises((RemoteProtocolError, CheckFailed)):
            received(cast, "north", sealed(cast, content))


# ---- the inbox
def inbox(cast: Cast, home: Path, study: bytes = STUDY) -> Inbox:
    home.mkdir(mode=0o700, exist_ok=True)
    one = Contributor("clinic", 3, cast.cards["clinic"])
    return Inbox(
        home, cast.identities["north"], make_engine("replicated"), LAYOUT, index=1, study=study, contributors=[one]
    )


def test_submissions_are_kept_replaced_and_spent(cast, tmp_path):
    box = inbox(cast, tmp_path / "home")
    (one,) = box.contributors
    assert box.arrived(0) == []
    ready = [prepared(cast, number=n) for n in range(10, 10 + KEPT + 2)]
    for some in ready:
        box.check_number(one, some.number)
        box.accept(one, some.envelopes["north"])
    assert [arrived.number for arrived in box.arrived(2)] == [some.number for some in ready[2:]]
    assert [r.digest for r in box.held(3)] == [some.digest for some in ready[-KEPT:]]
    files = sorted(box.folder.glob("*.sealed"))
    assert len(files) == KEPT
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    with pytest.raises(RemoteProtocolError, match="was used already, or a newer one is here"):
        box.check_number(one, ready[0].number)
    # What lies there is what another run of the study finds.
    again = inbox(cast, tmp_path / "home")
    again.read_files()
    assert [r.digest for r in again.held(3)] == [r.digest for r in box.held(3)]
    chosen = {3: ready[-2].digest}
    assert again.chosen(chosen)[0].owner == 3
    with pytest.raises(CheckFailed, match="not here"):
        again.chosen({3: DIGEST})
    again.spend(chosen)
    # Spent ones are gone, and are not taken again; one that came later stays.
    assert [path.name for path in again.folder.glob("*.sealed")] == [f"clinic.{ready[-1].number}.sealed"]
    assert json.loads((again.folder / SPENT).read_text()) == {"clinic": ready[-2].number}
    later = inbox(cast, tmp_path / "home")
    with pytest.raises(RemoteProtocolError, match="was used"):
        later.check_number(one, ready[-2].number)
    with pytest.raises(RemoteProtocolError, match="was used"):
        later.accept(one, ready[-2].envelopes["north"])
    with pytest.raises(RemoteProtocolError, match="was used"):
        brought(cast, tmp_path / "home", ready[-2])
    (again.folder / "clinic.7.sealed").touch(0o600)
    (again.folder / "clinic.7.sealed").write_bytes(ready[-2].envelopes["north"])
    (told,) = later.read_files()
    assert "is here: clinic.7.sealed is deleted" in told
    assert [r.digest for r in later.held(3)] == [ready[-1].digest]
    assert not (again.folder / "clinic.7.sealed").exists()


def brought(cast: Cast, home: Path, some: contribution.Prepared) -> Path:
    return add_file(home, cast.identities["north"], cast.cards["clinic"], some.envelopes["north"])


def test_an_older_submission_is_refused_and_leaves_nothing_behind(cast, tmp_path):
    box = inbox(cast, tmp_path / "home")
    (one,) = box.contributors
    old, new = prepared(cast, number=1000), prepared(cast, number=2000)
    box.accept(one, new.envelopes["north"])
    with pytest.raises(RemoteProtocolError, match="a newer one is here"):
        box.accept(one, old.envelopes["north"])
    with pytest.raises(RemoteProtocolError, match="a newer one is here"):
        brought(cast, tmp_path / "home", old)
    assert [path.name for path in box.folder.glob("*.sealed")] == ["clinic.2000.sealed"]
    # Copied into the folder by hand, it is deleted at the next look, and said to be.
    (box.folder / "clinic.1000.sealed").touch(0o600)
    (box.folder / "clinic.1000.sealed").write_bytes(old.envelopes["north"])
    assert "clinic.1000.sealed is deleted" in box.read_files()[0]
    assert [r.number for r in box.held(3)] == [2000]
    # Another one under the same number would be another one at each party.
    with pytest.raises(RemoteProtocolError):
        box.accept(one, prepared(cast, number=2000).envelopes["north"])
    assert box.accept(one, new.envelopes["north"]).number == 2000  # the same again: its sender lost the receipt
    assert [r.digest for r in box.held(3)] == [new.digest]


def test_after_the_choice_nothing_is_taken(cast, tmp_path):
    box = inbox(cast, tmp_path / "home")
    (one,) = box.contributors
    box.accept(one, prepared(cast, number=1).envelopes["north"])
    box.close()
    with pytest.raises(Closed):
        box.accept(one, prepared(cast, number=2).envelopes["north"])
    assert [path.name for path in box.folder.glob("*.sealed")] == ["clinic.1.sealed"]


def test_that_nothing_can_be_noted_is_told_before_the_run(cast, tmp_path, monkeypatch):
    box = inbox(cast, tmp_path / "home")
    box.check_writable()
    assert json.loads((box.folder / SPENT).read_text()) == {}

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("parties.contributors.inbox.write_private", full)
    for step in (box.check_writable, lambda: box.spend({3: DIGEST})):
        with pytest.raises(ConfigError, match="No space left on device"):
            step()


def test_a_damaged_note_of_what_was_used_is_not_taken_for_none(cast, tmp_path):
    box = inbox(cast, tmp_path / "home")
    box.folder.mkdir(parents=True)
    (box.folder / SPENT).write_text("{")
    with pytest.raises(ConfigError, match="is damaged"):
        inbox(cast, tmp_path / "home")


def test_a_file_that_is_none_is_named_before_the_run(cast, tmp_path):
    box = inbox(cast, tmp_path / "home")
    path = brought(cast, tmp_path / "home", prepared(cast))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(AuthenticationError, match=f"{path.name}.*ask clinic to submit again"):
        box.read_files()
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        inbox(cast, tmp_path / "home").read_files()


def test_a_contribution_to_another_study_under_this_one_is_found(cast, tmp_path):
    box = inbox(cast, tmp_path / "home", OTHER)
    path = brought(cast, tmp_path / "home", prepared(cast))
    assert path.parent == folder_of(tmp_path / "home", STUDY)
    box.read_files()
    assert box.arrived(0) == []
    folder_of(tmp_path / "home", OTHER).mkdir(mode=0o700)
    path.rename(folder_of(tmp_path / "home", OTHER) / path.name)
    with pytest.raises(AgreementError, match="another study"):
        box.read_files()


def test_receipts(cast):
    arguments = ("clinic", STUDY, DIGEST, 9)
    message = receipt(cast.identities["north"], "north", *arguments)
    check_receipt(message, cast.cards["north"], *arguments)
    for wrong in (
        message | {"number": 8},
        message | {"contribution": OTHER.hex()},
        message | {"signature": "0" * 128},
        receipt(cast.identities["county"], "north", *arguments),
    ):
        with pytest.raises(CheckFailed, match="north sent a receipt"):
            check_receipt(wrong, cast.cards["north"], *arguments)


# ---- results
def parts(cast: Cast, tmp_path: Path, run: bytes = DIGEST, **facts) -> tuple:
    """A real run of the small study in which clinic only learns, and what the compute parties seal for it."""
    scenario = load(str(SMALL)).scenario
    frames = {name: {"patients": pd.read_csv(io.StringIO(small_rows(i)))} for i, name in enumerate(cast.compute)}
    names = [*cast.compute, "clinic"]
    kept = []
    import protocols.simulate as simulated

    original = simulated.whole

    async def whole(scenario, study):
        await original(scenario, study)
        if not runtime_of(study).dry:
            kept.append(study)

    simulated.whole = whole
    try:
        result = simulated.simulate(scenario, {**frames, "clinic": {}}, compute=list(cast.compute))
    finally:
        simulated.whole = original
    kept.sort(key=lambda study: runtime_of(study).index)
    known = Facts(**({"rounds": 3, "operations": 4, "finished": "now", "contributions": 0, "left_out": ()} | facts))
    card = [cast.cards["clinic"]]
    envelopes = [
        hand_out(cast.identities[name], card, study, known, digest=STUDY, run=run)["clinic"]
        for name, study in zip(cast.compute, kept, strict=True)
    ]
    computation = Computation(scenario, names, compute=3, owners={"patients": (0, 1, 2)})
    own = collect(computation, 3, computation.make_engine(), {})
    return result.releases, envelopes, own


def together(cast: Cast, envelopes: list[bytes], own) -> Facts:
    identity, senders = cast.identities["clinic"], list(cast.compute.values())
    return put_together(identity, senders, envelopes, own, "clinic", digest=STUDY)


def test_parts_of_all_compute_parties_are_the_results(cast, tmp_path):
    releases, envelopes, own = parts(cast, tmp_path, left_out=("clinic-7",), contributions=2)
    facts = together(cast, envelopes, own)
    assert own.results == releases
    assert (facts.rounds, facts.left_out, facts.contributions) == (3, ("clinic-7",), 2)


def test_parts_that_do_not_belong_together_are_found(cast, tmp_path):
    _, envelopes, own = parts(cast, tmp_path)
    with pytest.raises(AuthenticationError):
        together(cast, [envelopes[1], envelopes[0], envelopes[2]], own)
    _, others, _ = parts(cast, tmp_path, run=OTHER)
    with pytest.raises(CheckFailed, match="different runs"):
        together(cast, [envelopes[0], others[1], envelopes[2]], own)
    _, others, _ = parts(cast, tmp_path, left_out=("north",))
    with pytest.raises(CheckFailed, match="report different facts"):
        together(cast, [envelopes[0], others[1], envelopes[2]], own)


def test_a_part_that_was_changed_by_its_party_is_found(cast, tmp_path):
    _, envelopes, own = parts(cast, tmp_path)
    given = {"purpose": "release", "study": STUDY, "most": 1 << 20}
    _, plaintext = unseal(cast.identities["clinic"], cast.cards["north"], envelopes[1], **given)

    def again(content: bytes) -> bytes:
        return seal(
            cast.identities["north"],
            cast.cards["clinic"],
            purpose="release",
            study=STUDY,
            number=1,
            digest=DIGEST,
            plaintext=content,
        )

    changed = plaintext[:-1] + bytes((plaintext[-1] ^ 1,))
    with pytest.raises(CheckFailed, match="different shares of the same release"):
        together(cast, [envelopes[0], again(changed), envelopes[2]], own)
    for content in (b"", plaintext[:-8], plaintext + bytes(8), b"\xff\xff\xff\xff" + plaintext[4:]):
        with pytest.raises(RemoteProtocolError):
            together(cast, [envelopes[0], again(content), envelopes[2]], own)
