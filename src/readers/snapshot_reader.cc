// SPDX-License-Identifier: Apache-2.0
#include "readers/snapshot_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "base/bytes.h"
#include "base/strings.h"

namespace memwhy::readers {
namespace {

using model::DeviceAction;

enum Key : unsigned {
  kAction,
  kAddr,
  kAddress,
  kAllocated,
  kBlocks,
  kDevice,
  kDeviceFree,
  kFilename,
  kForwardFrames,
  kFrames,
  kIsExpandable,
  kLine,
  kName,
  kPoolId,
  kRequestedSize,
  kSegmentPoolId,
  kSegmentType,
  kSize,
  kState,
  kStream,
  kTimeUs,
  kTotalSize,
  kKeyCount,
};
constexpr const char* kKeyNames[kKeyCount] = {
    "action",      "addr",     "address",        "allocated",       "blocks",        "device",
    "device_free", "filename", "forward_frames", "frames",          "is_expandable", "line",
    "name",        "pool_id",  "requested_size", "segment_pool_id", "segment_type",  "size",
    "state",       "stream",   "time_us",        "total_size",
};

constexpr std::pair<std::string_view, DeviceAction> kActions[] = {
    {"alloc", DeviceAction::kAlloc},
    {"free_requested", DeviceAction::kFreeRequested},
    {"free_completed", DeviceAction::kFreeCompleted},
    {"free", DeviceAction::kFreeCompleted},
    {"segment_alloc", DeviceAction::kSegmentAlloc},
    {"segment_free", DeviceAction::kSegmentFree},
    {"segment_map", DeviceAction::kSegmentMap},
    {"segment_unmap", DeviceAction::kSegmentUnmap},
    {"snapshot", DeviceAction::kSnapshot},
    {"oom", DeviceAction::kOutOfMemory},
};

constexpr int kMadeShift = 52;
constexpr std::uint64_t kIndexMask = (std::uint64_t{1} << kMadeShift) - 1;

DeviceAction ActionOf(std::string_view name) {
  for (const auto& [text, action] : kActions) {
    if (text == name) return action;
  }
  return DeviceAction::kOther;
}

// Python frames have a .py file or a name in angle brackets; the others come from the C++ unwinder.
model::Language LanguageOf(std::string_view file) {
  const bool is_python = EndsWith(file, ".py") || StartsWith(file, "<");
  return is_python ? model::Language::kPython : model::Language::kC;
}

}  // namespace

SnapshotReader::SnapshotReader() : machine_(this) {
  static_assert(kKeyCount <= 64);
  for (const char* name : kKeyNames) machine_.FindString(name);
  stream_ids_[0] = 0;
  pool_ids_[{0, 0}] = 0;
}

bool SnapshotReader::Feed(std::string_view bytes) {
  if (first_bytes_.size() < 8) first_bytes_.append(bytes.substr(0, 8));
  snapshot_.file_bytes += bytes.size();
  return machine_.Feed(bytes);
}

std::nullopt_t SnapshotReader::LeaveOut(const char* what) {
  ++left_out_[what];
  return std::nullopt;
}

std::optional<std::uint64_t> SnapshotReader::OnDict(std::span<const PickleMachine::Pair> pairs) {
  fields_.present = 0;
  for (const auto& [key, value] : pairs) {
    if (key >= kKeyCount) continue;
    fields_.present |= std::uint64_t{1} << key;
    fields_.values[key] = value;
  }
  const auto has = [&](unsigned key) { return (fields_.present >> key & 1) != 0; };
  if (has(kAction)) return AddEvent(fields_);
  if (has(kTotalSize)) return AddSegment(fields_);
  if (has(kState) && has(kSize)) return AddBlock(fields_);
  if (has(kFilename) && has(kLine)) return AddFrame(fields_);
  return std::nullopt;
}

std::optional<std::uint64_t> SnapshotReader::Unsigned(const Fields& fields, unsigned key) const {
  if ((fields.present >> key & 1) == 0) return std::nullopt;
  const PickleValue value = fields.values[key];
  if (value.kind == PickleKind::kUnsigned) return value.bits;
  if (value.kind != PickleKind::kInt || static_cast<std::int64_t>(value.bits) < 0) {
    return std::nullopt;
  }
  return value.bits;
}

std::optional<Bytes> SnapshotReader::Size(const Fields& fields, unsigned key) const {
  const auto size = Unsigned(fields, key);
  return size && *size <= kMaxSize ? size : std::nullopt;
}

bool SnapshotReader::Flag(const Fields& fields, unsigned key) const {
  return (fields.present >> key & 1) != 0 && fields.values[key].bits != 0;
}

model::PoolId SnapshotReader::Pool(const Fields& fields, unsigned key) const {
  if ((fields.present >> key & 1) == 0) return {};
  const std::span<const PickleValue> parts = machine_.tuple(fields.values[key]);
  if (parts.size() != 2 || !parts[0].is_int() || !parts[1].is_int()) return {};
  return {parts[0].bits, parts[1].bits};
}

std::optional<SnapshotReader::Record> SnapshotReader::RecordOf(PickleValue value) const {
  value = machine_.Resolve(value);
  if (value.kind != PickleKind::kRecord) return std::nullopt;
  return Record{static_cast<Made>(value.bits >> kMadeShift), value.bits & kIndexMask};
}

std::string SnapshotReader::Text(PickleValue value) const {
  switch (value.kind) {
    case PickleKind::kString:
      return machine_.text(value);
    case PickleKind::kBool:
      return value.bits != 0 ? "True" : "False";
    case PickleKind::kInt:
      return std::to_string(static_cast<std::int64_t>(value.bits));
    case PickleKind::kUnsigned:
      return std::to_string(value.bits);
    case PickleKind::kFloat:
      return fmt::format("{}", std::bit_cast<double>(value.bits));
    default:
      return "";
  }
}

model::StackId SnapshotReader::Stack(PickleValue frames) {
  if (const auto record = RecordOf(frames)) {
    if (record->made != Made::kStack) return model::kUnknownStack;
    return model::StackId{static_cast<std::uint32_t>(record->index)};
  }
  stack_key_.clear();
  for (const std::uint64_t packed : machine_.list(frames)) {
    const PickleValue item = machine_.Unpack(packed);
    std::uint32_t frame = 0;
    if (item.kind == PickleKind::kString) {  // of forward_frames
      model::Frame text;
      text.function = machine_.text(item);
      frame = snapshot_.stacks.InternFrame(text).value;
    } else if (const auto record = RecordOf(item); record && record->made == Made::kFrame) {
      frame = static_cast<std::uint32_t>(record->index);
    } else {
      continue;
    }
    stack_key_.append(reinterpret_cast<const char*>(&frame), sizeof(frame));
  }
  model::StackId id = model::kUnknownStack;
  if (!stack_key_.empty()) {
    const auto [it, is_new] = stack_ids_.try_emplace(stack_key_, model::kNoPython);
    if (is_new) {
      for (std::size_t end = stack_key_.size(); end > 0; end -= sizeof(std::uint32_t)) {
        std::uint32_t frame = 0;
        stack_key_.copy(reinterpret_cast<char*>(&frame), sizeof(frame), end - sizeof(frame));
        it->second = snapshot_.stacks.InternStack(it->second, model::FrameId{frame});
      }
    }
    id = it->second;
  }
  if (!machine_.list(frames).empty()) {
    machine_.Replace(frames,
                     std::uint64_t{static_cast<unsigned>(Made::kStack)} << kMadeShift | id.value);
  }
  return id;
}

std::uint32_t SnapshotReader::Stream(std::uint64_t stream) {
  if (stream == 0) return 0;
  const auto [it, is_new] =
      stream_ids_.try_emplace(stream, static_cast<std::uint32_t>(snapshot_.streams.size()));
  if (is_new) snapshot_.streams.push_back(stream);
  return it->second;
}

std::uint16_t SnapshotReader::PoolIndex(model::PoolId pool) {
  if (pool == model::PoolId{0, 0}) return 0;
  if (snapshot_.pools.size() > std::numeric_limits<std::uint16_t>::max()) return 0;
  const auto [it, is_new] =
      pool_ids_.try_emplace(pool, static_cast<std::uint16_t>(snapshot_.pools.size()));
  if (is_new) snapshot_.pools.push_back(pool);
  return it->second;
}

std::optional<std::uint64_t> SnapshotReader::AddEvent(const Fields& fields) {
  model::DeviceEvent event;
  if (fields.values[kAction].kind != PickleKind::kString) return LeaveOut("events without action");
  event.action = ActionOf(machine_.text(fields.values[kAction]));
  const bool is_oom = event.action == DeviceAction::kOutOfMemory;
  const auto address = Unsigned(fields, is_oom ? kDeviceFree : kAddr);
  const auto size = Size(fields, kSize);
  const bool needs_address = event.action != DeviceAction::kOther && !is_oom;
  if ((needs_address && !address) || !size) return LeaveOut("events without address or size");
  event.address = address.value_or(0);
  event.size = *size;
  if (const auto time = Unsigned(fields, kTimeUs)) {
    event.time_us = static_cast<std::int64_t>(*time & std::numeric_limits<std::int64_t>::max());
    snapshot_.has_times = true;
  }
  if ((fields.present >> kFrames & 1) != 0) event.stack = Stack(fields.values[kFrames]);
  if (event.stack == model::kUnknownStack && (fields.present >> kForwardFrames & 1) != 0) {
    event.stack = Stack(fields.values[kForwardFrames]);
  }
  event.stream = Stream(Unsigned(fields, kStream).value_or(0));
  event.pool = PoolIndex(Pool(fields, kPoolId));
  snapshot_.events.push_back(event);
  return std::uint64_t{static_cast<unsigned>(Made::kEvent)} << kMadeShift |
         (snapshot_.events.size() - 1);
}

std::optional<std::uint64_t> SnapshotReader::AddBlock(const Fields& fields) {
  const auto size = Size(fields, kSize);
  if (!size || fields.values[kState].kind != PickleKind::kString) {
    return LeaveOut("blocks without size or state");
  }
  const std::string& state = machine_.text(fields.values[kState]);
  model::DeviceBlock block;
  block.size = *size;
  block.requested = std::min(*size, Size(fields, kRequestedSize).value_or(*size));
  block.address = Unsigned(fields, kAddress).value_or(0);
  if (StartsWith(state, "active_allocated")) {
    block.state = model::BlockState::kActive;
  } else if (StartsWith(state, "active")) {  // pending_free, awaiting_free
    block.state = model::BlockState::kPendingFree;
  }
  if ((fields.present >> kFrames & 1) != 0) block.stack = Stack(fields.values[kFrames]);
  blocks_.push_back(block);
  return std::uint64_t{static_cast<unsigned>(Made::kBlock)} << kMadeShift | (blocks_.size() - 1);
}

std::optional<std::uint64_t> SnapshotReader::AddSegment(const Fields& fields) {
  const auto size = Size(fields, kTotalSize);
  if (!size) return LeaveOut("segments without size");
  Segment made;
  model::DeviceSegment& segment = made.segment;
  segment.size = *size;
  segment.address = Unsigned(fields, kAddress).value_or(0);
  segment.device = static_cast<int>(std::min<std::uint64_t>(
      Unsigned(fields, kDevice).value_or(0), std::numeric_limits<std::int16_t>::max()));
  segment.stream = Unsigned(fields, kStream).value_or(0);
  segment.pool = Pool(fields, kSegmentPoolId);
  segment.is_small =
      (fields.present >> kSegmentType & 1) != 0 && Text(fields.values[kSegmentType]) == "small";
  segment.is_expandable = Flag(fields, kIsExpandable);
  if ((fields.present >> kFrames & 1) != 0) segment.stack = Stack(fields.values[kFrames]);
  if ((fields.present >> kBlocks & 1) != 0) {
    const PickleValue blocks = fields.values[kBlocks];
    if (const auto record = RecordOf(blocks); record && record->made == Made::kUsed) {
      return LeaveOut("segments with the blocks of another");
    }
    for (const std::uint64_t packed : machine_.list(blocks)) {
      const auto record = RecordOf(machine_.Unpack(packed));
      if (record && record->made == Made::kBlock) made.blocks.push_back(record->index);
    }
    machine_.Replace(blocks, std::uint64_t{static_cast<unsigned>(Made::kUsed)} << kMadeShift);
  }
  segments_.push_back(std::move(made));
  return std::uint64_t{static_cast<unsigned>(Made::kSegment)} << kMadeShift |
         (segments_.size() - 1);
}

std::optional<std::uint64_t> SnapshotReader::AddFrame(const Fields& fields) {
  model::Frame frame;
  frame.file = Text(fields.values[kFilename]);
  if (frame.file == "??") frame.file.clear();
  if ((fields.present >> kName & 1) != 0) frame.function = Text(fields.values[kName]);
  frame.language = LanguageOf(frame.file);
  frame.line = static_cast<int>(std::min<std::uint64_t>(Unsigned(fields, kLine).value_or(0),
                                                        std::numeric_limits<int>::max()));
  return std::uint64_t{static_cast<unsigned>(Made::kFrame)} << kMadeShift |
         snapshot_.stacks.InternFrame(frame).value;
}

void SnapshotReader::TakeSegments(PickleValue list) {
  for (const std::uint64_t packed : machine_.list(list)) {
    const auto record = RecordOf(machine_.Unpack(packed));
    if (!record || record->made != Made::kSegment) {
      LeaveOut("segments that are none");
      continue;
    }
    Segment made = std::exchange(segments_[record->index], {});  // listed twice: empty
    if (made.segment.size == 0) continue;
    made.segment.first_block = static_cast<std::uint32_t>(snapshot_.blocks.size());
    made.segment.block_count = static_cast<std::uint32_t>(made.blocks.size());
    std::uint64_t address = made.segment.address;
    Bytes sum = 0;
    for (const std::uint64_t index : made.blocks) {
      model::DeviceBlock block = blocks_[index];
      if (block.address == 0) block.address = address;  // old files do not say it
      address = block.address + block.size;
      sum += block.size;
      snapshot_.blocks.push_back(block);
    }
    if (sum != made.segment.size) LeaveOut("segments whose blocks do not add up to their size");
    snapshot_.segments.push_back(made.segment);
  }
}

void SnapshotReader::TakeTrace(int device, PickleValue list) {
  const std::span<const std::uint64_t> items = machine_.list(list);
  if (items.empty()) return;
  std::vector<std::uint64_t> indices;  // only where they do not follow each other
  model::DeviceTrace trace{device, 0, 0};
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto record = RecordOf(machine_.Unpack(items[i]));
    if (!record || record->made != Made::kEvent) {
      LeaveOut("events that are none");
      continue;
    }
    if (indices.empty() && (trace.count == 0 || record->index == trace.first + trace.count)) {
      if (trace.count == 0) trace.first = record->index;
      ++trace.count;
      continue;
    }
    for (std::size_t k = 0; indices.empty() && k < trace.count; ++k) {
      indices.push_back(trace.first + k);
    }
    indices.push_back(record->index);
  }
  if (!indices.empty()) {
    trace.first = snapshot_.events.size();
    trace.count = indices.size();
    for (const std::uint64_t index : indices) {
      const model::DeviceEvent event = snapshot_.events[index];
      snapshot_.events.push_back(event);
    }
  }
  machine_.Replace(list, std::uint64_t{static_cast<unsigned>(Made::kUsed)} << kMadeShift);
  if (trace.count > 0) snapshot_.traces.push_back(trace);
}

