# SPDX-License-Identifier: Apache-2.0
"""Writes the golden set: small models of other tools beside rows and what these must score.

    /usr/bin/python3 tests/golden/make_golden.py

A folder per model: the model, rows.csv with the column `expected`, and `options` for
`chw model import` where it needs any. XGBoost's are trained and evaluated by python3-xgboost;
LightGBM's are made up and evaluated by tests/integration/lightgbm_text.py. Run it again only
to add one: what is committed stays as other versions of the tools wrote it. The folders of
ONNX models are made by make_golden_onnx.py.
"""

import csv
import json
import math
import os
import random
import sys

import numpy as np
import xgboost

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import lightgbm_text  # noqa: E402

NAMES, TYPES = ["age", "bmi", "county"], ["int", "float", "c"]
COUNTIES = ["Busia", "Kisumu", "Nakuru", "Turkana", "Wajir"]
TRAINED, ROWS = 300, 40


def folder(name):
    path = os.path.join(HERE, name)
    os.makedirs(path, exist_ok=True)
    return path


def write_rows(path, names, rows, expected):
    with open(os.path.join(path, "rows.csv"), "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([*names, "expected"])
        for row, p in zip(rows, expected):
            out.writerow([*row, repr(float(p))])


def write_options(path, *options):
    with open(os.path.join(path, "options"), "w") as file:
        file.write("\n".join(options) + "\n")


# ---- XGBoost ----

def table(seed, rows, counties):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(18, 90, rows), rng.normal(27, 5, rows),
                         rng.integers(0, counties, rows)]).astype(np.float32)
    risk = x[:, 0] / 30 + x[:, 1] / 10 + x[:, 2] % 2 + rng.normal(0, 1, rows)
    x[rng.random(rows) < 0.1, 1] = np.nan
    return x, risk


def cells(x):
    return [["" if np.isnan(v) else f"{v:.9g}" for v in row] for row in x]


def make_xgboost(name, file, params, rounds=3, classes=2, chosen=None, types=None):
    x, risk = table(1, TRAINED, 5)
    y = np.digitize(risk, np.quantile(risk, np.arange(1, classes) / classes))
    params = {"nthread": 1, "max_depth": 3, "base_score": 0.4, **params}
    model = xgboost.train(params, xgboost.DMatrix(
        x, y, feature_names=NAMES, feature_types=types, enable_categorical=True), rounds)
    rows, _ = table(2, ROWS, 6 if types else 5)  # one county more than it has seen
    expected = model.predict(xgboost.DMatrix(
        rows, feature_names=NAMES, feature_types=types, enable_categorical=True))
    path = folder(name)
    model.save_model(os.path.join(path, file))
    write_rows(path, NAMES, cells(rows), expected if chosen is None else expected[:, chosen])
    if chosen is not None:
        write_options(path, "--class", str(chosen))
    return model, rows, expected


def make_newer():
    """As 3.1 writes it: base_score a list, the categories' names kept."""
    path = folder("xgboost_newer")
    _, rows, expected = make_xgboost(
        "xgboost_newer", "model.json", {"objective": "binary:logistic", "tree_method": "hist",
                                        "max_cat_to_onehot": 1}, types=TYPES)
    with open(os.path.join(path, "model.json")) as file:
        document = json.load(file)
    learner = document["learner"]
    learner["learner_model_param"]["base_score"] = "[4E-1]"
    names = [name.encode() for name in COUNTIES]
    offsets = [sum(len(name) for name in names[:i]) for i in range(len(names) + 1)]
    learner["gradient_booster"]["model"]["cats"] = {
        "enc": [{"offsets": [], "values": []}, {"offsets": [], "values": []},
                {"offsets": offsets, "values": list(b"".join(names))}],
        "feature_segments": [0, 0, 0, len(names)], "sorted_idx": list(range(len(names)))}
    document["version"] = [3, 1, 0]
    with open(os.path.join(path, "model.json"), "w") as file:
        json.dump(document, file)
    known = rows[:, 2] < len(COUNTIES)
    named = [[*row[:2], COUNTIES[int(code)]] for row, code in
             zip(cells(rows[known]), rows[known, 2])]
    write_rows(path, NAMES, named, expected[known])


# ---- LightGBM ----

def make_lightgbm(name, objective, seed, chosen=None, **options):
    rng = random.Random(seed)
    names = options.get("names", False)
    features, rows, text = lightgbm_text.make_text(rng, objective, rounds=3, categories=1,
                                                   numbers=3, **options)
    path = folder(name)
    with open(os.path.join(path, "model.txt"), "w") as file:
        file.write(text)
    written = [["" if math.isnan(value) else
                f"{feature.name} {value:.0f}" if names and feature.category else repr(value)
                for feature, value in zip(features, row)] for row in rows[:ROWS]]
    expected = [lightgbm_text.predict(text, row)[chosen or 0] for row in rows[:ROWS]]
    write_rows(path, [feature.name for feature in features], written, expected)
    if chosen is not None:
        write_options(path, "--class", str(chosen))


def main():
    make_xgboost("xgboost_binary", "model.json", {"objective": "binary:logistic"})
    make_xgboost("xgboost_categories", "model.ubj",
                 {"objective": "binary:logistic", "tree_method": "hist", "max_cat_to_onehot": 1},
                 types=TYPES)
    make_xgboost("xgboost_classes", "model.ubj", {"objective": "multi:softprob", "num_class": 3},
                 classes=3, chosen=2, rounds=2)
    make_xgboost("xgboost_dart", "model.json", {"objective": "binary:logistic", "booster": "dart",
                                                "rate_drop": 0.5}, rounds=5)
    make_xgboost("xgboost_forest", "model.json", {"objective": "binary:logistic",
                                                  "num_parallel_tree": 4, "subsample": 0.5},
                 rounds=1)
    make_xgboost("xgboost_linear", "model.json", {"objective": "binary:logistic",
                                                  "booster": "gblinear", "max_depth": None})
    make_newer()
    make_lightgbm("lightgbm_binary", "binary sigmoid:0.8", 1, version="v3")
    make_lightgbm("lightgbm_named", "binary sigmoid:1", 2, names=True)
    make_lightgbm("lightgbm_classes", "multiclass num_class:3", 3, classes=3, chosen=1)
    make_lightgbm("lightgbm_one_of_all", "multiclassova num_class:3 sigmoid:1", 4, classes=3,
                  chosen=2)
    make_lightgbm("lightgbm_forest", "binary sigmoid:1", 5, mean=True)
    make_lightgbm("lightgbm_number", "regression", 6, version="v2")


if __name__ == "__main__":
    main()
