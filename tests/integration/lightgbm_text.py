# SPDX-License-Identifier: Apache-2.0
"""LightGBM's model text: made-up models for tests, and an evaluator that reads the text by the
format's description, a value at a time in double: written apart from the importer."""

import json
import math
import struct

ZERO = struct.unpack("f", struct.pack("f", 1e-35))[0]
NONE, AS_ZERO, AS_NAN = range(3)  # what is missing to a feature
TREE_LEAVES = 12


def single(value):
    """The nearest float32, which is what a record holds."""
    return struct.unpack("f", struct.pack("f", value))[0]


# ---- made-up features, rows and models ----

class Feature:
    def __init__(self, rng, index, category):
        self.name, self.category = f"column_{index}", category
        self.missing = rng.choice((NONE, AS_ZERO, AS_NAN))
        self.codes = rng.randint(3, 40) if category else 0

    def value(self, rng):
        if rng.random() < 0.1:
            return math.nan
        if self.category:
            return float(rng.randrange(self.codes + 2))  # two that it has never seen
        kind = rng.random()
        if kind < 0.15:
            return 0.0
        return single(rng.choice((rng.gauss(0, 1), float(rng.randint(-3, 3)))))

    def info(self):
        if self.category:
            return ":".join(str(code) for code in range(self.codes))
        return "[-5:5]"


def make_rows(rng, features, count):
    return [[feature.value(rng) for feature in features] for _ in range(count)]


def make_threshold(rng, feature, rows, index):
    """Of values, between two of them, or next to zero as LightGBM has it."""
    known = [row[index] for row in rows if not math.isnan(row[index])]
    kind = rng.random()
    if kind < 0.2:
        return rng.choice((1.0000000180025095e-35, -1.0000000180025095e-35, 0.0))
    if kind < 0.5:
        return rng.choice(known)
    return (rng.choice(known) + rng.choice(known)) / 2


