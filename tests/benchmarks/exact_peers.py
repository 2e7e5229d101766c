"""Systems that solve penalised linear models: each takes one fold of centred inputs, and goes along the path.

A system is called with x (n, p), y (n, K) or classes (n,), the case and a tolerance; it returns weights (C, K, p) and
biases (C, K). Which cases it is asked is in `PEERS`.
"""

from __future__ import annotations

import numpy as np
import torch


def path_of(x, y, case, tolerance):
    """scikit-learn's enet_path; of several outputs only with groups."""
    from sklearn.linear_model import enet_path

    settings = {"l1_ratio": case.ratio, "alphas": case.alphas, "tol": tolerance, "max_iter": 100_000}
    if y.shape[1] == 1:
        weight = enet_path(x, np.ascontiguousarray(y[:, 0]), precompute=len(x) > x.shape[1], **settings)[1].T[:, None]
    else:
        weight = enet_path(x, np.asfortranarray(y), **settings)[1].transpose(2, 0, 1)
    return weight, 0


def ridge_of(solver):
    """scikit-learn's ridge_regression: a target for every lambda, so that one decomposition serves them all."""

    def system(x, y, case, _tolerance):
        from sklearn.linear_model import ridge_regression

        targets = np.repeat(y, len(case.lambdas), 1)
        return ridge_regression(x, targets, case.lambdas * len(x), solver=solver)[:, None], 0

    return system


def logistic_of(solver):
    """scikit-learn's LogisticRegression from fit to fit."""

    def system(x, y, case, tolerance):
        from sklearn.linear_model import LogisticRegression

        share = {} if case.penalty == "l2" else {"l1_ratio": case.ratio}
        model = LogisticRegression(tol=tolerance, max_iter=5_000, warm_start=True, solver=solver, **share)
        found = []
        for each in case.lambdas:
            model.set_params(C=1 / (each * len(x))).fit(x, y)
            found.append((model.coef_.copy(), np.array(model.intercept_)))
        return stacked(found)

    return system


def celer(x, y, case, tolerance):
    """celer_path, or mtl_path for groups."""
    from celer import celer_path
    from celer.homotopy import mtl_path

    settings = {"tol": tolerance, "max_epochs": 100_000, "max_iter": 100}
    if y.shape[1] > 1:
        return mtl_path(x, np.asfortranarray(y), alphas=case.alphas, **settings)[1].transpose(2, 0, 1), 0
    target = np.ascontiguousarray(y[:, 0])
    return celer_path(x, target, "lasso", alphas=case.alphas, l1_ratio=case.ratio, **settings)[1].T[:, None], 0


def skglm(x, y, case, tolerance):
    """AndersonCD, for groups MultiTaskBCD, for classes ProxNewton, from fit to fit."""
    import skglm as library

    settings = {"tol": tolerance, "warm_start": True}
    if case.kind == "binary":
        model = library.SparseLogisticRegression(alpha=1.0, l1_ratio=case.ratio, **settings)
    elif y.shape[1] > 1:
        model = library.MultiTaskLasso(alpha=1.0, max_iter=500, fit_intercept=False, **settings)
    else:
        model = library.ElasticNet(alpha=1.0, l1_ratio=case.ratio, max_iter=500, fit_intercept=False, **settings)
        y = y[:, 0]
    found = []
    for each in case.alphas:
        model.set_params(alpha=each).fit(x, y)
        bias = model.intercept_ if case.kind == "binary" else 0.0
        found.append((np.array(model.coef_, ndmin=2), np.ravel(bias)))
    return stacked(found)


def adelie(x, y, case, tolerance):
    """grpnet; its several outputs are averaged, not summed, and always tied together."""
    import adelie as ad

    outputs = case.outputs
    if case.kind == "binary":
        loss = ad.glm.binomial(y.astype(float))
    elif case.kind == "multiclass":
        loss = ad.glm.multinomial(np.eye(outputs)[y])
    elif outputs > 1:
        loss = ad.glm.multigaussian(np.ascontiguousarray(y))
    else:
        loss = ad.glm.gaussian(y[:, 0])
    stop = {"tol": tolerance, "irls_tol": tolerance, "early_exit": False, "progress_bar": False}
    stop["n_threads"] = torch.get_num_threads()
    # The factor of a group is the root of its size, as ours; of a square there is none.
    stop["penalty"] = np.ones(x.shape[1]) if case.penalty == "l2" else None
    found = ad.grpnet(x, loss, lmda_path=case.lambdas / outputs, alpha=case.ratio, **stop)
    weight = found.betas.toarray().reshape(len(case.lambdas), x.shape[1], outputs).transpose(0, 2, 1)
    return weight, np.asarray(found.intercepts).reshape(len(case.lambdas), outputs)


def himalaya(x, y, case, _tolerance):
    """solve_ridge_svd, a target for every lambda."""
    from himalaya.ridge import solve_ridge_svd

    targets = np.repeat(y, len(case.lambdas), 1)
    return solve_ridge_svd(x, targets, case.lambdas * len(x)).T[:, None], 0


def stacked(found):
    """Weights and biases of fit after fit as two arrays."""
    return tuple(np.stack(each) for each in zip(*found, strict=True))


def squared(*penalties):
    return lambda case: case.kind == "regression" and case.penalty in penalties


def classes(*penalties):
    return lambda case: case.kind != "regression" and case.penalty in penalties


PEERS = {  # system: module, what solves, which cases it is asked
    "scikit-learn path": ("sklearn", path_of, squared("l1", "elastic_net", "group_lasso")),
    "scikit-learn svd": ("sklearn", ridge_of("svd"), squared("l2")),
    "scikit-learn cholesky": ("sklearn", ridge_of("cholesky"), squared("l2")),
    "scikit-learn lbfgs": ("sklearn", logistic_of("lbfgs"), classes("l2")),
    "scikit-learn newton": ("sklearn", logistic_of("newton-cholesky"), classes("l2")),
    "scikit-learn saga": (  # takes many minutes where the columns are many
        "sklearn",
        logistic_of("saga"),
        lambda case: classes("l1", "elastic_net")(case) and case.x.shape[2] <= 10,
    ),
    "celer": ("celer", celer, squared("l1", "elastic_net", "group_lasso")),
    "skglm": (
        "skglm",
        skglm,
        lambda case: (
            case.kind != "multiclass" and case.penalty != "l2" and (case.kind != "binary" or case.outputs == 1)
        ),
    ),
    "adelie": ("adelie", adelie, lambda case: case.outputs == 1 or case.penalty in ("l2", "group_lasso")),
    "himalaya": ("himalaya", himalaya, squared("l2")),
}
