"""Events and person-time: rates, standardised rates and ratios."""