void SnapshotReader::TakeTraces(PickleValue list) {
  int device = 0;
  for (const std::uint64_t packed : machine_.list(list)) {
    TakeTrace(device++, machine_.Unpack(packed));
  }
}

void SnapshotReader::TakeSettings(PickleValue dict) {
  for (const auto& [key, value] : machine_.dict(dict)) {
    const std::string text = Text(value);
    if (!text.empty()) snapshot_.settings[machine_.key(key)] = text;
    for (const auto& [inner, part] : machine_.dict(value)) {
      snapshot_.settings[machine_.key(key) + "." + machine_.key(inner)] = Text(part);
    }
  }
}

// The pinned host memory's segments are never cut; which keys say so differs between releases.
void SnapshotReader::TakeHost(PickleValue list) {
  model::HostPinned host;
  for (const std::uint64_t packed : machine_.list(list)) {
    const PickleValue item = machine_.Resolve(machine_.Unpack(packed));
    Fields fields;
    for (const auto& [key, value] : machine_.dict(item)) {
      if (key >= kKeyCount) continue;
      fields.present |= std::uint64_t{1} << key;
      fields.values[key] = value;
    }
    if (const auto record = RecordOf(item); record && record->made == Made::kSegment) {
      host.bytes += segments_[record->index].segment.size;
    } else if (const auto size = Size(fields, kSize)) {
      host.bytes += *size;
      if ((fields.present >> kAllocated & 1) != 0) {
        host.in_use = host.in_use.value_or(0) + (Flag(fields, kAllocated) ? *size : 0);
      }
    } else {
      continue;
    }
    ++host.segments;
  }
  snapshot_.host = host;
}

