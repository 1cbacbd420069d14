# SPDX-License-Identifier: Apache-2.0
"""Snapshots as torch.cuda.memory._dump_snapshot writes them, without a GPU: a caching allocator by
torch's rules (512-byte granules, best fit, small and large pool, split and merge) that records its
events. Keys, their order and what is shared are those of torch 2.6; `fields` takes some away."""

import bisect
import pickle
import random

MIB = 1 << 20


class Frames:
    """Stacks of Python frames; a stack that was seen before is the same list again."""

    def __init__(self, files=("train.py", "model.py", "data.py")):
        self.files = files
        self.by_key = {}
        self.frames = {}

    def frame(self, file, line, name):
        key = (file, line)
        if key not in self.frames:
            self.frames[key] = {"name": name, "filename": f"/srv/{file}", "line": line}
        return self.frames[key]

    def stack(self, *lines):
        """Leaf first: ("model.py", 12, "forward"), ..."""
        return [self.frame(*line) for line in lines]


class Block:
    __slots__ = ("address", "size", "requested", "state", "frames", "segment")

    def __init__(self, address, size, segment):
        self.address, self.size, self.segment = address, size, segment
        self.requested, self.state, self.frames = 0, "inactive", []


class Segment:
    def __init__(self, address, size, is_small, frames):
        self.address, self.size, self.is_small, self.frames = address, size, is_small, frames
        self.blocks = [Block(address, size, self)]


