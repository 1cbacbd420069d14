// SPDX-License-Identifier: Apache-2.0
#include "session/stream_index.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include <fmt/core.h>

#include "cpython/line_table.h"
#include "session/format.h"

namespace memwhy::session {
namespace {

// What is charged for things that are kept, here and in what is made of them.
constexpr std::uint64_t kStreamIndexPieceBytes = 2 * sizeof(PieceRef);
constexpr std::uint64_t kMarkBytes = 512;
constexpr std::uint64_t kCodeBytes = 256;
constexpr std::uint64_t kTextFactor = 8;  // a line table unfolds
constexpr std::uint64_t kNodeBytes = 128;
constexpr std::uint64_t kFrameBytes = 256;

// Text of the target is shown to people and written as JSON: invalid UTF-8 becomes '?'.
std::string CleanText(std::string_view text) {
  std::string clean(text);
  for (std::size_t i = 0; i < clean.size();) {
    const auto byte = static_cast<unsigned char>(clean[i]);
    std::size_t length = 1;
    if (byte >= 0xf0 && byte < 0xf5) {
      length = 4;
    } else if (byte >= 0xe0 && byte < 0xf0) {
      length = 3;
    } else if (byte >= 0xc2 && byte < 0xe0) {
      length = 2;
    } else if (byte >= 0x80 || byte < 0x20) {
      clean[i++] = '?';
      continue;
    }
    bool is_good = i + length <= clean.size();
    for (std::size_t k = 1; is_good && k < length; ++k) {
      is_good = (static_cast<unsigned char>(clean[i + k]) & 0xc0) == 0x80;
    }
    if (!is_good) {
      clean[i++] = '?';
      continue;
    }
    i += length;
  }
  return clean;
}

}  // namespace

void StreamIndex::Add(PieceRef ref, std::uint64_t offset, std::uint64_t stream_bytes,
                      std::span<const std::uint8_t> bytes) {
  if (!damage_.empty() || bytes.empty()) return;
  if (offset > end_offset_) {
    damage_ =
        fmt::format("{} bytes of it are missing at byte {}", offset - end_offset_, end_offset_);
    has_gap_ = true;
    return;
  }
  const std::uint64_t known = end_offset_ - offset;
  if (known >= stream_bytes) return;
  if (known != 0 && stream_bytes != bytes.size()) {
    // Rounded pieces are written as a whole, in order.
    damage_ =
        fmt::format("a piece of it begins before byte {}, where the last one ends", end_offset_);
    return;
  }
  bytes = bytes.subspan(known);
  ref.begin += static_cast<std::uint32_t>(known);
  decoder_.SetPiece(bytes);
  Record record;
  StreamDecoder::Step step{};
  std::size_t good = 0;
  std::uint64_t records = 0;
  while ((step = decoder_.Next(&record)) == StreamDecoder::Step::kRecord) {
    if (!Accept(record)) {
      step = StreamDecoder::Step::kDamaged;
      break;
    }
    good = decoder_.position();
    ++records;
  }
  // A replay holds one piece of each stream.
  const std::uint64_t growth = std::max<std::uint64_t>(longest_piece_, good) - longest_piece_;
  if (good != 0 && !allowance_->Charge(growth + kStreamIndexPieceBytes))
    return SayTooLarge(end_offset_);
  longest_piece_ += growth;
  records_ += records;
  if (is_too_large_) {
    SayTooLarge(end_offset_ + good);
  } else if (step == StreamDecoder::Step::kDamaged) {
    damage_ = fmt::format("a record of it does not decode at byte {}", end_offset_ + good);
  }
  ref.length = static_cast<std::uint32_t>(good);
  end_offset_ += step == StreamDecoder::Step::kDamaged ? good : stream_bytes - known;
  if (good != 0) pieces_.push_back(ref);
}

bool StreamIndex::Accept(const Record& record) {
  using enum wire::EventKind;
  if (HasTime(record.kind)) last_ticks_ = std::max(last_ticks_, record.ticks);
  switch (record.kind) {
    case kMalloc:
    case kCalloc:
    case kAllocate:
    case kMap:
    case kObjectAllocate:
      return HasStack(record.stack);
    case kHeld:
    case kFolded:
      return record.b < kMaxProcesses && HasStack(record.stack);
    case kState:
      last_ticks_ = std::max(last_ticks_, decoder_.ticks());
      return HasStack(record.stack);
    case kRealloc:
    case kRemap:
      last_ticks_ = std::max(last_ticks_, record.ticks_after);
      return HasStack(record.stack);
    case kDefineNode:
    case kDefineCode:
      return Define(record);
    case kDefineModule:
      return DefineModule(record);
    case kCodeModule:
      if (record.a < wire::kFirstCode || record.a >= wire::kFirstCode + codes_.size()) return false;
      if (!MayKeep(record.text[0].size())) return false;
      codes_[record.a - wire::kFirstCode].module = CleanText(record.text[0]);
      return true;
    case kThread:
      tid_ = record.a <= std::numeric_limits<std::uint32_t>::max()
                 ? static_cast<std::uint32_t>(record.a)
                 : 0;
      thread_pointer_ = record.b;
      stack_pointer_ = record.c;
      kernel_name_ = CleanText(record.text[0]);
      return true;
    case kThreadName:
      python_name_ = CleanText(record.text[0]);
      return true;
    case kThreadEnd:
      end_ticks_ = record.ticks;
      return true;
    case kMark:
      if (!MayKeep(kMarkBytes)) return false;
      marks_.push_back({record.ticks, record.a, CleanText(record.text[0])});
      return true;
    case kLost:
      lost_events_ += record.a;
      lost_bytes_ += record.b;
      return true;
    case kFork:
      has_fork_ = true;
      return true;
    case kFree:
    case kObjectFree:
    case kUnmap:
    case kAdvise:
    case kArenaFree:
    case kTime:
    case kPrivate:
      return true;
  }
  return false;
}

void StreamIndex::SayTooLarge(std::uint64_t offset) {
  damage_ = fmt::format("it says more than its bytes can hold, at byte {}", offset);
}

bool StreamIndex::Define(const Record& record) {
  if (record.kind == wire::EventKind::kDefineNode) {
    const bool is_root = record.a < wire::kFirstNode;
    if (!HasStack(record.a) || record.a == wire::kStackUnknown ||
        record.b >= wire::kFirstCode + codes_.size() ||
        record.c > std::numeric_limits<std::uint32_t>::max()) {
      return false;
    }
    const std::uint32_t depth = is_root ? 1 : nodes_[record.a - wire::kFirstNode].depth + 1;
    if (depth > static_cast<std::uint32_t>(wire::kMaxDepth) || !MayKeep(kNodeBytes)) return false;
    nodes_.push_back({static_cast<std::uint32_t>(record.a), static_cast<std::uint32_t>(record.b),
                      static_cast<std::uint32_t>(record.c), depth});
    return true;
  }
  std::uint64_t text_bytes = 0;
  for (const std::string_view text : record.text) text_bytes += text.size();
  if (!MayKeep(kCodeBytes + kTextFactor * text_bytes)) return false;
  Code code;
  code.first_line = record.a < (1u << 30) ? static_cast<int>(record.a) : 0;
  code.python_version = record.b < (1u << 16) ? static_cast<unsigned>(record.b) : 0;
  code.name = CleanText(record.text[0]);
  code.file = CleanText(record.text[1]);
  code.module = CleanText(record.text[2]);
  code.line_table = record.text[3];
  codes_.push_back(std::move(code));
  return true;
}

bool StreamIndex::DefineModule(const Record& record) {
  if (!MayKeep(kCodeBytes + kTextFactor * (record.text[0].size() + record.text[1].size()))) {
    return false;
  }
  Code code;
  code.native = NativeModule{static_cast<wire::ModuleKind>(record.a), CleanText(record.text[0]),
                             CleanText(record.text[1])};
  codes_.push_back(std::move(code));
  return true;
}

void StreamIndex::ResolveStacks(model::StackTree* tree, NativeNames* names) {
  stacks_.assign({model::kNoPython, model::kUnknownStack, model::kTruncatedRoot});
  stacks_.reserve(wire::kFirstNode + nodes_.size());
  std::vector<std::optional<std::vector<cpython::LineRun>>> lines(codes_.size());
  // By code and instruction; nullopt: of a frame that is left out.
  std::unordered_map<std::uint64_t, std::optional<model::FrameId>> frames;
  for (const Node& node : nodes_) {
    const model::StackId parent = stacks_[node.parent];
    const Code* code =
        node.code < wire::kFirstCode ? nullptr : &codes_[node.code - wire::kFirstCode];
    const bool is_native = code != nullptr && code->native;
    const bool is_outermost = is_native && !tree->has_frames(parent);
    const std::uint64_t key =
        std::uint64_t{node.code} << 32 | node.instruction | (is_outermost ? 1ull << 63 : 0);
    auto found = frames.find(key);
    if (found == frames.end()) {
      std::optional<model::Frame> frame = model::Frame{};
      if (is_native) {
        frame = names->Of(*code->native, node.instruction == 0 ? 0 : node.instruction - 1,
                          is_outermost);
      } else if (code != nullptr) {
        auto& runs = lines[node.code - wire::kFirstCode];
        if (!runs) {
          runs = cpython::DecodeLineTable(
              std::span(reinterpret_cast<const std::uint8_t*>(code->line_table.data()),
                        code->line_table.size()),
              code->first_line, code->python_version);
        }
        frame->function = code->name;
        frame->module = code->module;
        frame->file = code->file;
        frame->line = cpython::LineAt(*runs, std::int64_t{node.instruction} - 1, code->first_line);
      }
      if (frame && !MayKeep(kFrameBytes + frame->function.size() + frame->module.size() +
                            frame->file.size())) {
        if (damage_.empty()) damage_ = "its frames are more than its bytes can hold";
        frame = model::Frame{};
      }
      std::optional<model::FrameId> id;
      if (frame) id = tree->InternFrame(*frame);
      found = frames.emplace(key, id).first;
    }
    if (!found->second) {
      stacks_.push_back(parent);
      continue;
    }
    // The entry and the body of a Cython function are one.
    const bool is_same = is_native && tree->has_frames(parent) &&
                         tree->leaf_id(parent) == *found->second &&
                         tree->frame(*found->second).language == model::Language::kCython;
    stacks_.push_back(is_same ? parent : tree->InternStack(parent, *found->second));
  }
  codes_ = {};
  nodes_ = {};
}

}  // namespace memwhy::session
