"""The laws that the tests go through: how each is made of its parameters, and values to ask about."""

from __future__ import annotations

from typing import Any

import numpy as np

A, B = [0.3, 1.5, 4.0], [2.0, 0.7, 1.1]
CHANCES = [0.2, 0.5, 0.9]
ROWS = [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]
LOGITS = [-1.0, 0.0, 2.5]
MATRIX = [[1.5, 0.0, 0.0], [-0.4, 0.8, 0.0], [0.3, 0.2, 2.0]]
COVARIANCE = (np.asarray(MATRIX) @ np.asarray(MATRIX).T).tolist()

# name: (constructor's name, parameters, further arguments, values)
TABLE: dict[str, tuple[str, dict[str, Any], dict[str, Any], Any]] = {
    "Normal": ("Normal", {"loc": A, "scale": B}, {}, [0.1, -1.0, 3.0]),
    "Bernoulli": ("Bernoulli", {"probs": CHANCES}, {}, [0.0, 1.0, 1.0]),
    "Bernoulli of logits": ("Bernoulli", {"logits": LOGITS}, {}, [0.0, 1.0, 1.0]),
    "Categorical": ("Categorical", {"probs": ROWS}, {}, [2, 0]),
    "Categorical of logits": ("Categorical", {"logits": ROWS}, {}, [1, 1]),
    "OneHotCategorical": ("OneHotCategorical", {"probs": ROWS}, {}, [[0.0, 1, 0], [1, 0, 0]]),
    "OneHotCategoricalStraightThrough": (
        "OneHotCategoricalStraightThrough", {"probs": ROWS}, {}, [[0.0, 1, 0], [1, 0, 0]],
    ),
    "Uniform": ("Uniform", {"low": A, "high": [2.0, 2.0, 4.5]}, {}, [0.5, 1.6, 4.2]),
    "Beta": ("Beta", {"concentration1": A, "concentration0": B}, {}, CHANCES),
    "Gamma": ("Gamma", {"concentration": A, "rate": B}, {}, [0.1, 2.0, 5.0]),
    "Dirichlet": ("Dirichlet", {"concentration": [A, B]}, {}, ROWS),
    "Exponential": ("Exponential", {"rate": A}, {}, [0.1, 2.0, 0.0]),
    "Laplace": ("Laplace", {"loc": A, "scale": B}, {}, [0.1, -1.0, 4.5]),
    "Cauchy": ("Cauchy", {"loc": A, "scale": B}, {}, [0.1, -1.0, 4.5]),
    "LogNormal": ("LogNormal", {"loc": A, "scale": B}, {}, [0.1, 1.0, 4.5]),
    "LogisticNormal": ("LogisticNormal", {"loc": A, "scale": B}, {}, [0.1, 0.2, 0.3, 0.4]),
    "Poisson": ("Poisson", {"rate": [0.3, 4.0, 30.0]}, {}, [0.0, 3.0, 25.0]),
    "Geometric": ("Geometric", {"probs": CHANCES}, {}, [0.0, 3.0, 1.0]),
    "Geometric of logits": ("Geometric", {"logits": LOGITS}, {}, [0.0, 3.0, 1.0]),
    "Binomial": ("Binomial", {"probs": CHANCES}, {"total_count": 40}, [0.0, 20.0, 37.0]),
    "Binomial of logits": ("Binomial", {"logits": LOGITS}, {"total_count": 4}, [0.0, 2.0, 3.0]),
    "Multinomial": ("Multinomial", {"probs": ROWS}, {"total_count": 4}, [[1.0, 2, 1], [4, 0, 0]]),
    "NegativeBinomial": (
        "NegativeBinomial", {"total_count": [3.0, 2.0, 7.0], "probs": CHANCES}, {}, [0.0, 3.0, 40.0],
    ),
    "HalfNormal": ("HalfNormal", {"scale": B}, {}, [0.1, 1.0, 0.0]),
    "HalfCauchy": ("HalfCauchy", {"scale": B}, {}, [0.1, 1.0, 0.0]),
    "StudentT": ("StudentT", {"df": [0.9, 2.5, 8.0], "loc": A, "scale": B}, {}, [0.1, -1.0, 4.5]),
    "Chi2": ("Chi2", {"df": A}, {}, [0.1, 1.0, 4.5]),
    "FisherSnedecor": ("FisherSnedecor", {"df1": [1.0, 3.0, 5.0], "df2": [3.0, 5.0, 9.0]}, {}, A),
    "Gumbel": ("Gumbel", {"loc": A, "scale": B}, {}, [0.1, -1.0, 4.5]),
    "Weibull": ("Weibull", {"scale": A, "concentration": [1.2, 2.0, 3.0]}, {}, [0.1, 1.0, 4.5]),
    "Pareto": ("Pareto", {"scale": A, "alpha": [0.7, 1.5, 3.0]}, {}, [0.5, 2.0, 4.5]),
    "Kumaraswamy": ("Kumaraswamy", {"concentration1": [1.3, 1.5, 4.0], "concentration0": [2.0, 1.7, 1.1]}, {}, CHANCES),
    "InverseGamma": ("InverseGamma", {"concentration": [0.8, 1.5, 4.0], "rate": B}, {}, [0.1, 2.0, 5.0]),
    "GeneralizedPareto": (
        "GeneralizedPareto", {"loc": A, "scale": B, "concentration": [-0.4, 0.3, 0.9]}, {}, [0.5, 2.0, 5.0],
    ),
    "VonMises": ("VonMises", {"loc": A, "concentration": B}, {}, [0.1, -1.0, 2.5]),
    "ContinuousBernoulli": ("ContinuousBernoulli", {"probs": CHANCES}, {}, [0.1, 0.3, 0.9]),
    "RelaxedBernoulli": ("RelaxedBernoulli", {"temperature": 0.7, "probs": CHANCES}, {}, [0.1, 0.3, 0.9]),
    "RelaxedOneHotCategorical": (
        "RelaxedOneHotCategorical", {"temperature": 0.7, "probs": ROWS}, {}, [[0.1, 0.3, 0.6], [0.5, 0.3, 0.2]],
    ),
    "MultivariateNormal": (
        "MultivariateNormal", {"loc": A, "covariance_matrix": COVARIANCE}, {}, [[0.1, -1.0, 2.0], [1, 1, 1]],
    ),
    "MultivariateNormal of precision": (
        "MultivariateNormal", {"loc": A, "precision_matrix": COVARIANCE}, {}, [[0.1, -1.0, 2.0], [1, 1, 1]],
    ),
    "MultivariateNormal of scale": (
        "MultivariateNormal", {"loc": [A, B], "scale_tril": MATRIX}, {}, [[0.1, -1.0, 2.0], [1, 1, 1]],
    ),
    "Wishart": (
        "Wishart", {"covariance_matrix": COVARIANCE}, {"df": 4.5}, [[[2.0, 0.3, 0.1], [0.3, 1, 0.2], [0.1, 0.2, 3]]] * 2,
    ),
    "LKJCholesky": (
        "LKJCholesky", {"concentration": [0.7, 1.5]}, {"dim": 3}, [[[1.0, 0, 0], [0.6, 0.8, 0], [0, 0.8, 0.6]]] * 2,
    ),
    "LowRankMultivariateNormal": (
        "LowRankMultivariateNormal", {"loc": A, "cov_factor": [[1.0, 0.2], [0.3, -1.0], [0.5, 0.5]], "cov_diag": B},
        {}, [[0.1, -1.0, 2.0], [1, 1, 1]],
    ),
}  # fmt: skip
