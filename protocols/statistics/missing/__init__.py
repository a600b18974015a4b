"""Missing values: patterns, values carried forward, multiple imputation and Rubin's rules."""
