"""Makes scipy_numbers.json, which study-statistics.test.ts compares with: python3 scipy_numbers.py > scipy_numbers.json

Needs scipy (1.11 or later) and numpy.
"""

import json
import sys

import numpy as np
import scipy
from scipy import optimize, stats

random = np.random.default_rng(20260307)


def fifteenths(size, mean):
    return np.round(15 * np.clip(random.normal(mean, 0.25, size), 0, 1)) / 15


def standard_error(differences, labels):
    """Of the sum, differences scattering around the mean of their class."""
    total = 0.0
    for label in np.unique(labels):
        own = differences[labels == label]
        total += len(own) * np.var(own, ddof=1)
    return np.sqrt(total)


def one_seed():
    labels = np.array([0] * 5 + [1] * 7)
    reference, variant = fifteenths(12, 0.3), fifteenths(12, 0.42)

    def statistic(a, b):
        return (a - b).sum() / standard_error(a - b, labels)

    # All 4096 exchanges.
    test = stats.permutation_test(
        (variant, reference), statistic, permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    return {
        "labels": labels.tolist(),
        "reference": reference.tolist(),
        "variant": variant.tolist(),
        "difference": float((variant - reference).mean()),
        "pValue": float(test.pvalue),
        "standardError": float(standard_error(variant - reference, labels) / 12),
    }


def several_seeds(seeds, images):
    """Each seed has photographs of its own, which add little: the seeds' mean differences are a sample for Student's t."""
    luck = random.normal(0, 0.05, (seeds, 1))
    reference = np.stack([fifteenths(images, 0.3) for _ in range(seeds)])
    variant = np.clip(np.round(15 * (reference + 0.15 + luck + random.normal(0, 0.05, reference.shape))) / 15, 0, 1)
    means = (variant - reference).mean(axis=1)
    test = stats.ttest_1samp(means, 0)
    low, high = test.confidence_interval(0.95)
    error = means.std(ddof=1) / np.sqrt(seeds)
    return {
        "reference": reference.tolist(),
        "variant": variant.tolist(),
        "difference": float(means.mean()),
        "pValue": float(test.pvalue),
        "low": float(low),
        "high": float(high),
        "smallestDetectable": float(error * detectable(seeds - 1)),
    }


def detectable(degrees):
    """Of Student's two-sided test at 5 %: the true mean in standard errors that it finds in 80 % of cases."""
    limit = stats.t.ppf(0.975, degrees)

    def lacking(mean):
        return stats.nct.sf(limit, degrees, mean) - 0.8

    return optimize.brentq(lacking, 1, 12)


def trimmed():
    # A multiple of four: SciPy divides by one half, whatever share is kept.
    values = fifteenths(48, 0.35)
    return {
        "values": values.tolist(),
        "mean": float(stats.trim_mean(values, 0.25)),
        "standardError": float(stats.mstats.trimmed_stde(values, limits=(0.25, 0.25))),
    }


def quantiles():
    """What Student's t exceeds, from tails of one network to those of a hundred, and exact intervals of shares."""
    tails = [(0.025, 2), (0.025, 8), (0.2, 1), (0.025 / 9, 1), (0.025 / 9, 8), (0.05, 30), (1e-6, 3), (0.4, 99)]
    counts = [(0, 9), (2, 9), (9, 9), (1, 3), (30, 100)]
    interval = lambda count, of: stats.binomtest(count, of).proportion_ci(0.95, "exact")
    return {
        "student": [{"tail": p, "degrees": v, "value": float(stats.t.isf(p, v))} for p, v in tails],
        "shares": [
            {"count": k, "of": n, "low": float(interval(k, n).low), "high": float(interval(k, n).high)} for k, n in counts
        ],
    }


def correlation():
    left, right = [0.31, 0.35, 0.28, 0.4, 0.33], [0.3, 0.37, 0.31, 0.38, 0.29]
    found = stats.pearsonr(left, right)
    interval = found.confidence_interval(0.95)
    return {
        "left": left,
        "right": right,
        "value": float(found.statistic),
        "low": float(interval.low),
        "high": float(interval.high),
    }


json.dump(
    {
        "scipy": scipy.__version__,
        "oneSeed": one_seed(),
        "threeSeeds": several_seeds(3, 9),
        "fiveSeeds": several_seeds(5, 8),
        "trimmed": trimmed(),
        "quantiles": quantiles(),
        "correlation": correlation(),
    },
    sys.stdout,
    indent=1,
)