class Device:
    """`max_entries`: how many events are kept."""

    def __init__(self, max_entries=None):
        self.segments = []
        self.free = {True: [], False: []}  # (size, address, block)
        self.live = {}
        self.events = []
        self.max_entries = max_entries
        self.next_address = 0x7F0000000000
        self.clock = 1_700_000_000_000_000

    def note(self, action, address, size, frames):
        self.clock += 7
        self.events.append({
            "action": action, "addr": address, "size": size, "stream": 0,
            "time_us": self.clock, "compile_context": "N/A", "frames": frames,
        })

    def _take(self, is_small, size):
        free = self.free[is_small]
        at = bisect.bisect_left(free, (size, 0, None), key=lambda entry: (entry[0], entry[1], None))
        return free.pop(at)[2] if at < len(free) else None

    def _give(self, block):
        entry = (block.size, block.address, block)
        bisect.insort(self.free[block.segment.is_small], entry, key=lambda e: (e[0], e[1]))

    def _drop(self, block):
        free = self.free[block.segment.is_small]
        at = bisect.bisect_left(free, (block.size, block.address), key=lambda e: (e[0], e[1]))
        assert free[at][2] is block
        free.pop(at)

    def alloc(self, requested, frames):
        size = max(512, (requested + 511) // 512 * 512)
        is_small = size <= MIB
        block = self._take(is_small, size)
        if block is None:
            total = 2 * MIB if is_small else 20 * MIB if size < 10 * MIB else (
                (size + 2 * MIB - 1) // (2 * MIB) * 2 * MIB)
            segment = Segment(self.next_address, total, is_small, frames)
            self.next_address += total + 64 * MIB
            self.segments.append(segment)
            self.note("segment_alloc", segment.address, total, frames)
            block = segment.blocks[0]
        rest = block.size - size
        if rest >= 512 if is_small else rest > MIB:
            behind = Block(block.address + size, rest, block.segment)
            blocks = block.segment.blocks
            blocks.insert(blocks.index(block) + 1, behind)
            block.size = size
            self._give(behind)
        block.state, block.requested, block.frames = "active_allocated", requested, frames
        self.live[block.address] = block
        self.note("alloc", block.address, requested, frames)
        return block.address

    def free_request(self, address, frames):
        block = self.live[address]
        self.note("free_requested", address, block.requested, frames)
        block.state = "active_pending_free"

    def free_complete(self, address, frames):
        block = self.live.pop(address)
        self.note("free_completed", address, block.requested, frames)
        block.state = "inactive"
        blocks = block.segment.blocks
        at = blocks.index(block)
        if at + 1 < len(blocks) and blocks[at + 1].state == "inactive":
            self._drop(blocks[at + 1])
            block.size += blocks.pop(at + 1).size
        if at > 0 and blocks[at - 1].state == "inactive":
            self._drop(blocks[at - 1])
            block = blocks[at - 1]
            block.size += blocks.pop(at).size
        self._give(block)

    def dealloc(self, address, frames):
        self.free_request(address, frames)
        self.free_complete(address, frames)

    def empty_cache(self, frames):
        for segment in [s for s in self.segments if len(s.blocks) == 1]:
            if segment.blocks[0].state != "inactive":
                continue
            self._drop(segment.blocks[0])
            self.segments.remove(segment)
            self.note("segment_free", segment.address, segment.size, frames)

    @property
    def reserved(self):
        return sum(segment.size for segment in self.segments)

    def allocated(self):
        return sum(b.size for b in self.live.values() if b.state == "active_allocated")

    def segment_dict(self, segment):
        active = [b for b in segment.blocks if b.state != "inactive"]
        allocated = [b for b in active if b.state == "active_allocated"]
        return {
            "device": 0, "address": segment.address, "total_size": segment.size,
            "allocated_size": sum(b.size for b in allocated),
            "active_size": sum(b.size for b in active),
            "requested_size": sum(b.requested for b in active), "stream": 0,
            "segment_type": "small" if segment.is_small else "large", "segment_pool_id": (0, 0),
            "is_expandable": False, "frames": segment.frames,
            "blocks": [{"address": b.address, "size": b.size, "requested_size": b.requested,
                        "state": b.state, "frames": b.frames} for b in segment.blocks],
        }

    def snapshot(self):
        events = self.events if self.max_entries is None else self.events[-self.max_entries:]
        return {
            "segments": [self.segment_dict(s) for s in
                         sorted(self.segments, key=lambda s: s.address)],
            "device_traces": [events, []],
            "allocator_settings": {
                "PYTORCH_CUDA_ALLOC_CONF": "", "max_split_size": -1,
                "garbage_collection_threshold": 0.0, "expandable_segments": False,
                "pinned_num_register_threads": 1, "release_lock_on_cudamalloc": False,
                "pinned_use_cuda_host_register": False,
                "roundup_power2_divisions": {str(1 << i): 0 for i in range(16)},
            },
            "external_annotations": [],
        }


def busy(steps, seed=1, max_entries=None, device=None):
    """A device on which `steps` random allocations and frees have happened. Most memory is freed
    by a line of its own; every 50th block stays."""
    choose = random.Random(seed)
    frames = Frames()
    main = ("train.py", 90, "<module>")
    stacks = [frames.stack(("model.py", 10 + i, f"layer{i}"), ("train.py", 40 + i % 7, "step"), main)
              for i in range(40)]
    freeing = frames.stack(("train.py", 55, "step"), main)
    keeping = frames.stack(("cache.py", 12, "remember"), ("train.py", 60, "step"), main)
    device = device or Device(max_entries)
    live = []
    for step in range(steps):
        if live and choose.random() < 0.48:
            at = choose.randrange(len(live))
            live[at], live[-1] = live[-1], live[at]
            device.dealloc(live.pop(), freeing)
            continue
        size = choose.choice((100, 4000, 70_000, 900_000, 3 * MIB, 12 * MIB + 5, 30 * MIB))
        if step % 50 == 0:
            device.alloc(choose.choice((512, 4096, 2 * MIB)), keeping)
        else:
            live.append(device.alloc(size, choose.choice(stacks)))
        if len(live) > 400:
            device.dealloc(live.pop(choose.randrange(len(live))), freeing)
    return device


def write(path, snapshot, protocol=4):
    with open(path, "wb") as file:
        pickle.dump(snapshot, file, protocol=protocol)
    return path
