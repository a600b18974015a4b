"""Who gets a place for a handshake, and who gives way."""

import pytest

from parties.net.places import KEPT, PER_NETWORK, PLACES, YOUNG_S, Places, network_of, plain


def fill(places: Places, addresses: list[str], now: float = 0.0) -> list[str]:
    """Everybody comes, and takes a place that is free; their names."""
    names = []
    for i, address in enumerate(addresses):
        room, gives_way = places.room_for(address, now)
        if room and gives_way is None:
            names.append(f"{address} {i}")
            places.take(names[-1], address, now)
    return names


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.1.2.3", "10.1.2.0/24"),
        ("::ffff:10.1.2.3", "10.1.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no address", "no address"),
    ],
)
def test_networks(address, network):
    assert network_of(plain(address)) == network


@pytest.mark.parametrize("pattern", ["10.1.2.{}", "2001:db8:1:2::{}"])
def test_a_network_has_few_places_however_many_addresses(pattern):
    places = Places()
    assert len(fill(places, [pattern.format(i) for i in range(1, 60)])) == PER_NETWORK
    assert places.room_for("10.9.9.9", 0.0) == (True, None)


def test_all_strangers_together_have_a_bounded_number():
    places = Places()
    assert len(fill(places, [f"10.1.{i}.1" for i in range(100)])) == PLACES


def test_known_addresses_have_places_of_their_own():
    places = Places(["192.0.2.7", "::ffff:192.0.2.8"])
    fill(places, [f"10.1.{i}.1" for i in range(100)])
    for address in ("192.0.2.7", "192.0.2.8"):
        assert places.room_for(address, 0.0) == (True, None)
    assert places.room_for("192.0.2.9", 0.0) == (False, None)
    places.proved("192.0.2.9")
    assert places.room_for("192.0.2.9", 0.0) == (True, None)
    assert len(fill(places, ["192.0.2.9"] * 100)) == KEPT


def test_who_holds_most_gives_way_at_once():
    places = Places()
    held = fill(places, ["10.1.2.1", *["10.1.2.2"] * 3, *["10.1.2.3"] * 4])
    assert len(held) == PER_NETWORK
    assert places.room_for("10.1.2.9", 0.0) == (True, held[4])  # the oldest one of 10.1.2.3


def test_who_failed_often_gives_way_to_who_did_not_and_is_forgiven():
    places = Places()
    held = fill(places, [f"10.1.2.{i}" for i in range(1, 9)])
    for _ in range(5):
        places.failed("10.1.2.5", 0.0)
    assert places.room_for("10.1.2.9", 0.5) == (True, held[4])
    for _ in range(9):
        places.failed("10.1.2.9", 0.5)
    assert places.room_for("10.1.2.9", 0.6) == (False, None)
    assert places.room_for("10.1.2.9", 61.0)[0]


def test_equals_do_not_push_each_other_out_while_they_are_young():
    """Forty participants behind one address: a handshake under way is not broken off for the next one."""
    places = Places()
    held = fill(places, ["10.1.2.1"] * 40)
    assert places.room_for("10.1.2.1", YOUNG_S / 2) == (False, None)
    assert places.room_for("10.1.2.1", 2 * YOUNG_S) == (True, held[0])


def test_a_place_is_free_again():
    places = Places()
    held = fill(places, ["10.1.2.1"] * 40)
    places.leave(held[3])
    assert len(places) == PER_NETWORK - 1
    assert places.room_for("10.1.2.1", 0.0) == (True, None)
