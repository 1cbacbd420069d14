# SPDX-License-Identifier: Apache-2.0
"""What a collection would free right now: the dump_garbage() that the gc module does not have.

gc.DEBUG_SAVEALL makes a collection keep what it finds; everything that this changes is put back,
and what was found is let go again. Code of the objects' classes is never called to look at them
(_safe_look.py); their finalizers run, as in any collection.
"""

import gc
from collections import Counter

from memwhy._safe_look import edge_name, instance_dict, shallow_size, type_name

GROUPINGS = ("cycle", "type")
_REFERRER_SAMPLE = 100


def find(limit, group_by, with_referrers):
    """find_garbage() of _garbage_calls.py."""
    if group_by not in GROUPINGS:
        raise ValueError(f"memwhy: group_by must be 'cycle' or 'type', not {group_by!r}")
    if type(limit) is not int or limit < 0:
        raise ValueError("memwhy: limit must be an int, 0 or more")
    with _SavedState() as state:
        found = state.collect_and_keep()
        try:
            report = _describe(found, limit, group_by, with_referrers)
        finally:
            del found[:]
        report["uncollectable"] = state.let_go()
    return report


class _SavedState:
    """Debug flags, gc.garbage and whether collections are automatic, put back at the end."""

    def __enter__(self):
        garbage = getattr(gc, "garbage", None)
        self._list = garbage if type(garbage) is list else []
        self._before = list(self._list)
        self._flags = gc.get_debug()
        self._was_enabled = gc.isenabled()
        # An automatic collection in between would put its own finds into the list.
        gc.disable()
        return self

    def __exit__(self, *unused):
        self._list[:] = self._before
        self._list = self._before = None
        gc.set_debug(self._flags)
        if self._was_enabled:
            gc.enable()

    def collect_and_keep(self):
        """Everything that a full collection finds, in a list of its own."""
        marker = []
        marker.append(marker)
        known = id(marker)
        del marker
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        if not _has(self._list, known):
            self._use_list_with(known)
        found = self._list[len(self._before):]
        self._list[:] = self._before
        for at in range(len(found) - 1, -1, -1):
            if id(found[at]) == known:
                found.pop(at).clear()
                break
        return found

    def _use_list_with(self, known):
        """gc.garbage has been bound to another list, and the collector goes on with its own. What
        had gathered there nobody can name any more, so it counts as found."""
        for candidate in gc.get_objects():
            if type(candidate) is list and id(candidate) != known and _has(candidate, known):
                self._list, self._before = candidate, []
                return

    def let_go(self):
        """Frees what was found; returns how many objects could not be freed."""
        before = len(self._list)
        gc.collect()
        left = len(self._list) - before
        self._list[:] = self._before
        return left


def _has(entries, known):
    return any(id(entry) == known for entry in entries)


def _referents(obj, index):
    """Indexes of what obj refers to within the garbage."""
    return [index[id(target)] for target in gc.get_referents(obj) if id(target) in index]


def _find_cycles(found, index):
    """The strongly connected components that are cycles, as lists of indexes (Tarjan's, without
    recursion: garbage may be one long chain)."""
    order = [0] * len(found)  # 0: not visited; else when, from 1
    low = [0] * len(found)
    is_open = bytearray(len(found))
    cycles, open_nodes, clock = [], [], 0
    for start in range(len(found)):
        if order[start]:
            continue
        work = []
        entering = start
        while True:
            if entering is not None:
                clock += 1
                order[entering] = low[entering] = clock
                is_open[entering] = 1
                open_nodes.append(entering)
                work.append((entering, iter(_referents(found[entering], index))))
                entering = None
            node, targets = work[-1]
            for target in targets:
                if not order[target]:
                    entering = target
                    break
                if is_open[target]:
                    low[node] = min(low[node], order[target])
            if entering is not None:
                continue
            work.pop()
            if work:
                parent = work[-1][0]
                low[parent] = min(low[parent], low[node])
            if low[node] == order[node]:
                at = len(open_nodes) - 1
                while open_nodes[at] != node:
                    at -= 1
                members = open_nodes[at:]
                del open_nodes[at:]
                for member in members:
                    is_open[member] = 0
                if len(members) > 1 or node in _referents(found[node], index):
                    cycles.append(members)
            if not work:
                break
    return cycles


def _below(cycle, found, index, taken):
    """What hangs on a cycle and on none before it; marks it in `taken`."""
    below, work = [], list(cycle)
    while work:
        for target in _referents(found[work.pop()], index):
            if not taken[target]:
                taken[target] = 1
                below.append(target)
                work.append(target)
    return below


def _describe(found, limit, group_by, with_referrers):
    index = {id(obj): at for at, obj in enumerate(found)}
    sizes = [shallow_size(obj) for obj in found]
    cycles = _find_cycles(found, index)
    if group_by == "type":
        groups = _by_type(found, index, sizes, limit, with_referrers)
    else:
        groups = _by_cycle(found, index, sizes, cycles, limit, with_referrers)
    return {
        "objects": len(found),
        "bytes": sum(sizes),
        "cycles": len(cycles),
        "uncollectable": 0,
        "group_by": group_by,
        "groups": groups[:limit],
        "groups_left_out": max(0, len(groups) - limit),
    }


