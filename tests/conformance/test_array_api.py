"""scikit-learn and SciPy take tensors by the array API: a process with PyTorch and one where pedigrad stands in for it say the same."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
if sys.argv[1] == "pedigrad":
    import pedigrad
    pedigrad.install_as_torch()
import numpy as np
import scipy.cluster.vq, scipy.fft, scipy.integrate, scipy.signal, scipy.special, scipy.stats
import torch
from sklearn import config_context
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, mean_squared_error, r2_score
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import KernelCenterer, MaxAbsScaler, MinMaxScaler, Normalizer, PolynomialFeatures, StandardScaler

x = torch.tensor(np.random.default_rng(0).normal(size=(50, 4)))
y = (x[:, 0] + 0.3 * x[:, 1] > 0).long()
CALLS = {
    "LinearDiscriminantAnalysis": lambda: LinearDiscriminantAnalysis().fit(x, y).predict(x),
    "PCA": lambda: PCA(2, svd_solver="full").fit(x).components_.abs(),
    "StandardScaler": lambda: StandardScaler().fit_transform(x),
    "MinMaxScaler": lambda: MinMaxScaler().fit_transform(x),
    "MaxAbsScaler": lambda: MaxAbsScaler().fit_transform(x),
    "Normalizer": lambda: Normalizer().fit_transform(x),
    "KernelCenterer": lambda: KernelCenterer().fit_transform(x @ x.T),
    "PolynomialFeatures": lambda: PolynomialFeatures().fit_transform(x),
    "Ridge": lambda: Ridge(solver="svd").fit(x, y.double()).coef_,
    "GaussianMixture": lambda: GaussianMixture(2, random_state=0, init_params="random").fit(x).means_,
    "accuracy_score": lambda: accuracy_score(y, y.roll(1)),
    "r2_score": lambda: r2_score(x[:, 0], x[:, 1]),
    "mean_squared_error": lambda: mean_squared_error(x[:, 0], x[:, 1]),
    "rbf_kernel": lambda: rbf_kernel(x[:5], x[5:9]),
    "cosine_similarity": lambda: cosine_similarity(x[:5]),
    "special.logsumexp": lambda: scipy.special.logsumexp(x, axis=1),
    "special.expit": lambda: scipy.special.expit(x),
    "special.erf": lambda: scipy.special.erf(x),
    "special.xlogy": lambda: scipy.special.xlogy(x[0].abs(), x[1].abs()),
    "fft.rfft": lambda: scipy.fft.rfft(x[:, 0]).abs(),
    "cluster.whiten": lambda: scipy.cluster.vq.whiten(x),
    "signal.detrend": lambda: scipy.signal.detrend(x[:, 0]),
    "stats.zscore": lambda: scipy.stats.zscore(x),
    "stats.ttest_1samp": lambda: scipy.stats.ttest_1samp(x, 0.0).pvalue,
    "stats.skew": lambda: scipy.stats.skew(x),
    "stats.entropy": lambda: scipy.stats.entropy(x.abs(), axis=0),
    "integrate.simpson": lambda: scipy.integrate.simpson(x[:, 0]),
}
found = {}
for name, call in CALLS.items():
    try:
        with config_context(array_api_dispatch=True):
            result = call()
        is_tensor = isinstance(result, torch.Tensor)
        found[name] = [is_tensor, str(result.dtype) if is_tensor else None, np.asarray(result).tolist()]
    except Exception as error:
        found[name] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def said():
    """What each process says of each call."""
    surroundings = {**os.environ, "SCIPY_ARRAY_API": "1"}
    found = []
    for library in ("torch", "pedigrad"):
        command = [sys.executable, "-c", PROGRAM, library]
        done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(json.loads(done.stdout))
    return found


def test_scikit_learn_and_scipy_take_tensors_and_give_tensors(said):
    theirs, ours = said
    assert list(ours) == list(theirs)
    for name, expected in theirs.items():
        assert isinstance(expected, list), f"{name}: {expected}"
        assert isinstance(ours[name], list), f"{name}: {ours[name]}"
        assert ours[name][:2] == expected[:2], name
        np.testing.assert_allclose(ours[name][2], expected[2], rtol=1e-6, atol=1e-9, err_msg=name)
    assert sum(bool(each[0]) for each in ours.values()) >= 20  # most of them stay tensors
