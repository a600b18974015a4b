"""Text of somebody else: seen or escaped, never hidden."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import ConfigError
from mpc.text import check_text, is_seen, visible, visible_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, é, 日本, 95 % ±", "plain words, é, 日本, 95 % ±"),
        ("\x1b[2K\x1b[1A", r"\x1b[2K\x1b[1A"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\tc\rd\u00a0e", "a b c d e"),
        ("a\u2028b\x85c", r"a\u2028b\x85c"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("co\u200bunty\ufeff", r"co\u200bunty\ufeff"),
        ("\u3164\u034f\ufe0f\U000e0041", r"\u3164\u034f\ufe0f\U000e0041"),
        ("\x07\x08\x00\x7f", r"\x07\x08\x00\x7f"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_cannot_be_seen_is_an_escape(text, shown):
    assert visible(text) == shown


@given(st.text())
def test_nothing_unseen_is_left_and_nothing_seen_is_changed(text):
    shown = visible(text)
    assert all(is_seen(character) for character in shown)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in shown)
    if all(is_seen(character) for character in text):
        assert shown == text


def test_text_is_bounded():
    assert visible("x" * 5000, 10) == "x" * 9 + "…"
    assert len(visible("x" * 50_000)) == 4000
    assert len(visible("x" * 50_000, None)) == 50_000


def test_lines_end_at_line_feeds_only():
    assert visible_lines("a\nb\x85c\u2028d\x1c") == ["a", r"b\x85c\u2028d\x1c"]


def test_a_checked_text_is_itself_or_refused_by_place():
    assert check_text("every income, 2026", "the name") == "every income, 2026"
    with pytest.raises(
        ConfigError, match=r"the name has a character that cannot be seen, '\\x1b', at place 3: 'ab\\x1b"
    ):
        check_text("ab\x1b[2K", "the name")
