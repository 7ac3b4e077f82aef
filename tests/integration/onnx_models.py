# SPDX-License-Identifier: Apache-2.0
"""Models of scikit-learn as ONNX: the graphs that its converter writes, by python3-onnx.

Debian has no skl2onnx, so the operators, attributes and shapes that it emits are written here:
one tensor per column of a column transformer, or one of all columns. What they score is what
onnxruntime-node says, and what scikit-learn says, which the tests compare first.
"""

import json
import os
import subprocess

import numpy as np
from onnx import TensorProto, helper

HERE = os.path.dirname(os.path.abspath(__file__))
ML = "ai.onnx.ml"
TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "string": TensorProto.STRING}


class Graph:
    """Nodes in order; op() names what comes out."""

    def __init__(self, ml=3):
        self.ml, self.nodes, self.constants, self.inputs = ml, [], [], {}

    def input(self, name, kind="float32", width=1):
        self.inputs[name] = kind, width
        return name

    def constant(self, numbers, kind=TensorProto.FLOAT, dims=None):
        name = f"c{len(self.constants)}"
        self.constants.append(helper.make_tensor(
            name, kind, [len(numbers)] if dims is None else dims, numbers))
        return name

    def op(self, kind, inputs, domain="", outputs=1, **attributes):
        names = [f"{kind}{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def ml_op(self, kind, inputs, outputs=1, **attributes):
        return self.op(kind, inputs, ML, outputs, **attributes)

    def save(self, path, score, labels=None):
        """With the score as an output; of classes as a map, where there are labels."""
        nodes, name = list(self.nodes), score
        if labels is not None:
            name = "output_probability"
            key = "classlabels_strings" if isinstance(labels[0], str) else "classlabels_int64s"
            nodes.append(helper.make_node("ZipMap", [score], [name], domain=ML,
                                          **{key: labels}))
        inputs = [helper.make_tensor_value_info(n, TYPES[kind], [None, width])
                  for n, (kind, width) in self.inputs.items()]
        graph = helper.make_graph(
            nodes, "pipeline", inputs,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)], self.constants)
        model = helper.make_model(graph, producer_name="skl2onnx", opset_imports=[
            helper.make_opsetid("", 15), helper.make_opsetid(ML, self.ml)])
        model.ir_version = 8
        with open(path, "wb") as file:
            file.write(model.SerializeToString())


def evaluate(graph, score, feeds, folder, node_modules):
    """The score of onnxruntime-node, [rows, columns]."""
    path = os.path.join(folder, "oracle.onnx")
    graph.save(path, score)

    def plain(value):
        return "NaN" if isinstance(value, float) and value != value else value

    task = {"model": path, "outputs": [score], "feeds": {
        name: {"type": kind, "dims": [len(feeds[name]), width],
               "data": [plain(v) for v in np.asarray(feeds[name]).reshape(-1).tolist()]}
        for name, (kind, width) in graph.inputs.items()}}
    done = subprocess.run(["node", os.path.join(HERE, "onnx_run.js")], input=json.dumps(task),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                          env=dict(os.environ, NODE_PATH=node_modules))
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    out = json.loads(done.stdout)[score]
    return np.array(out["data"], dtype=np.float64).reshape(out["dims"])


# ---- before the estimator ----

def imputed(graph, value, imputer):
    return graph.ml_op("Imputer", [value], replaced_value_float=float("nan"),
                       imputed_value_floats=[float(v) for v in imputer.statistics_])


def scaled(graph, value, scaler):
    return graph.ml_op("Scaler", [value], offset=[float(v) for v in scaler.mean_],
                       scale=[float(1 / v) for v in scaler.scale_])


def one_hot(graph, value, categories):
    if not isinstance(categories[0], str):
        value = graph.op("Cast", [value], to=TensorProto.INT64)
        out = graph.ml_op("OneHotEncoder", [value], zeros=1,
                          cats_int64s=[int(c) for c in categories])
    else:
        out = graph.ml_op("OneHotEncoder", [value], zeros=1, cats_strings=list(categories))
    width = len(categories)
    return graph.op("Reshape", [out, graph.constant([-1, width], TensorProto.INT64)])


def ordinal(graph, value, categories):
    code = graph.ml_op("LabelEncoder", [value], keys_strings=list(categories),
                       values_int64s=list(range(len(categories))), default_int64=-1)
    return graph.op("Cast", [code], to=TensorProto.FLOAT)


def joined(graph, values):
    return graph.op("Concat", values, axis=1)


# ---- linear ----

def logistic(graph, value, model, transform):
    """label, scores"""
    weights, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        weights = np.vstack([-weights, weights])
        intercepts = np.concatenate([-intercepts, intercepts])
    key = ("classlabels_strings" if isinstance(model.classes_[0], str) else "classlabels_ints")
    return graph.ml_op(
        "LinearClassifier", [value], 2, coefficients=[float(v) for v in weights.reshape(-1)],
        intercepts=[float(v) for v in intercepts], multi_class=1, post_transform=transform,
        **{key: [c if isinstance(c, str) else int(c) for c in model.classes_]})[1]


