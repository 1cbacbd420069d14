# SPDX-License-Identifier: Apache-2.0
"""From the runs of one size to tables: medians, and what share of its limit each takes."""

import statistics

MIB = 1024 * 1024
PAUSE_FACTOR, PAUSE_EXTRA_MS = 1.15, 2.0
DUMPED_PER_S = 8e6
RAW_BYTES, FILE_BYTES = 13.0, 4.0
TYPES_US, TYPES_BYTES = 0.6, 60.0
CLONE_BYTES, CLONE_EXTRA = 4.0, 32 * MIB


def render_dumps(runs):
    """Returns the table of memwhy's own numbers: measured / limit, 1 or less is within it."""
    default, no_scan = runs["default"], runs["no_scan"]
    objects = default[0]["objects"]
    clone = statistics.median(runs["clone_ms"])
    pause_limit = PAUSE_FACTOR * clone + PAUSE_EXTRA_MS
    lines = [
        f"{objects:,} objects, {default[0]['edges']:,} edges, {len(default)} rounds; medians; "
        f"bare clone {clone:.2f} ms {_range(runs['clone_ms'])}",
        "",
        "| fact | measured | range | limit | measured / limit |",
        "|---|---|---|---|---|",
    ]

    def add(fact, values, form, limit=None, is_least=False):
        middle = statistics.median(values)
        cells = [fact, form.format(middle), _range(values, form)]
        if limit is None:
            cells += ["", ""]
        else:
            share = limit / middle if is_least else middle / limit
            cells += [form.format(limit), f"{share:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")

    for name, dumps in (("", default), (", --no-scan", no_scan)):
        add(f"pause{name}, ms", [d["pause_ms"] for d in dumps], "{:.2f}", pause_limit)
    least = PAUSE_FACTOR * min(runs["clone_ms"]) + PAUSE_EXTRA_MS
    least_pause = min(d["pause_ms"] for d in default)
    add("least pause, ms (of the least clone)", [least_pause], "{:.2f}", least)
    predicted = [d["predicted_pause_ms"] / d["pause_ms"] for d in default]
    add("predicted pause / pause", predicted, "{:.2f}")
    paired = [d["pause_ms"] / c for d, c in zip(default, runs["clone_ms"])]
    add("pause / bare clone of the round", paired, "{:.2f}")
    rates = [d["objects"] / d["dump_s"] / 1e6 for d in no_scan]
    add("dumped --no-scan, M objects/s (at least)", rates, "{:.2f}", DUMPED_PER_S / 1e6, True)
    for who, field in (("clone", "clone_cpu_s"), ("command", "dump_cpu_s")):
        cpu = [d[field] / d["objects"] * 1e9 for d in no_scan]
        add(f"CPU time of the {who} --no-scan, ns/object", cpu, "{:.0f}")
    add("seconds of a dump --no-scan", [d["dump_s"] for d in no_scan], "{:.2f}")
    add("seconds of a dump", [d["dump_s"] for d in default], "{:.2f}")
    add("raw bytes/object", [d["raw_bytes"] / d["objects"] for d in default], "{:.2f}", RAW_BYTES)
    files = [d["file_bytes"] / d["objects"] for d in default]
    add("file bytes/object", files, "{:.2f}", FILE_BYTES)
    both = default + no_scan
    times = [d["types_s"] / d["objects"] * 1e6 for d in both]
    add("`heap types`, us/object", times, "{:.3f}", TYPES_US)
    cpu = [d["types_cpu_s"] / d["objects"] * 1e6 for d in both]
    add("`heap types`, CPU us/object", cpu, "{:.3f}", TYPES_US)
    sizes = [d["types_rss"] / d["objects"] for d in both]
    add("`heap types`, rss bytes/object", sizes, "{:.1f}", TYPES_BYTES)
    for name, dump in (("", "default"), (", --no-scan", "no_scan")):
        memory = runs["memory"][dump]
        fact = f"private memory of the clone{name}, MiB"
        if memory["samples"] == 0:
            lines.append(f"| {fact} | unknown: it lived too shortly to be seen | | | |")
            continue
        limit = (CLONE_BYTES * objects + CLONE_EXTRA) / MIB
        add(fact, [memory["private_dirty"] / MIB], "{:.1f}", limit)
        add(f"page tables of the clone{name}, MiB", [memory["page_tables"] / MIB], "{:.1f}")
    return "\n".join(lines)


def render_others(runs, others):
    """Returns the table of the other tools beside memwhy's pause."""
    default = runs["default"]
    pause_s = statistics.median(d["pause_ms"] for d in default) / 1e3
    done_s = statistics.median(d["dump_s"] + d["types_s"] for d in default)
    dirty = runs["memory"]["default"]
    added = f"{dirty['private_dirty'] / MIB:,.0f}" if dirty["samples"] else "unknown"
    reader = statistics.median(d["types_rss"] for d in default) / MIB
    lines = [
        "| tool | seconds | service stands still, s | / memwhy's pause | memory added, MiB "
        "| objects seen |",
        "|---|---|---|---|---|---|",
        f"| memwhy heap dump + types | {done_s:.2f} | {pause_s:.4f} | 1 "
        f"| {added}, reader {reader:,.0f} | {default[0]['objects']:,} |",
    ]
    for name, found in others.items():
        if "failed" in found:
            lines.append(f"| {name} | {found['failed']} | | | | |")
            continue
        seen = f"{found['seen']:,}" if found["seen"] is not None else "-"
        still = found["standstill_s"]
        lines.append(
            f"| {name} | {found['seconds']:.2f} | {still:.2f} | {still / pause_s:,.0f}x "
            f"| {found['added_bytes'] / MIB:,.0f} | {seen} |"
        )
    return "\n".join(lines)


def _range(values, form="{:.2f}"):
    if len(values) == 1:
        return ""
    return f"({form.format(min(values))}-{form.format(max(values))})"
