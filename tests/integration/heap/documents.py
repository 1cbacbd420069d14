# SPDX-License-Identifier: Apache-2.0
"""A large document of json and the syntax trees of large modules.

usage: documents.py FOLDER. Walks both by itself, recursively, and leaves the addresses of all objects in
`json` and `ast`; prints a line of JSON with what it counted; waits for the end of its stdin.
"""

import ast
import collections
import gc
import json
import os
import random
import sys

from truth import save

FOLDER = sys.argv[1]
MODULES = ["argparse", "_pydecimal", "doctest", "turtle"]


def make_document(chance, depth):
    """About 200,000 objects, none of them shared but keys."""
    kind = chance.random()
    if depth == 0 or kind < 0.2:
        return chance.choice(
            [
                chance.randrange(10**4, 10**18),
                chance.random(),
                "text %d" % chance.randrange(10**9),
                "\u20ac %d" % chance.randrange(10**9),
                chance.choice([None, True, False, 3, ""]),
            ]
        )
    if kind < 0.6:
        return [make_document(chance, depth - 1) for _ in range(chance.randrange(9))]
    return {"key %d" % i: make_document(chance, depth - 1) for i in range(chance.randrange(9))}


def walk_json(thing, found):
    if id(thing) in found:
        return
    found[id(thing)] = type(thing).__name__
    if isinstance(thing, list):
        for item in thing:
            walk_json(item, found)
    elif isinstance(thing, dict):
        for key, value in thing.items():
            walk_json(key, found)
            walk_json(value, found)


def walk_tree(node, found):
    if id(node) in found:
        return
    found[id(node)] = type(node).__name__
    if isinstance(node, ast.AST):
        for name in node._fields:
            if hasattr(node, name):
                walk_tree(getattr(node, name), found)
    elif isinstance(node, list):
        for item in node:
            walk_tree(item, found)


def main():
    sys.setrecursionlimit(10000)
    gc.disable()
    chance = random.Random(7)
    text = json.dumps([make_document(chance, 6) for _ in range(140)])
    document = json.loads(text)
    source = []
    for name in MODULES:
        path = os.path.join(os.path.dirname(os.__file__), name.replace(".", "/") + ".py")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                source.append(file.read().replace("from __future__", "from future"))
    tree = ast.parse("\n".join(source))
    counts = {}
    for what, root, walk in (("json", document, walk_json), ("ast", tree, walk_tree)):
        found = {}
        walk(root, found)
        save(found, os.path.join(FOLDER, what))
        counts[what] = collections.Counter(found.values())
        del found
    print(json.dumps({"pid": os.getpid(), "counts": counts, "classes": len(ast.AST.__subclasses__())}), flush=True)
    sys.stdin.read()
    assert document and tree


if __name__ == "__main__":
    main()