class Tree:
    """Grown leaf by leaf, as LightGBM does: node i splits a leaf, whose rows it shares."""

    def __init__(self, rng, features, rows, leaves, scale):
        self.nodes, self.left, self.right = [], [], []
        self.sets, self.values = [], [rng.gauss(0, scale)]
        reached, places = [list(range(len(rows)))], [None]
        while len(self.values) < leaves:
            leaf = rng.randrange(len(self.values))
            index = rng.randrange(len(features))
            self.split(rng, features[index], index, rows)
            node, new = len(self.nodes) - 1, len(self.values)
            if places[leaf] is not None:
                parent, side = places[leaf]
                (self.left if side else self.right)[parent] = node
            self.left.append(~leaf)
            self.right.append(~new)
            places[leaf] = (node, True)
            places.append((node, False))
            self.values.append(rng.gauss(0, scale))
            half = len(reached[leaf]) // 2
            reached.append(reached[leaf][half:])
            reached[leaf] = reached[leaf][:half]
        self.counts = [len(part) for part in reached]

    def split(self, rng, feature, index, rows):
        if feature.category:
            codes = [code for code in range(feature.codes) if rng.random() < 0.4]
            words = [0] * (max(codes, default=0) // 32 + 1)
            for code in codes:
                words[code // 32] |= 1 << code % 32
            self.nodes.append((index, len(self.sets), 1))
            self.sets.append(words)
        else:
            self.nodes.append((index, make_threshold(rng, feature, rows, index),
                               feature.missing << 2 | rng.choice((0, 2))))

    def count(self, child):
        if child < 0:
            return self.counts[~child]
        return self.count(self.left[child]) + self.count(self.right[child])

    def text(self, index):
        def line(key, values, form=repr):
            return f"{key}={' '.join(form(value) for value in values)}\n"

        bounds = [0]
        for words in self.sets:
            bounds.append(bounds[-1] + len(words))
        return "".join((
            f"Tree={index}\n", f"num_leaves={len(self.values)}\n", f"num_cat={len(self.sets)}\n",
            line("split_feature", (node[0] for node in self.nodes)),
            line("split_gain", (1 for _ in self.nodes)),
            line("threshold", (node[1] for node in self.nodes)),
            line("decision_type", (node[2] for node in self.nodes)),
            line("left_child", self.left), line("right_child", self.right),
            line("leaf_value", self.values), line("leaf_weight", self.counts),
            line("leaf_count", self.counts),
            line("internal_value", (0 for _ in self.nodes)),
            line("internal_weight", (self.count(node) for node in range(len(self.nodes)))),
            line("internal_count", (self.count(node) for node in range(len(self.nodes)))),
            *((line("cat_boundaries", bounds),
               line("cat_threshold", (word for words in self.sets for word in words)))
              if self.sets else ()),
            "is_linear=0\n", "shrinkage=0.1\n\n\n"))


def make_text(rng, objective, classes=1, rounds=10, version="v4", mean=False, names=False,
              categories=2, numbers=4):
    """(features, rows it was made for, text); `names`: as pandas calls its categories."""
    features = [Feature(rng, i, i < categories) for i in range(categories + numbers)]
    rng.shuffle(features)
    rows = make_rows(rng, features, 200)
    scale = 0.3 if not mean else 2
    trees = [Tree(rng, features, rows, rng.randint(1, TREE_LEAVES), scale)
             for _ in range(rounds * classes)]
    texts = [tree.text(i) for i, tree in enumerate(trees)]
    pandas = [[f"{feature.name} {code}" for code in range(feature.codes)]
              for feature in features if feature.category] if names else None
    text = "".join((
        "tree\n", f"version={version}\n", f"num_class={classes}\n",
        f"num_tree_per_iteration={classes}\n", "label_index=0\n",
        f"max_feature_idx={len(features) - 1}\n", f"objective={objective}\n",
        "average_output\n" if mean else "",
        f"feature_names={' '.join(feature.name for feature in features)}\n",
        f"feature_infos={' '.join(feature.info() for feature in features)}\n",
        f"tree_sizes={' '.join(str(len(part)) for part in texts)}\n\n", *texts,
        "end of trees\n\nfeature_importances:\n\nparameters:\n[boosting: gbdt]\n\n",
        f"end of parameters\n\npandas_categorical:{json.dumps(pandas)}\n"))
    return features, rows, text


# ---- what a text scores ----

def sections(text):
    """The head's and the trees' lines as dictionaries."""
    parts = [part for part in text.split("end of trees")[0].split("\n\n") if part.strip()]
    return [dict(line.partition("=")[::2] for line in part.strip().split("\n"))
            for part in parts]


def leaf_of(tree, row):
    node = 0 if int(tree["num_leaves"]) > 1 else ~0
    lists = {key: tree[key].split(" ") for key in
             ("split_feature", "threshold", "decision_type", "left_child", "right_child")}
    while node >= 0:
        value, decision = row[int(lists["split_feature"][node])], int(lists["decision_type"][node])
        threshold = float(lists["threshold"][node])
        if decision & 1:
            bounds = [int(bound) for bound in tree["cat_boundaries"].split(" ")]
            words = [int(word) for word in tree["cat_threshold"].split(" ")]
            words = words[bounds[int(threshold)]:bounds[int(threshold) + 1]]
            code = -1 if math.isnan(value) else int(value)
            left = 0 <= code < 32 * len(words) and words[code // 32] >> code % 32 & 1
        else:
            missing = decision >> 2 & 3
            if math.isnan(value) and missing != AS_NAN:
                value = 0.0
            if missing == AS_ZERO and abs(value) <= ZERO or math.isnan(value):
                left = decision & 2
            else:
                left = value <= threshold
        node = int(lists["left_child" if left else "right_child"][node])
    return float(tree["leaf_value"].split(" ")[~node])


def predict(text, row):
    """A list: the number, the probability of the second class, or one per class."""
    head, *trees = sections(text)
    classes = int(head["num_tree_per_iteration"])
    margins = [math.fsum(leaf_of(tree, row) for tree in trees[k::classes])
               for k in range(classes)]
    if "average_output" in head:
        margins = [margin / (len(trees) // classes) for margin in margins]
    name, *settings = head["objective"].split(" ")
    sigmoid = next((float(word.split(":")[1]) for word in settings
                    if word.startswith("sigmoid:")), 1.0)
    if name == "regression":
        return [min(max(margin, 0.0), 1.0) for margin in margins]
    if name == "multiclass":
        powers = [math.exp(margin - max(margins)) for margin in margins]
        return [power / math.fsum(powers) for power in powers]
    return [1 / (1 + math.exp(-sigmoid * margin)) for margin in margins]
