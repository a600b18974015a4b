"""Two registers of persons with errors, and who is whom: generated from a seed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

_GIVEN = (
    "Anna Maria Elisabeth Katharina Sophie Johanna Ingrid Astrid Birgit Chiara Giulia Francesca Lucía Zoë Amélie "
    "Hélène Agnieszka Małgorzata Øyvind Björn Søren Jürgen Hans Karl Friedrich Wilhelm Ludwig Johannes Andreas "
    "Matthias Stefan Thomas Michael Peter Paul Lukas Leon Noah Elias Emil Oskar Anton Jakob Felix Mehmet Ayşe Fatma "
    "Emre Aylin Dmitri Olga Natalia Ivan Jean-Pierre Anne-Marie Hans-Peter Colette Didier Renée Benoît Pascal"
)
_SURNAMES = (
    "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf "
    "Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Werner Krause Lehmann Köhler Maier Huber "
    "Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn Vogel Friedrich Keller Günther Frank Berger Winkler Roth "
    "Beck Lorenz Baumann Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein "
    "Jäger Otto Sommer Groß Seidel Heinrich Brandt Haas Schreiber Graf Dietrich Ziegler Kuhn Kühn Pohl Engel Horn "
    "Busch Bergmann Thomas Voigt Sauer Arnold Pfeiffer Yılmaz Kaya Demir Nowak Kowalski Rossi Bianchi García Novák"
)
_PLACES = (
    "Bern Basel Zürich Genève Lausanne Winterthur Luzern Biel/Bienne Thun Köniz Fribourg Chur Neuchâtel Uster Sion "
    "Emmen Zug Kriens Montreux Frauenfeld Wetzikon Baar Meyrin Carouge Wädenswil Riehen Renens Aarau Allschwil Bulle"
)
GIVEN, SURNAMES, PLACES = (names.split() for names in (_GIVEN, _SURNAMES, _PLACES))
_EPOCH = date(1970, 1, 1)


class Registers(NamedTuple):
    """left, right: tables with given, surname, born (days since 1970-01-01, NaN missing), place, sex (0, 1), region.
    truth: for each left row the place of the same person among the right rows, -1 for none."""

    left: Any
    right: Any
    truth: Any


def registers(persons: int, shared: int, *, regions: int = 4, errors: float = 0.5, seed: int = 7) -> Registers:
    """Two registers of `persons` each, of which `shared` are in both; a share `errors` of those has something wrong in
    the right register."""
    rng = np.random.default_rng(seed)
    everybody = [_person(rng, regions) for _ in range(2 * persons - shared)]
    left, right = everybody[:persons], everybody[:shared] + everybody[persons:]
    right = [_wrong(rng, p) if k < shared and rng.random() < errors else dict(p) for k, p in enumerate(right)]
    order = rng.permutation(persons), rng.permutation(persons)
    truth = np.full(persons, -1)
    where_right = np.argsort(order[1])
    for place, person in enumerate(order[0]):
        if person < shared:
            truth[place] = where_right[person]
    tables = [pd.DataFrame([rows[k] for k in o]) for rows, o in ((left, order[0]), (right, order[1]))]
    return Registers(tables[0], tables[1], truth)


def _person(rng: np.random.Generator, regions: int) -> dict[str, Any]:
    names = rng.choice(GIVEN, 1 + (rng.random() < 0.2), replace=False)
    born = date(1925, 1, 1) + timedelta(days=int(rng.integers(0, 90 * 365)))
    return {
        "given": " ".join(names),
        "surname": str(rng.choice(SURNAMES)),
        "born": float((born - _EPOCH).days),
        "place": str(rng.choice(PLACES)),
        "sex": float(rng.integers(0, 2)),
        "region": float(rng.integers(0, regions)),
    }


def _wrong(rng: np.random.Generator, person: dict[str, Any]) -> dict[str, Any]:
    changed = dict(person)
    for _ in range(1 + (rng.random() < 0.3)):
        kind = rng.integers(0, 7)
        if kind == 0:
            changed["given"] = _misspelled(rng, changed["given"])
        elif kind == 1:
            changed["surname"] = _misspelled(rng, changed["surname"])
        elif kind == 2:  # after a marriage: a double name, or a new one
            new = str(rng.choice(SURNAMES))
            changed["surname"] = f"{changed['surname']}-{new}" if rng.random() < 0.5 else new
        elif kind == 3:
            changed["born"] = _swapped(changed["born"])
        elif kind == 4:
            changed["born"] = None if changed["born"] is None else changed["born"] + rng.choice([-10, -1, 1, 10, 365])
        elif kind == 5:
            changed[str(rng.choice(["given", "place", "born"]))] = None
        else:
            changed["surname"], changed["given"] = changed["surname"].upper(), (changed["given"] or "").lower()
    return changed


def _misspelled(rng: np.random.Generator, text: str | None) -> str | None:
    if not text or len(text) < 3:
        return text
    at = int(rng.integers(1, len(text) - 1))
    kind = rng.integers(0, 4)
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at] + text[at:]
    if kind == 2:
        return text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :]
    return text[:at] + str(rng.choice(list("aeinrst"))) + text[at + 1 :]


def _swapped(days: float | None) -> float | None:
    if days is None:
        return None
    born = _EPOCH + timedelta(days=int(days))
    return float((born.replace(month=born.day, day=born.month) - _EPOCH).days) if born.day <= 12 else days


def quality(partner: Any, truth: Any) -> tuple[float, float]:
    """Recall and precision of partners (-1: none)."""
    right = int(((partner == truth) & (truth >= 0)).sum())
    return right / max(int((truth >= 0).sum()), 1), right / max(int((partner >= 0).sum()), 1)
