#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A protobuf message that is filled again and again grows without end.
#
# Guess:   one message object that is parsed into for each request, or one string field that is set
#          each second, holds its last value: reuse saves memory.
# Seen:    every parse and every assignment takes new room in the message's arena, and nothing of
#          the arena is given back before the message dies. ByteSize() stays the same throughout.
# Matters: a status or configuration message that lives as long as the service is a leak whose
#          Python object never changes. A new message for each request does not grow.
# Version: protobuf 7.36.2 (upb), CPython 3.11, Linux x86-64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  protobuf==7.36.2
export PYTHONPATH=$folder/packages

python3 - <<'EOF'
import ctypes
import gc
import sys

from google.protobuf import struct_pb2, wrappers_pb2
from google.protobuf.internal import api_implementation

MIB = 1 << 20


def anonymous():
    """Resident anonymous bytes of this process, after everything free was returned."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/smaps_rollup") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Anonymous:"))


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


filled = struct_pb2.Struct()
for number in range(1000):
    filled.fields[f"k{number}"].string_value = "v" * 100
data = filled.SerializeToString()
expect(api_implementation.Type() == "upb", "the implementation is no longer upb")
print(f"a message of {len(data)} bytes is parsed 500 times")

base = anonymous()
for _ in range(500):
    message = struct_pb2.Struct()
    message.ParseFromString(data)
fresh = anonymous() - base
print(f"into a new message each time:    {fresh / MIB:+7.1f} MiB")

message = struct_pb2.Struct()
base = anonymous()
for _ in range(500):
    message.ParseFromString(data)
reused = anonymous() - base
print(f"into the same message:           {reused / MIB:+7.1f} MiB, "
      f"ByteSize() {message.ByteSize()}")
expect(message.ByteSize() == len(data), "ByteSize() of the reused message")

text = wrappers_pb2.StringValue()
base = anonymous()
for _ in range(50_000):
    text.value = "x" * 1000
assigned = anonymous() - base
print(f"50,000 assignments of 1000 bytes: {assigned / MIB:+6.1f} MiB, "
      f"ByteSize() {text.ByteSize()}")
del text
dropped = anonymous() - base
print(f"that message dropped:            {dropped / MIB:+7.1f} MiB")

expect(fresh < 8 * MIB, "new messages stay")
expect(reused > 60 * MIB, "a reused message no longer grows")
expect(assigned > 30 * MIB, "assignments no longer add up")
expect(dropped < 8 * MIB, "a dropped message stays")
EOF
