// SPDX-License-Identifier: Apache-2.0
#include "session/stream_decoder.h"

namespace memwhy::session {
namespace {

constexpr std::uint32_t kMaxKernelNameBytes = wire::kMaxNameBytes;

}  // namespace

const char* EventKindName(wire::EventKind kind) {
  using enum wire::EventKind;
  switch (kind) {
    case kMalloc:
      return "malloc";
    case kCalloc:
      return "calloc";
    case kAllocate:
      return "allocate";
    case kFree:
      return "free";
    case kRealloc:
      return "realloc";
    case kMap:
      return "map";
    case kUnmap:
      return "unmap";
    case kRemap:
      return "remap";
    case kAdvise:
      return "advise";
    case kArenaFree:
      return "arena_free";
    case kDefineNode:
      return "define_node";
    case kDefineCode:
      return "define_code";
    case kDefineModule:
      return "define_module";
    case kCodeModule:
      return "code_module";
    case kThread:
      return "thread";
    case kThreadName:
      return "thread_name";
    case kThreadEnd:
      return "thread_end";
    case kMark:
      return "mark";
    case kLost:
      return "lost";
    case kTime:
      return "time";
    case kFork:
      return "fork";
    case kPrivate:
      return "private";
    case kHeld:
      return "held";
    case kFolded:
      return "folded";
    case kState:
      return "state";
    case kObjectAllocate:
      return "object_allocate";
    case kObjectFree:
      return "object_free";
  }
  return "unknown";
}

bool StreamDecoder::Text(std::uint32_t limit, std::string_view* text) {
  std::uint64_t length = 0;
  if (!Number(&length) || length > limit || length > static_cast<std::uint64_t>(end_ - cursor_)) {
    return false;
  }
  *text = std::string_view(reinterpret_cast<const char*>(cursor_), length);
  cursor_ += length;
  return true;
}

bool StreamDecoder::RareBody(std::uint8_t flags, Record* record) {
  using enum wire::EventKind;
  switch (record->kind) {
    case kUnmap:
      return Time(&record->ticks) && Address(&record->address) && Number(&record->size);
    case kRemap:
      record->allocator = wire::Allocator::kMremap;
      return Time(&record->ticks) && Address(&record->old_address) && Number(&record->old_size) &&
             Time(&record->ticks_after) && Address(&record->address) &&
             Size(flags, &record->size) && Stack(flags, &record->stack);
    case kAdvise:
      return Time(&record->ticks) && Address(&record->address) && Number(&record->a) &&
             Number(&record->b);
    case kDefineNode:
      return Number(&record->a) && Number(&record->b) && Number(&record->c);
    case kDefineCode:
      return Number(&record->a) && Number(&record->b) &&
             Text(wire::kMaxNameBytes, &record->text[0]) &&
             Text(wire::kMaxFileBytes, &record->text[1]) &&
             Text(wire::kMaxNameBytes, &record->text[2]) &&
             Text(wire::kMaxLineTableBytes, &record->text[3]);
    case kDefineModule:
      return Number(&record->a) && record->a < wire::kModuleKinds && Number(&record->b) &&
             Text(wire::kMaxFileBytes, &record->text[0]) &&
             Text(wire::kMaxBuildIdBytes, &record->text[1]);
    case kCodeModule:
      return Number(&record->a) && Text(wire::kMaxNameBytes, &record->text[0]);
    case kThread:
      return Number(&record->a) && Number(&record->b) && Number(&record->c) &&
             Text(kMaxKernelNameBytes, &record->text[0]);
    case kThreadName:
      return Text(wire::kMaxNameBytes, &record->text[0]);
    case kThreadEnd:
      return Time(&record->ticks);
    case kMark:
      return Time(&record->ticks) && Number(&record->a) &&
             Text(wire::kMaxMarkBytes, &record->text[0]);
    case kLost:
      return Number(&record->a) && Number(&record->b);
    case kTime:
      return Number(&ticks_);
    case kFork:
      return Time(&record->ticks) && Number(&record->a) && Number(&record->b);
    case kPrivate:
      return Number(&record->a) && Number(&record->b);
    case kHeld:
      if (cursor_ == end_) return false;
      record->ticks = 0;
      record->a = *cursor_++;
      return AllocatorByte(record) && Number(&record->b) && Address(&record->address) &&
             Size(flags, &record->size) && Stack(flags, &record->stack);
    case kFolded:
      record->ticks = 0;
      if (!AllocatorByte(record) || !Number(&record->b) || !Stack(flags, &record->stack)) {
        return false;
      }
      for (std::uint64_t& sum : record->sums) {
        if (!Number(&sum)) return false;
      }
      return true;
    case kState:
      if (!Number(&ticks_) || !Number(&unit_) || !Number(&size_) || !Number(&stack_)) return false;
      record->stack = stack_;
      return true;
    default:
      return false;
  }
}

}  // namespace memwhy::session
