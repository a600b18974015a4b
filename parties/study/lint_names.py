"""The names that a scenario may use: the lists behind `parties.study.lint`, and the look-up of a name in its module.

Of Comity, a scenario may use the names in `__all__` of these packages. Some names of library code are allowed too, and
`comity plan` shows them: they take protection off a value, and the author is responsible for that.
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Mapping


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Modules of the standard library that only compute.
PURE = _names(
    "__future__ abc bisect calendar cmath collections colorsys dataclasses datetime decimal enum fractions functools "
    "heapq itertools math numbers operator re statistics string textwrap typing unicodedata"
)
#: The packages whose `__all__` is the public API for scenarios; `mpc.errors` is for scripts that catch errors.
PUBLIC = _names(
    "mpc mpc.errors protocols.linkage protocols.models protocols.numeric protocols.order protocols.statistics "
    "protocols.genetics protocols.survival"
)
#: Modules of library code that a scenario may use; each use is shown to people.
LIBRARY = _names("mpc.tables.private mpc.values.secret mpc.values.stated")
#: Modules for protocols on shares: only where a file declares one with `protocols.own`; each use is shown to people.
ON_SHARES = _names("protocols.own protocols.chunks mpc.machine.party mpc.machine.engine mpc.machine.shapes")
ON_SHARES |= {
    f"protocols.{module}"
    for module in _names(
        "replicated.sharing replicated.roles replicated.masks replicated.wire replicated.owner replicated.local "
        "replicated.arithmetic replicated.boolean replicated.compare replicated.convert replicated.equality "
        "replicated.truncate replicated.fused replicated.recompose "
        "shamir.floor shamir.adder shamir.conversion shamir.comparison shamir.truncation shamir.randomness"
    )
}
LIBRARY_METHODS = _names("about bare bounded cohorts invoke masked valid without_mask")
OURS = _names("mpc protocols scenarios")
#: Only inside functions: the oracle uses pandas.
IN_FUNCTIONS = _names("pandas")
#: Only inside the function that `@scenario.plaintext` decorates.
IN_PLAINTEXT = _names("lifelines scipy sklearn statsmodels")
_OF_NUMPY = _names("char dtypes emath exceptions fft linalg ma polynomial rec strings typing")

#: Built-in names, and what to write instead.
REFUSED_NAMES: Mapping[str, str] = {
    **dict.fromkeys(_names("open exec eval compile __import__ globals locals vars setattr delattr input"), ""),
    **dict.fromkeys(_names("breakpoint help exit quit memoryview"), ""),
    "getattr": "write table[name]",
    "id": "it differs between parties",
    "hash": "it differs between parties",
    **dict.fromkeys(_names("SystemExit KeyboardInterrupt GeneratorExit BaseException"), "write Exception"),
}
ALLOWED_DUNDERS = _names("__name__ __doc__ __init__ __future__ __all__ __post_init__ __slots__")
#: Public names that begin with an underscore: `_`, and the methods of named tuples.
ALLOWED_PRIVATE = _names("_ _asdict _fields _make _replace")
#: Names of NumPy and pandas that lead to files, memory, code, randomness or the machine.
_OF_LIBRARIES = _names(
    "load loadtxt genfromtxt fromfile fromregex save savetxt savez savez_compressed memmap DataSource open_memmap lib "
    "ctypeslib f2py distutils random eval io compat core _core testing show_config show_runtime get_include version"
)
#: Functions that return uninitialized memory.
UNSET = _names("empty empty_like ndarray")
REFUSED_METHODS = _names(
    "tofile dump dumps to_csv to_pickle to_parquet to_feather to_hdf to_excel to_sql to_json to_stata to_clipboard "
    "to_html to_xml to_orc f_globals f_locals f_builtins gi_frame cr_frame tb_frame ctypes "
    "attrgetter methodcaller get_type_hints make_dataclass Formatter get_field"
)
#: Clocks, time zones and randomness: their values differ between parties.
CLOCKS = _names("now utcnow today fromtimestamp utcfromtimestamp astimezone timestamp localtime samples")
#: Internals of a run, which a script must not use.
INTERNAL = _names(
    "basis deliver dry engine entries entry environment execute expression guard handle handles held like outside "
    "part_for part_words passes receive restated results schedule source spec standing_on tags unfinished view "
    "with_basis with_handle"
)


#: Internals of a run that a protocol on shares needs: messages, and what is public about a share.
IN_PROTOCOLS = _names("receive spec")


def reaches_out(name: str) -> bool:
    """Whether a name of NumPy or pandas leads to files, memory, code, randomness or the machine."""
    return name in _OF_LIBRARIES or name.startswith("read_")


def level(module: str, name: str = "") -> str | None:
    """The level of a name in a module of Comity, or of the module itself: "public", "library", "shares", or None if a
    scenario may not use it."""
    if not name:
        if module in PUBLIC or module == "protocols" or module.split(".")[0] == "scenarios":
            return "public"
        if module in ON_SHARES:
            return "shares"
        return "library" if module in LIBRARY else ("public" if _public_parts(module) else None)
    if module.split(".")[0] == "scenarios":
        return None if name.startswith("_") or isinstance(_of(module, name), types.ModuleType) else "public"
    if f"{module}.{name}" in PUBLIC:
        return "public"
    if module in PUBLIC and name in _all(module):
        return "public"
    if name in _public_parts(module):
        return "public"
    if module in ON_SHARES:
        return "shares" if name in _all(module) else None
    return "library" if module in LIBRARY and name in _all(module) else None


def reachable(module: str, name: str) -> bool:
    """Whether `name` is a public name of a module that only computes, and not a module that it imports."""
    if name.startswith("_") and name not in ALLOWED_PRIVATE and not module.startswith("__"):
        return False
    if module.split(".")[0] == "numpy" and name in _OF_NUMPY:
        return True
    return not isinstance(_of(module, name), types.ModuleType)


def _all(module: str) -> frozenset[str]:
    imported = importlib.import_module(module)
    named = getattr(imported, "__all__", None)
    if named is None:  # mpc.errors: all names that it defines
        named = [name for name, value in vars(imported).items() if getattr(value, "__module__", "") == module]
    return frozenset(name for name in named if not name.startswith("_"))


def _public_parts(module: str) -> frozenset[str]:
    """Public names that this module of a public package defines: `mpc.tables.schema` has `Real`, as `mpc` has."""
    package = module.rpartition(".")[0]
    while package and package not in PUBLIC:
        package = package.rpartition(".")[0]
    if not package:
        return frozenset()
    public = importlib.import_module(package)
    return frozenset(name for name in _all(package) if getattr(getattr(public, name), "__module__", "") == module)


def _of(module: str, name: str) -> object:
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


def public_names(module: str) -> frozenset[str]:
    """Names that a scenario may import from a module of Comity or, if the module has none, from `mpc`."""
    return _all(module) if module in PUBLIC else (_public_parts(module) or _all("mpc"))
