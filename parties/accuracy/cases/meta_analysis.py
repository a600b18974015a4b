"""Meta-analysis: each row is an estimate with its standard error."""

from __future__ import annotations

from typing import Any

import pandas as pd

from parties.accuracy.cases.association import line
from parties.accuracy.compared import Compare, estimate, p_value, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import need
from parties.accuracy.registry import case
from protocols import statistics as st

#: Log odds ratios of six hospitals, made up, and their standard errors.
_EFFECTS = [0.10, 0.62, -0.21, 0.95, 0.33, 0.41]
_ERRORS = [0.12, 0.25, 0.31, 0.20, 0.08, 0.55]


@case("st.meta_analysis", "six log odds ratios", rows="shared", by="statsmodels 0.15", public=False)
def six(joint: Joint) -> Compare:
    frame = pd.DataFrame({"effect": _EFFECTS, "error": _ERRORS})

    def script(t: Any) -> Any:
        return {model: st.meta_analysis(t.effect, t.error, model=model) for model in ("fixed", "random")}

    found = joint.release(frame, script)
    known = need("statsmodels.stats.meta_analysis").combine_effects(frame.effect, frame.error**2, method_re="chi2")
    for model, mean, error in (
        ("fixed", known.mean_effect_fe, known.sd_eff_w_fe),
        ("random", known.mean_effect_re, known.sd_eff_w_re),
    ):
        yield estimate(f"{model} effect", line(found[model], f"pooled effect, {model}", "estimate"), mean)
        yield standard_error(f"{model} error", line(found[model], "standard error", "estimate"), error)
    yield estimate("Q", line(found["random"], "heterogeneity (Q)", "statistic"), known.q)
    yield estimate("tau squared", line(found["random"], "tau squared", "estimate"), known.tau2)
    yield p_value("p of Q", line(found["random"], "heterogeneity (Q)", "p"), known.test_homogeneity().pvalue)
