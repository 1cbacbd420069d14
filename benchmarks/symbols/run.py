# SPDX-License-Identifier: Apache-2.0
"""Seconds to name addresses of a large module: src/symbols beside addr2line, in one run."""

import argparse
import random
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

PLACE = Path("build/symbols_benchmark")
SOURCE = """
#include <nlohmann/json.hpp>
template <typename T> struct Mine%(n)d : std::allocator<T> {
  Mine%(n)d() = default;
  template <typename U> Mine%(n)d(const Mine%(n)d<U>&) {}
  template <typename U> struct rebind { using other = Mine%(n)d<U>; };
};
using Json%(n)d = nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t,
                                       std::uint64_t, double, Mine%(n)d>;
std::string Work%(n)d(const std::string& text) {
  Json%(n)d value = Json%(n)d::parse(text);
  Json%(n)d other = Json%(n)d::from_cbor(Json%(n)d::to_cbor(value));
  value.merge_patch(other.flatten().unflatten());
  value["diff"] = Json%(n)d::diff(value, other).dump(2);
  return value.dump() + Json%(n)d::from_msgpack(Json%(n)d::to_msgpack(other)).dump();
}
"""


def make_module(wanted):
    """A library with at least `wanted` bytes of .debug sections."""
    PLACE.mkdir(parents=True, exist_ok=True)
    module = PLACE / "large.so"
    objects = []
    while not module.exists() or debug_bytes(module) < wanted:
        for _ in range(4):
            name = PLACE / f"part{len(objects)}"
            name.with_suffix(".cc").write_text(SOURCE % {"n": len(objects)})
            objects.append(name.with_suffix(".o"))
            subprocess.run(["g++", "-std=c++20", "-g", "-O2", "-fPIC", "-c",
                            name.with_suffix(".cc"), "-o", objects[-1]], check=True)
        subprocess.run(["g++", "-shared", "-Wl,--build-id", "-o", module, *objects], check=True)
    return module


def debug_bytes(module):
    lines = subprocess.run(["readelf", "-SW", module], capture_output=True, text=True, check=True)
    rows = [line.replace("[ ", "[").split() for line in lines.stdout.splitlines()]
    return sum(int(row[5], 16) for row in rows if len(row) > 5 and row[1].startswith(".debug"))


def pick(module, count):
    lines = subprocess.run(["nm", "-S", module], capture_output=True, text=True, check=True)
    fields = [line.split() for line in lines.stdout.splitlines()]
    functions = [(int(f[0], 16), int(f[1], 16)) for f in fields if len(f) == 4 and f[2] in "tTwW"]
    chance = random.Random(7)
    places = chance.choices(functions, weights=[size for _, size in functions], k=count)
    return [begin + chance.randrange(size) for begin, size in places]


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(command, text):
    """Seconds on the clock, of the processor, and what it printed."""
    begin, used = time.perf_counter(), processor_seconds()
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return time.perf_counter() - begin, processor_seconds() - used, done.stdout


def frames_of_addr2line(text):
    """For each address: outermost function and lines, as symbols_benchmark prints them."""
    rows = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("0x"):
            rows.append([])
            continue
        place = next(lines).split(" (")[0].rsplit(":", 1)[1]
        rows[-1].append((line, place.replace("?", "0")))
    return [whole("\t".join([str(len(row)), row[-1][0], *(place for _, place in row)]))
            for row in rows]


def whole(line):
    """Names are cut by src/symbols (kMaxName): here both sides are."""
    count, name, *lines = line.split("\t")
    return (count, name[:1024], lines)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--addresses", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=3)
    arguments = options.parse_args()
    module = make_module(30_000_000)
    text = "".join(f"0x{address:x}\n" for address in pick(module, arguments.addresses))
    print(f"{module}: {debug_bytes(module) / 1e6:.1f} MB of DWARF, {arguments.addresses} addresses")
    tools = {"addr2line": ["addr2line", "-afiC", "-e", module]}
    if shutil.which("llvm-symbolizer"):
        tools["llvm-symbolizer"] = ["llvm-symbolizer", "--inlines", "-e", module]
    printed = {}
    taken = {}
    program = "build/release/bin/symbols_benchmark"
    with tempfile.TemporaryDirectory() as cache:
        run([program, module, cache], text)
        commands = {"memwhy": [program, module, "-"],
                    "memwhy, from its cache": [program, module, cache], **tools}
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                wall, processor, printed[name] = run(command, text)
                taken.setdefault(name, []).append((processor, wall))
    base = min(taken["memwhy"])[0]
    for name, values in taken.items():
        processor, wall = min(values)
        print(f"{name:24} {wall:6.3f} s, {processor:6.3f} s of the processor: "
              f"{processor / base:5.2f} times memwhy's")
    expected = frames_of_addr2line(printed["addr2line"])
    mine = [whole(line) for line in printed["memwhy"].splitlines()]
    same = sum(a == b for a, b in zip(mine, expected))
    print(f"frames, lines and outermost function as addr2line's: {same} of {len(expected)}")


if __name__ == "__main__":
    main()
