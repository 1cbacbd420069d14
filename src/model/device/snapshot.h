// SPDX-License-Identifier: Apache-2.0
//
// What a memory snapshot of PyTorch's caching allocator says (torch.cuda.memory._dump_snapshot):
// segments that the allocator took from the device, the blocks that each is cut into, and the
// recorded events. Filled by readers/snapshot_reader.h, read by analysis/device. Plain data; what
// the file does not say is kUnknownStack, std::nullopt or "", never 0.
//
//   segment  |<------------------- size ------------------->|   one cudaMalloc, or one mapped
//            | block: active | inactive | pending | inactive |   range of an expandable segment
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/large_array.h"
#include "model/sites/stack_tree.h"

namespace memwhy::model {

enum class BlockState : std::uint8_t {
  kActive,       // a tensor has it
  kPendingFree,  // freed; another stream may still use it
  kInactive,     // cached for the next allocation
};

struct DeviceBlock {
  std::uint64_t address = 0;
  Bytes size = 0;       // rounded by the allocator
  Bytes requested = 0;  // what was asked for; of no meaning for an inactive block
  StackId stack = kUnknownStack;
  BlockState state = BlockState::kInactive;
};

using PoolId = std::pair<std::uint64_t, std::uint64_t>;  // {0, 0}: the default pool

struct DeviceSegment {
  int device = 0;
  std::uint64_t address = 0;
  Bytes size = 0;
  std::uint64_t stream = 0;
  PoolId pool;  // first != 0: a graph's, second != 0: a user's
  bool is_small = false;
  bool is_expandable = false;
  StackId stack = kUnknownStack;  // who made the allocator take it
  std::uint32_t first_block = 0;  // into DeviceSnapshot::blocks, by address
  std::uint32_t block_count = 0;
};

enum class DeviceAction : std::uint8_t {
  kAlloc,
  kFreeRequested,
  kFreeCompleted,
  kSegmentAlloc,
  kSegmentFree,
  kSegmentMap,
  kSegmentUnmap,
  kSnapshot,
  kOutOfMemory,  // address holds what the device had free
  kOther,
};

struct DeviceEvent {
  std::uint64_t address = 0;
  Bytes size = 0;  // alloc and free: requested; segments: real
  std::int64_t time_us = 0;
  StackId stack = kUnknownStack;
  std::uint32_t stream = 0;  // into DeviceSnapshot::streams
  std::uint16_t pool = 0;    // into DeviceSnapshot::pools
  DeviceAction action = DeviceAction::kOther;
};

struct DeviceTrace {
  int device = 0;
  std::size_t first = 0;  // into DeviceSnapshot::events
  std::size_t count = 0;
};

struct HostPinned {
  std::uint64_t segments = 0;
  Bytes bytes = 0;
  std::optional<Bytes> in_use;
};

struct DeviceSnapshot {
  StackTree stacks;
  std::vector<DeviceSegment> segments;
  std::vector<DeviceBlock> blocks;
  LargeArray<DeviceEvent> events;
  std::vector<DeviceTrace> traces;
  std::vector<std::uint64_t> streams = {0};
  std::vector<PoolId> pools = {PoolId{0, 0}};
  std::map<std::string, std::string> settings;  // allocator_settings, as text
  std::optional<HostPinned> host;
  bool has_times = false;
  std::uint64_t annotations = 0;
  int protocol = 0;                   // of the pickle; 0: not said
  Bytes file_bytes = 0;               // that were read
  std::vector<std::string> left_out;  // what could not be understood, with counts
  std::string damage;                 // where and why the file could not be read on; "" if it could
};

}  // namespace memwhy::model
