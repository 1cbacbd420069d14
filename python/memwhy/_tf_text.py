# SPDX-License-Identifier: Apache-2.0
"""memwhy.tf.report() as text of at most 80 columns."""

import os

_COLUMNS = 80


def bytes_text(number):
    """Three significant digits and an IEC unit: 1.46 GiB; "unknown" for None."""
    if number is None:
        return "unknown"
    sign = "-" if number < 0 else ""
    value = abs(number)
    if value < 1024:
        return f"{sign}{value} B"
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1023.5 or unit == "TiB":
            break
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{sign}{value:.{digits}f} {unit}"


def place_text(row):
    """handler.py:12"""
    if row["file"] is None:
        return "?"
    return f"{os.path.basename(row['file'])}:{row['line']}"


def _named(row, width):
    """The function and its place in `width` columns; a long name loses its beginning."""
    place = place_text(row)
    room = max(width - len(place) - 1, 12)
    name = row["function"]
    return f"{name if len(name) <= room else '...' + name[3 - room :]} {place}"


def report_text(document):
    keras = "".join(f", {name} {version}" for name, version in document["keras"].items())
    functions = document["functions"]
    tensors = document["tensors"]
    variables = document["variables"]
    lines = [f"TensorFlow {document['tensorflow']}{keras}, pid {document['pid']}", ""]
    lines += [
        f"{functions['runtime']:>8}  runtime functions, definitions of "
        f"{bytes_text(functions['graphdef_bytes'])}",
        f"{document['graphs']:>8}  graphs of functions in Python",
        f"{tensors['tensors']:>8}  tensors, {tensors['buffers']} buffers (with variables') of "
        f"{bytes_text(tensors['bytes'])}",
        f"{variables['variables']:>8}  variables of {bytes_text(variables['bytes'])}",
        f"{document['handles']['handles']:>8}  resource handles",
        f"{document['gradient_registry']['custom']:>8}  custom gradients in the registry",
        f"{document['py_functions']['live']:>8}  functions of tf.py_function, "
        f"{document['py_functions']['registered']} ever made",
    ]
    if functions["unreferenced"]:
        lines.append(
            f"{functions['unreferenced']:>8}  runtime functions that no Python object can remove"
        )
    if tensors["unsized"]:
        lines.append(f"{tensors['unsized']:>8}  tensors of strings or variants: size unknown")
    traced = [row for row in document["tf_functions"] if row["traces"]]
    if traced:
        lines += ["", "  traces  objects      bytes  tf.function"]
        for row in traced:
            lines.append(
                f"{row['traces']:>8}  {row['objects']:>7}  {bytes_text(row['graphdef_bytes']):>9}  "
                f"{_named(row, _COLUMNS - 30)}"
            )
            if row["retraced_by"] and row["max_traces"] > 1:
                first = row["retraced_by"][0]
                lines.append(
                    f"{'':29}by {first['argument']}: {first['distinct']} distinct, {first['kind']}"
                )
                if first["values"]:
                    lines.append(f"{'':32}{', '.join(first['values'][:3])}, ...")
    lines += _counted(
        "resource handles by owner",
        [(row["handles"], _short_class(row["owner"])) for row in document["handles"]["owners"]],
    )
    lines += _counted(
        "custom gradients, made for",
        [
            (row["entries"], _named(row, _COLUMNS - 10))
            for row in document["gradient_registry"]["made_for"]
        ],
    )
    lines += _counted(
        "tf.py_function",
        [
            (row["entries"], _named(row, _COLUMNS - 10))
            for row in document["py_functions"]["functions"]
        ],
    )
    lines += _counted(
        "state that clear_session resets",
        [
            (row["items"], f"{row['of']} {row['name']}")
            for row in document["keras_state"]
            if row["items"]
        ],
    )
    return "\n".join(_cut(line) for line in lines) + "\n"


def _counted(title, rows):
    if not rows:
        return []
    return ["", f"{'':10}{title}", *(f"{number:>8}  {name}" for number, name in rows)]


def _short_class(name):
    """keras.src.layers.core.dense.Dense: as keras...Dense where it is long."""
    if len(name) <= _COLUMNS - 10:
        return name
    return f"{name.split('.')[0]}...{name.rpartition('.')[2]}"


def _cut(line):
    return line if len(line) <= _COLUMNS else line[: _COLUMNS - 3] + "..."
