"""`comity accuracy`: every statistical function on data whose results are known, and how far its numbers are off.

A case is one function on one data set. To add one, write a generator in the file of its subject in
`parties/accuracy/cases` (a new file is found by itself):

    @case("st.ttest_ind", "iris: petals of two species", rows="stay", by="scipy 1.17")
    def petals(joint: Joint) -> Compare:
        stats = need("scipy.stats")
        flowers = sets.iris()
        found = joint.release(
            flowers[["petal", "virginica"]],
            lambda t: st.ttest_ind(t.petal[t.virginica], t.petal[~t.virginica]),
        )
        known = stats.ttest_ind(*sets.halves(flowers, "petal", "virginica"), equal_var=False)
        yield estimate("t", found["statistic"], known.statistic)
        yield p_value("p", found["p"], known.pvalue)

`joint.release(frame, script)` splits the rows between organizations, runs the script as a study on the engine under
test, releases what it returns, and gives that in the form of `result.json`. With `rows="shared"` the script gets a
table whose rows are shared. Columns are declared by what is in them: flags, whole numbers and numbers in a range
rounded outwards, categories; `columns={"petal": Real(0, 10)}` declares one as a study would.

The comparisons are in `compared.py`: `estimate`, `standard_error`, `p_value` and `same`, each with the limits of this
project. A release that is words in place of numbers passes only where the case says so (`may_be="undefined: …"`).
Where numbers are known to be outside the limits, `shortfall="why"` and `within={"estimate": 1e-3}` say so, and the
table shows them.

Then write the page anew, `comity accuracy --write docs/accuracy.md`: a test compares its rows with the cases.
"""