def normalized(graph, value):
    return graph.ml_op("Normalizer", [value], norm="L1")


# ---- trees ----

def empty_ensemble(leaf):
    names = ["nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes",
             "nodes_values", "nodes_truenodeids", "nodes_falsenodeids",
             "nodes_missing_value_tracks_true", "nodes_hitrates",
             f"{leaf}_treeids", f"{leaf}_nodeids", f"{leaf}_ids", f"{leaf}_weights"]
    return {name: [] for name in names}


def add_node(out, tree, node, feature, mode, value, yes, no, missing=0):
    for name, item in (("treeids", tree), ("nodeids", node), ("featureids", feature),
                       ("modes", mode), ("values", float(value)), ("truenodeids", yes),
                       ("falsenodeids", no), ("missing_value_tracks_true", missing),
                       ("hitrates", 1.0)):
        out[f"nodes_{name}"].append(item)


def add_leaf(out, leaf, tree, node, output, weight):
    for name, item in (("treeids", tree), ("nodeids", node), ("ids", output),
                       ("weights", float(weight))):
        out[f"{leaf}_{name}"].append(item)


def at_most(threshold):
    """The last float32 that is not above."""
    near = np.float32(threshold)
    return near if near <= threshold else np.nextafter(near, np.float32(-np.inf))


def add_tree(out, leaf, number, tree, weights_of):
    """A tree of scikit-learn; weights_of(node) are (output, weight) of its leaf."""
    for node in range(tree.node_count):
        if tree.children_left[node] < 0:
            add_node(out, number, node, 0, "LEAF", 0, 0, 0)
            for output, weight in weights_of(node):
                add_leaf(out, leaf, number, node, output, weight)
        else:
            add_node(out, number, node, int(tree.feature[node]), "BRANCH_LEQ",
                     at_most(tree.threshold[node]), int(tree.children_left[node]),
                     int(tree.children_right[node]))


def labels_of(model):
    labels = list(model.classes_)
    if isinstance(labels[0], str):
        return {"classlabels_strings": [str(c) for c in labels]}
    return {"classlabels_int64s": [int(c) for c in labels]}


def forest(graph, value, model):
    """Of a forest or one tree: shares of each class, all of them in each leaf."""
    trees = getattr(model, "estimators_", [model])
    out = empty_ensemble("class")
    for number, tree in enumerate(trees):
        shares = tree.tree_.value[:, 0, :]
        shares = shares / shares.sum(axis=1, keepdims=True) / len(trees)
        add_tree(out, "class", number, tree.tree_, lambda node, s=shares: enumerate(s[node]))
    return graph.ml_op("TreeEnsembleClassifier", [value], 2, post_transform="NONE", **out,
                       **labels_of(model))[1]


def forest_of_numbers(graph, value, model):
    trees = getattr(model, "estimators_", [model])
    out = empty_ensemble("target")
    for number, tree in enumerate(trees):
        values = tree.tree_.value[:, 0, 0]
        add_tree(out, "target", number, tree.tree_, lambda node, v=values: [(0, v[node])])
    return graph.ml_op("TreeEnsembleRegressor", [value], n_targets=1, post_transform="NONE",
                       aggregate_function="AVERAGE", **out)


def boosting(graph, value, model, raw=False):
    out = empty_ensemble("class")
    outputs = model.estimators_.shape[1]
    for number, tree in enumerate(model.estimators_.reshape(-1)):
        values, output = tree.tree_.value[:, 0, 0] * model.learning_rate, number % outputs
        add_tree(out, "class", number, tree.tree_,
                 lambda node, v=values, o=output: [(o, v[node])])
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_))).reshape(-1)
    transform = "NONE" if raw else "LOGISTIC" if outputs == 1 else "SOFTMAX"
    return graph.ml_op("TreeEnsembleClassifier", [value], 2, post_transform=transform,
                       base_values=[float(v) for v in start], **out, **labels_of(model))[1]


def boosting_of_numbers(graph, value, model):
    out = empty_ensemble("target")
    for number, tree in enumerate(model.estimators_.reshape(-1)):
        values = tree.tree_.value[:, 0, 0] * model.learning_rate
        add_tree(out, "target", number, tree.tree_, lambda node, v=values: [(0, v[node])])
    return graph.ml_op("TreeEnsembleRegressor", [value], n_targets=1, post_transform="NONE",
                       base_values=[float(model.init_.constant_.item())], **out)


def add_histogram_tree(out, leaf, number, nodes, output):
    for at, node in enumerate(nodes):
        if node["is_leaf"]:
            add_node(out, number, at, 0, "LEAF", 0, 0, 0)
            add_leaf(out, leaf, number, at, output, node["value"])
        else:
            add_node(out, number, at, int(node["feature_idx"]), "BRANCH_LEQ",
                     at_most(node["num_threshold"]), int(node["left"]), int(node["right"]),
                     int(node["missing_go_to_left"]))


