"""SQL as a way to write what the verbs of tables do: `study.sql("SELECT …")`.

    text        a query's text, read; refusals with line and column
    scopes      which column a name means
    constants   numbers, texts and dates that stand in the text
    values      expressions, at the owner of their rows or in secret
    conditions  where a condition holds, and where its contrary does (SQL has a third case)
    strictness  what is missing where a column is missing
    relations   rows under way
    sources     FROM: tables and inner queries
    joins       at one owner as far as one owner can, then in secret
    inner       inner queries in conditions
    aggregates  aggregates of all rows;  groups, cells, at_owner  GROUP BY in secret, by public levels, at an owner
    select      one SELECT, up to its joined rows;  outcome  what comes out of it
    steps       what happens where, for `comity sql`
    query       the whole text

The meaning is DuckDB's. What cannot be had with this meaning is refused, with the place, the reason and a remedy.
Left out: window functions, UNION, RIGHT and FULL joins, text that is not a category, and what `docs/sql.md` lists.
"""
