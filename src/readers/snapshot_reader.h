// SPDX-License-Identifier: Apache-2.0
//
// Reads a memory snapshot of PyTorch's caching allocator: what torch.cuda.memory._dump_snapshot
// (Python's pickle, protocols 2 to 5) or torch::cuda::_memory_snapshot_pickled (C++, protocol 2)
// write. Fields are found by name, never by torch's version; what is missing stays unknown. A
// damaged file is read as far as it goes (DeviceSnapshot::damage).
//
// Any bytes are fine. Memory: about 70 bytes for each event. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "model/device/snapshot.h"
#include "readers/pickle_machine.h"

namespace memwhy::readers {

class SnapshotReader : private PickleMachine::Client {
 public:
  static constexpr Bytes kMaxSize = Bytes{1} << 46;  // of one block or segment

  SnapshotReader();

  // The next bytes of the file. False: no more are wanted.
  bool Feed(std::string_view bytes);

  // Once, after the last Feed. An error: this is no snapshot at all.
  Result<model::DeviceSnapshot> Finish();

 private:
  enum class Made : std::uint8_t { kEvent = 1, kSegment, kBlock, kFrame, kStack, kOther, kUsed };
  struct Record {
    Made made;
    std::uint64_t index;
  };
  struct Segment {
    model::DeviceSegment segment;
    std::vector<std::uint64_t> blocks;
  };
  // The values of one dict by the ids of known keys, which are the first strings of the machine.
  struct Fields {
    std::uint64_t present = 0;
    std::array<PickleValue, 64> values;
  };

  std::optional<std::uint64_t> OnDict(std::span<const PickleMachine::Pair> pairs) override;
  std::optional<std::uint64_t> AddEvent(const Fields& fields);
  std::optional<std::uint64_t> AddSegment(const Fields& fields);
  std::optional<std::uint64_t> AddBlock(const Fields& fields);
  std::optional<std::uint64_t> AddFrame(const Fields& fields);
  std::nullopt_t LeaveOut(const char* what);

  std::optional<std::uint64_t> Unsigned(const Fields& fields, unsigned key) const;
  std::optional<Bytes> Size(const Fields& fields, unsigned key) const;
  bool Flag(const Fields& fields, unsigned key) const;
  model::PoolId Pool(const Fields& fields, unsigned key) const;
  std::optional<Record> RecordOf(PickleValue value) const;
  model::StackId Stack(PickleValue frames);
  std::uint32_t Stream(std::uint64_t stream);
  std::uint16_t PoolIndex(model::PoolId pool);
  std::string Text(PickleValue value) const;

  void TakeSegments(PickleValue list);
  void TakeTraces(PickleValue list);
  void TakeTrace(int device, PickleValue list);
  void TakeSettings(PickleValue dict);
  void TakeHost(PickleValue list);

  PickleMachine machine_;
  model::DeviceSnapshot snapshot_;
  std::string first_bytes_;
  std::vector<Segment> segments_;
  std::vector<model::DeviceBlock> blocks_;
  std::unordered_map<std::string, model::StackId> stack_ids_;
  std::string stack_key_;
  std::unordered_map<std::uint64_t, std::uint32_t> stream_ids_;
  std::map<model::PoolId, std::uint16_t> pool_ids_;
  std::map<std::string, std::uint64_t> left_out_;
  Fields fields_;
};

}  // namespace memwhy::readers