def _by_cycle(found, index, sizes, cycles, limit, with_referrers):
    taken = bytearray(len(found))
    for cycle in cycles:
        for member in cycle:
            taken[member] = 1
    groups = {}
    for cycle in sorted(cycles, key=len, reverse=True):
        below = _below(cycle, found, index, taken)
        types = Counter(type_name(found[at]) for at in cycle)
        group = groups.setdefault(
            tuple(sorted(types.items())),
            {"cycles": 0, "objects": 0, "bytes": 0, "types": dict(types.most_common()),
             "below": {"objects": 0, "bytes": 0}, "first": cycle},
        )
        group["cycles"] += 1
        group["objects"] += len(cycle)
        group["bytes"] += sum(sizes[at] for at in cycle)
        group["below"]["objects"] += len(below)
        group["below"]["bytes"] += sum(sizes[at] for at in below)
    ordered = sorted(groups.values(), key=lambda g: -(g["bytes"] + g["below"]["bytes"]))
    for at, group in enumerate(ordered):
        first = group.pop("first")
        if with_referrers and at < limit:
            group["ring"] = _ring(first, found, index)
    return ordered


def _ring(cycle, found, index):
    """The shortest way through a cycle from one of its objects back to it."""
    way = _way_around(cycle, found, index)
    ring = []
    # Names come last: asking an instance for its dictionary can change what it refers to.
    for at, target in zip(way, way[1:]):
        owner = found[at]
        edge = edge_name(owner, found[target])
        if ring and type(owner) is dict and ring[-1]["edge"] == ".__dict__":
            # An instance and its dictionary are one thing to its author.
            name = edge[2:-2]
            is_attribute = edge == f"['{name}']" and name.isidentifier()
            ring[-1]["edge"] = f".{name}" if is_attribute else f".__dict__{edge}"
        else:
            ring.append({"type": type_name(owner), "edge": edge})
    return ring


def _way_around(cycle, found, index):
    """Indexes from an object to itself. Classes of the program are what people know: one of
    their objects comes first if there is one."""
    members = set(cycle)
    start = next((at for at in cycle if "." in type_name(found[at])), cycle[0])
    came_from, work = {}, [start]
    while work and start not in came_from:
        following = []
        for at in work:
            for target in _referents(found[at], index):
                if target in members and target not in came_from:
                    came_from[target] = at
                    following.append(target)
        work = following
    way = [start]
    while way[-1] in came_from:
        way.append(came_from[way[-1]])
        if way[-1] == start:
            break
    return way[::-1]


def _by_type(found, index, sizes, limit, with_referrers):
    members = {}
    for at, obj in enumerate(found):
        members.setdefault(type_name(obj), []).append(at)
    groups = [
        {"type": name, "objects": len(ats), "bytes": sum(sizes[at] for at in ats)}
        for name, ats in members.items()
    ]
    groups.sort(key=lambda group: -group["bytes"])
    if with_referrers:
        shown = groups[:limit]
        sample = {at for group in shown for at in members[group["type"]][:_REFERRER_SAMPLE]}
        holders = _referrers(sample, found, index)
        owners = _referrers(
            {at for ats in holders.values() for at in ats if type(found[at]) is dict}, found, index
        )
        for group in shown:
            counts = Counter()
            for at in members[group["type"]][:_REFERRER_SAMPLE]:
                for holder in holders.get(at, ()):
                    counts[_holder_name(found, at, holder, owners)] += 1
            group["held_by"] = [
                {"type": name, "edge": edge, "objects": count}
                for (name, edge), count in counts.most_common(3)
            ]
    return groups


def _referrers(wanted, found, index):
    """{index: indexes of those that refer to it} for the wanted ones."""
    holders = {}
    for at, obj in enumerate(found):
        for target in set(_referents(obj, index)):
            if target in wanted:
                holders.setdefault(target, []).append(at)
    return holders


def _holder_name(found, at, holder, owners):
    """(type, edge) of one reference; that of the instance where its dictionary holds it."""
    if type(found[holder]) is dict:
        for owner in owners.get(holder, ()):
            if instance_dict(found[owner]) is found[holder]:
                return type_name(found[owner]), edge_name(found[owner], found[at])
    edge = edge_name(found[holder], found[at])
    if edge.startswith("[") and edge[1:-1].isdigit():
        edge = "[]"
    return type_name(found[holder]), edge


def _bytes_text(count):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 999.5 or unit == "GiB":
            return f"{count:.3g} {unit}"
        count /= 1024
    return ""


def lines(report):
    """A report for people."""
    objects = report["objects"]
    if not objects:
        yield "No unreachable objects."
        return
    yield (
        f"{objects} unreachable objects in {report['cycles']} cycles, "
        f"{_bytes_text(report['bytes'])} (shallow)"
        + (f"; {report['uncollectable']} cannot be freed" if report["uncollectable"] else "")
    )
    for group in report["groups"]:
        yield from (_cycle_lines(group) if report["group_by"] == "cycle" else _type_lines(group))
    if report["groups_left_out"]:
        yield f"  {report['groups_left_out']} more groups; limit=N shows more"


def _cycle_lines(group):
    types = list(group["types"].items())
    text = ", ".join(f"{name} x{count}" if count > 1 else name for name, count in types[:8])
    if len(types) > 8:
        text += f", {len(types) - 8} more types"
    cycles = group["cycles"]
    yield (
        f"  {cycles} {'cycle' if cycles == 1 else 'cycles alike'}, {group['objects']} objects, "
        f"{_bytes_text(group['bytes'])}: {text}"
    )
    ring = group.get("ring", ())
    if ring:
        shown = [f"{step['type']}{step['edge']}" for step in ring[:8]]
        if len(ring) > 8:
            shown.append(f"{len(ring) - 8} more")
        yield f"      {' -> '.join(shown)} -> the first"
    below = group["below"]
    if below["objects"]:
        yield f"      below: {below['objects']} objects, {_bytes_text(below['bytes'])}"


def _type_lines(group):
    yield f"  {group['type']}: {group['objects']} objects, {_bytes_text(group['bytes'])}"
    held_by = group.get("held_by", ())
    if held_by:
        shown = [f"{step['type']}{step['edge']} ({step['objects']})" for step in held_by]
        yield f"      held by {', '.join(shown)}"