def histogram_boosting(graph, value, model, classes=True):
    leaf = "class" if classes else "target"
    out = empty_ensemble(leaf)
    outputs = model.n_trees_per_iteration_
    for number, predictor in enumerate(p for round_ in model._predictors for p in round_):
        add_histogram_tree(out, leaf, number, predictor.nodes, number % outputs)
    out["base_values"] = [float(v) for v in np.asarray(model._baseline_prediction).reshape(-1)]
    if not classes:
        return graph.ml_op("TreeEnsembleRegressor", [value], n_targets=1,
                           post_transform="NONE", **out)
    return graph.ml_op("TreeEnsembleClassifier", [value], 2, **out, **labels_of(model),
                       post_transform="LOGISTIC" if outputs == 1 else "SOFTMAX")[1]


MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
MEMBER = len(MODES)


def ensemble(graph, value, trees):
    """A regressor's lists as the node of opset 5; an equality becomes a set of one."""
    names = list(zip(trees["nodes_treeids"], trees["nodes_nodeids"]))
    leaves = dict(zip(zip(trees["target_treeids"], trees["target_nodeids"]),
                      trees["target_weights"]))
    inner = [i for i, name in enumerate(names) if name not in leaves]
    place = {names[i]: at for at, i in enumerate(inner)}
    place.update((name, at) for at, name in enumerate(leaves))
    out = {"tree_roots": [place[name] for name in names if name[1] == 0]}
    for new, old in (("true", "nodes_truenodeids"), ("false", "nodes_falsenodeids")):
        child = [(names[i][0], trees[old][i]) for i in inner]
        out[f"nodes_{new}nodeids"] = [place[name] for name in child]
        out[f"nodes_{new}leafs"] = [int(name in leaves) for name in child]
    for name in ("featureids", "missing_value_tracks_true"):
        out[f"nodes_{name}"] = [trees[f"nodes_{name}"][i] for i in inner]
    modes = [MODES.index(trees["nodes_modes"][i]) for i in inner]
    splits = [trees["nodes_values"][i] for i in inner]
    sets = [v for mode, v in zip(modes, splits) if mode == 4]
    out["nodes_modes"] = helper.make_tensor(
        "modes", TensorProto.UINT8, [len(modes)], [MEMBER if m == 4 else m for m in modes])
    out["nodes_splits"] = helper.make_tensor("splits", TensorProto.FLOAT, [len(splits)], splits)
    return tree_ensemble(graph, value, list(leaves.values()), [[v] for v in sets], **out)


def tree_ensemble(graph, value, weights, sets, **lists):
    """Opset 5: one target; each set for its node, in order."""
    members = [number for one in sets for number in (*one, float("nan"))]
    if members:
        lists["membership_values"] = helper.make_tensor(
            "members", TensorProto.FLOAT, [len(members)], members)
    return graph.ml_op(
        "TreeEnsemble", [value], n_targets=1, aggregate_function=1, post_transform=0,
        leaf_targetids=[0] * len(weights), leaf_weights=helper.make_tensor(
            "weights", TensorProto.FLOAT, [len(weights)], weights), **lists)


# ---- after the estimator ----

def column(graph, value, index):
    return graph.ml_op("ArrayFeatureExtractor",
                       [value, graph.constant([index], TensorProto.INT64)])


def sigmoid(graph, value, calibrator):
    """1 / (1 + exp(a x + b)), step by step."""
    value = graph.op("Mul", [graph.constant([calibrator.a_]), value])
    value = graph.op("Add", [value, graph.constant([calibrator.b_])])
    value = graph.op("Add", [graph.op("Exp", [value]), graph.constant([1.0])])
    return graph.op("Div", [graph.constant([1.0]), value])


def calibrated(graph, models, scores_of):
    """The mean of calibrated classifiers; scores_of(estimator): what is calibrated."""
    results = []
    for model in models:
        scores, calibrators = scores_of(model.estimator), model.calibrators
        if len(calibrators) == 1:
            second = sigmoid(graph, column(graph, scores, 1), calibrators[0])
            first = graph.op("Sub", [graph.constant([1.0]), second])
            results.append(joined(graph, [first, second]))
        else:
            each = joined(graph, [sigmoid(graph, column(graph, scores, i), c)
                                  for i, c in enumerate(calibrators)])
            total = graph.op("ReduceSum", [each, graph.constant([1], TensorProto.INT64)],
                             keepdims=1)
            results.append(graph.op("Div", [each, total]))
    if len(results) == 1:
        return results[0]
    return graph.op("Div", [graph.op("Sum", results), graph.constant([float(len(results))])])


def voted(graph, values):
    """The soft vote, as the converter weighs it."""
    share = graph.constant([1.0 / len(values)])
    return graph.op("Sum", [graph.op("Mul", [value, share]) for value in values])
