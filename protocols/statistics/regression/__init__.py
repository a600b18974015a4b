"""Models of an outcome by predictors: formulas, least squares, logistic regression, and the algebra that they share."""
