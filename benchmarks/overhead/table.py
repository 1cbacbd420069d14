# SPDX-License-Identifier: Apache-2.0
"""From single runs to the table: medians, slowdowns, geometric means and their ratio."""

import math
import statistics

from tools import MEMRAY, MEMWHY, NONE


def summarise(runs):
    """Returns the summary of {workload: {tool: [numbers per round]}}.

    A slowdown is the median over the rounds of (seconds under the tool / seconds without one in
    the same round), so that a machine that changes speed between rounds does not bend it.
    """
    workloads = {}
    for workload, by_tool in runs.items():
        summaries = {tool: _one(rounds, by_tool[NONE]) for tool, rounds in by_tool.items()}
        workloads[workload] = {tool: s for tool, s in summaries.items() if s is not None}
    geomeans = {}
    for tool in (MEMWHY, MEMRAY):
        slowdowns = [w[tool]["slowdown"] for w in workloads.values() if tool in w]
        geomeans[tool] = math.exp(statistics.fmean(map(math.log, slowdowns))) if slowdowns else None
    return {
        "workloads": workloads,
        "geomean_slowdown": geomeans,
        "overhead_ratio_memwhy_to_memray": _overhead_ratio(geomeans[MEMWHY], geomeans[MEMRAY]),
    }


def render(summary):
    """Returns the summary as text in Markdown tables."""
    lines = [
        "| workload | none, s | memwhy, s | memray, s | memwhy | memray "
        "| memwhy file | memray file |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for workload, by_tool in summary["workloads"].items():
        cells = [workload]
        cells += [_number(by_tool, tool, "seconds", "{:.2f}") for tool in (NONE, MEMWHY, MEMRAY)]
        cells += [_slowdown(by_tool, tool) for tool in (MEMWHY, MEMRAY)]
        cells += [_number(by_tool, tool, "file_bytes", "{:,.0f}") for tool in (MEMWHY, MEMRAY)]
        lines.append("| " + " | ".join(cells) + " |")
    means = summary["geomean_slowdown"]
    cells = ["geometric mean", "", "", "", _times(means[MEMWHY]), _times(means[MEMRAY]), "", ""]
    lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "Seconds are medians inside the work; slowdowns are medians of paired rounds, with their",
        "range; file sizes are bytes. The whole command:",
        "",
        "| workload | wall none, s | memwhy | memray | CPU none, s | memwhy | memray "
        "| peak rss none, MB | memwhy | memray |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for workload, by_tool in summary["workloads"].items():
        cells = [workload]
        for field, form in (("wall_s", "{:.2f}"), ("cpu_s", "{:.2f}"), ("peak_rss_mb", "{:.0f}")):
            cells += [_number(by_tool, tool, field, form) for tool in (NONE, MEMWHY, MEMRAY)]
        lines.append("| " + " | ".join(cells) + " |")
    ratio = summary["overhead_ratio_memwhy_to_memray"]
    shown = "unknown" if ratio is None else f"{ratio:.2f}"
    lines += ["", f"(memwhy geomean - 1) / (memray geomean - 1) = {shown}"]
    return "\n".join(lines)


def _one(rounds, untraced):
    bases = {run["round"]: run["seconds"] for run in untraced}
    ratios = [run["seconds"] / bases[run["round"]] for run in rounds if run["round"] in bases]
    if not ratios:
        return None
    return {
        "seconds": statistics.median(run["seconds"] for run in rounds),
        "slowdown": statistics.median(ratios),
        "slowdown_range": [min(ratios), max(ratios)],
        "wall_s": statistics.median(run["wall_s"] for run in rounds),
        "cpu_s": statistics.median(run["cpu_s"] for run in rounds),
        "peak_rss_mb": statistics.median(run["peak_rss_bytes"] for run in rounds) / 1e6,
        "file_bytes": statistics.median(run["file_bytes"] for run in rounds),
        "rounds": len(rounds),
    }


def _overhead_ratio(memwhy, memray):
    if memwhy is None or memray is None or memray <= 1.0:
        return None
    return (memwhy - 1.0) / (memray - 1.0)


def _number(by_tool, tool, field, form):
    return form.format(by_tool[tool][field]) if tool in by_tool else "-"


def _slowdown(by_tool, tool):
    if tool not in by_tool:
        return "-"
    low, high = by_tool[tool]["slowdown_range"]
    return f"{_times(by_tool[tool]['slowdown'])} ({low:.2f}-{high:.2f})"


def _times(value):
    return "-" if value is None else f"{value:.2f}x"