Result<model::DeviceSnapshot> SnapshotReader::Finish() {
  const Result<void> finished = machine_.Finish();
  snapshot_.protocol = machine_.protocol();
  PickleValue root = machine_.root();
  bool is_snapshot = false;
  if (root.kind == PickleKind::kList) {  // torch.cuda.memory_snapshot(): the segments alone
    TakeSegments(root);
    is_snapshot = !snapshot_.segments.empty();
  }
  const auto pairs = machine_.dict(root);
  for (const auto& [key, value] : std::vector<PickleMachine::Pair>(pairs.begin(), pairs.end())) {
    const std::string& name = machine_.key(key);
    is_snapshot = is_snapshot || name == "segments" || name == "device_traces";
    if (name == "segments") TakeSegments(value);
    if (name == "device_traces") TakeTraces(value);
    if (name == "allocator_settings") TakeSettings(value);
    if (name == "external_annotations") snapshot_.annotations = machine_.list(value).size();
    if (name == "host_segments") TakeHost(value);
  }
  if (!is_snapshot) {
    if (StartsWith(first_bytes_, "\x1f\x8b")) return Error("it is compressed: gunzip it first");
    if (StartsWith(first_bytes_, "PK")) {
      return Error("it is a zip file, as torch.save writes, and no snapshot");
    }
    if (!finished) return finished.error();
    return Error("it is a pickle without segments and device_traces");
  }
  if (!finished) snapshot_.damage = finished.error().message();
  for (const auto& [what, count] : left_out_) {
    snapshot_.left_out.push_back(fmt::format("{} {}", FormatCount(count), what));
  }
  return std::move(snapshot_);
}

}  // namespace memwhy::readers
