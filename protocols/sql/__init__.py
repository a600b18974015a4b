"""SQL as a way to write what the verbs of tables do: `study.sql("SELECT …")`.

    text        a query's text, read; refusals with line and column
    scopes      which column a name means
    constants   numbers, texts and dates that stand in the text
    values      expressions, at the owner of their rows or in secret
    conditions  where a condition holds, and where its contrary does (SQL has a third case)
    sources     FROM: tables, inner queries, and what WHERE says about one table alone
    joins       at one owner as far as one owner can, then in secret
    groups      GROUP BY and aggregates
    select      one SELECT from its clauses
    query       the whole text; what came of it

The meaning is DuckDB's. What cannot be had with this meaning is refused, with the place, the reason and a remedy.
Left out: window functions, UNION, RIGHT and FULL joins, text that is not a category, and what `docs/sql.md` lists.
"""
