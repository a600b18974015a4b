"""`comity accuracy`: statistics on data whose results are known, and how far they are off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from parties.cli.common import FILE, print_json, print_table
from parties.text.echo import echo
from protocols.engines import ENGINES

#: Computes in the clear with the digits of an engine, and rounds down always, where engines round to either side.
_IDEAL = "ideal"


@click.command()
@click.option(
    "--function",
    "functions",
    multiple=True,
    metavar="NAME",
    help="Run the cases of this function alone, as st.ols; may be given several times.",
)
@click.option(
    "--engine",
    type=click.Choice([*ENGINES, _IDEAL]),
    default="replicated",
    show_default=True,
    help="What computes: replicated with three organizations, shamir with five, or ideal, which computes in the clear "
    "with the same digits but rounds down always.",
)
@click.option("--write", "page", type=FILE, metavar="FILE", help="Write the table as a page of Markdown, too.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON list on standard output: an object for each case."
)
def command(functions: Sequence[str], engine: str, page: Path | None, as_json: bool) -> None:
    """Compare statistics with values that are known.

    Runs the statistical functions on public data sets with certified or published results, and on data that are hard
    to compute with. Each case is a study of several organizations in this process. The table shows the largest error
    of each function, or, with --function, of each of its cases: of estimates and standard errors relative, of
    p-values absolute, and in brackets relative for those below 1e-6. Errors are rounded up to a power of ten. The page
    docs/accuracy.md has all cases, and says how to read them.

    Ends with 1 if an error is beyond its limit, or if words came in place of numbers where no case allows them.

    Needs scikit-learn and statsmodels: pip install 'comity[accuracy]'.

    \b
    Examples:  comity accuracy
               comity accuracy --function st.ols --function st.logit
               comity accuracy --engine shamir --json
               comity accuracy --write docs/accuracy.md
    """

    from parties.accuracy import page as pages
    from parties.accuracy.registry import cases
    from parties.accuracy.run import Row, run
    from parties.cli.progress import Display
    from parties.system.kernels import prepare

    known = cases()
    names = list(dict.fromkeys(case.function for case in known))
    for function in functions:
        if function not in names:
            raise click.BadParameter(
                f"{function!r} has no cases; there are {', '.join(names)}", param_hint="--function"
            )
    if page is not None and functions:
        raise click.UsageError("--write is for the table of all functions: leave out --function")
    if page is not None and not page.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {page.absolute().parent}", param_hint="--write")
    chosen = [case for case in known if not functions or case.function in functions]
    rows: list[Row] = []
    with Display(quiet=as_json) as display:
        prepare(engine, display.status)
        for row in run(chosen, engine):
            rows.append(row)
            done = f"{len(rows)} of {len(chosen)}: {', '.join(row.case.name)}"
            display.status(done if row.passed else f"{done}: LIMIT PASSED")
    if page is not None:
        page.write_text(pages.markdown(rows, engine), encoding="utf-8")
    if as_json:
        print_json([row.json() for row in rows])
    else:
        if functions:
            print_table(pages.HEADINGS, [pages.cells(row) for row in rows])
        else:
            print_table(pages.LARGEST, pages.largest(rows))
        for line in pages.shortfalls(rows):
            echo(f"shortfall: {line}")
        for row in rows:
            for problem in row.problems:
                echo(f"LIMIT PASSED: {', '.join(row.case.name)}: {problem}")
    if not all(row.passed for row in rows):
        raise click.exceptions.Exit(1)
