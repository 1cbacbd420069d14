// SPDX-License-Identifier: Apache-2.0
#include "session/stream_encoder.h"

#include <utility>

#include "wire/varint.h"

namespace memwhy::session {

using wire::EventKind;

void StreamEncoder::Kind(EventKind kind, std::uint8_t flags) {
  Byte(static_cast<std::uint8_t>(static_cast<std::uint8_t>(kind) | flags));
}

void StreamEncoder::Number(std::uint64_t value) {
  std::uint8_t buffer[wire::kMaxVarintBytes];
  bytes_.insert(bytes_.end(), buffer, wire::PutVarint(buffer, value));
}

void StreamEncoder::Text(std::string_view text) {
  Number(text.size());
  bytes_.insert(bytes_.end(), text.begin(), text.end());
}

void StreamEncoder::At(std::uint64_t time) {
  Number(time - ticks_);
  ticks_ = time;
}

void StreamEncoder::Address(std::uint64_t address) {
  const std::uint64_t unit = address >> 3;
  Number(wire::ZigZag(static_cast<std::int64_t>(unit - unit_)));
  unit_ = unit;
}

std::uint8_t StreamEncoder::SameFlags(std::uint64_t size, std::uint32_t stack) const {
  return static_cast<std::uint8_t>((size == size_ ? wire::kSameSize : 0) |
                                   (stack == stack_ ? wire::kSameStack : 0));
}

void StreamEncoder::SizeAndStack(std::uint8_t flags, std::uint64_t size, std::uint32_t stack) {
  if ((flags & wire::kSameSize) == 0) Number(size);
  if ((flags & wire::kSameStack) == 0) Number(stack);
  size_ = size;
  stack_ = stack;
}

std::uint32_t StreamEncoder::DefineCode(std::string_view name, std::string_view file,
                                        std::string_view module, int first_line,
                                        std::string_view line_table, unsigned python_version) {
  Kind(EventKind::kDefineCode);
  Number(static_cast<std::uint64_t>(first_line));
  Number(python_version);
  Text(name);
  Text(file);
  Text(module);
  Text(line_table);
  return next_code_++;
}

std::uint32_t StreamEncoder::DefineModule(wire::ModuleKind kind, std::uint64_t load_address,
                                          std::string_view path, std::string_view build_id) {
  Kind(EventKind::kDefineModule);
  Number(static_cast<std::uint64_t>(kind));
  Number(load_address);
  Text(path);
  Text(build_id);
  return next_code_++;
}

std::uint32_t StreamEncoder::DefineNode(std::uint32_t parent, std::uint32_t code,
                                        std::int64_t instruction) {
  Kind(EventKind::kDefineNode);
  Number(parent);
  Number(code);
  Number(static_cast<std::uint64_t>(instruction + 1));
  return next_node_++;
}

void StreamEncoder::CodeModule(std::uint32_t code, std::string_view module) {
  Kind(EventKind::kCodeModule);
  Number(code);
  Text(module);
}

void StreamEncoder::Thread(std::uint32_t tid, std::string_view name, std::uint64_t thread_pointer,
                           std::uint64_t stack_pointer) {
  Kind(EventKind::kThread);
  Number(tid);
  Number(thread_pointer);
  Number(stack_pointer);
  Text(name);
}

void StreamEncoder::ThreadName(std::string_view name) {
  Kind(EventKind::kThreadName);
  Text(name);
}

void StreamEncoder::ThreadEnd(std::uint64_t time) {
  Kind(EventKind::kThreadEnd);
  At(time);
}

void StreamEncoder::Allocate(std::uint64_t time, wire::Allocator allocator, std::uint64_t address,
                             std::uint64_t size, std::uint32_t stack) {
  const std::uint8_t flags = SameFlags(size, stack);
  switch (allocator) {
    case wire::Allocator::kMalloc:
      Kind(EventKind::kMalloc, flags);
      break;
    case wire::Allocator::kCalloc:
      Kind(EventKind::kCalloc, flags);
      break;
    case wire::Allocator::kMmap:
    case wire::Allocator::kBrk:
      Kind(EventKind::kMap, flags);
      Byte(static_cast<std::uint8_t>(allocator));
      break;
    default:
      Kind(EventKind::kAllocate, flags);
      Byte(static_cast<std::uint8_t>(allocator));
      break;
  }
  At(time);
  Address(address);
  SizeAndStack(flags, size, stack);
}

void StreamEncoder::Free(std::uint64_t time, std::uint64_t address) {
  Kind(EventKind::kFree);
  At(time);
  Address(address);
}

void StreamEncoder::ArenaFree(std::uint64_t time, std::uint64_t address) {
  Kind(EventKind::kArenaFree);
  At(time);
  Address(address);
}

void StreamEncoder::ObjectAllocate(std::uint64_t time, wire::Allocator allocator,
                                   std::uint64_t address, std::uint64_t size, std::uint32_t stack) {
  const std::uint8_t flags = SameFlags(size, stack);
  Kind(EventKind::kObjectAllocate, flags);
  Byte(static_cast<std::uint8_t>(allocator));
  At(time);
  Address(address);
  SizeAndStack(flags, size, stack);
}

void StreamEncoder::ObjectFree(std::uint64_t time, std::uint64_t address) {
  Kind(EventKind::kObjectFree);
  At(time);
  Address(address);
}

void StreamEncoder::Realloc(std::uint64_t before, std::uint64_t old_address, std::uint64_t after,
                            std::uint64_t address, std::uint64_t size, std::uint32_t stack,
                            wire::Allocator allocator) {
  const std::uint8_t flags = SameFlags(size, stack);
  Kind(EventKind::kRealloc, flags);
  Byte(static_cast<std::uint8_t>(allocator));
  At(before);
  Address(old_address);
  At(after);
  Address(address);
  SizeAndStack(flags, size, stack);
}

void StreamEncoder::Unmap(std::uint64_t time, std::uint64_t address, std::uint64_t size) {
  Kind(EventKind::kUnmap);
  At(time);
  Address(address);
  Number(size);
}

void StreamEncoder::Remap(std::uint64_t before, std::uint64_t old_address, std::uint64_t old_size,
                          std::uint64_t after, std::uint64_t address, std::uint64_t size,
                          std::uint32_t stack) {
  const std::uint8_t flags = SameFlags(size, stack);
  Kind(EventKind::kRemap, flags);
  At(before);
  Address(old_address);
  Number(old_size);
  At(after);
  Address(address);
  SizeAndStack(flags, size, stack);
}

void StreamEncoder::Advise(std::uint64_t time, std::uint64_t address, std::uint64_t length,
                           int advice) {
  Kind(EventKind::kAdvise);
  At(time);
  Address(address);
  Number(length);
  Number(static_cast<std::uint64_t>(advice));
}

void StreamEncoder::Mark(std::uint64_t time, std::string_view name, std::uint64_t count) {
  Kind(EventKind::kMark);
  At(time);
  Number(count);
  Text(name);
}

void StreamEncoder::Lost(std::uint64_t events, std::uint64_t bytes) {
  Kind(EventKind::kLost);
  Number(events);
  Number(bytes);
}

void StreamEncoder::Time(std::uint64_t ticks) {
  Kind(EventKind::kTime);
  Number(ticks);
  ticks_ = ticks;
}

void StreamEncoder::Fork(std::uint64_t time, std::uint32_t child_pid, std::uint64_t sequence) {
  Kind(EventKind::kFork);
  At(time);
  Number(child_pid);
  Number(sequence);
}

void StreamEncoder::Private(std::uint64_t begin, std::uint64_t end) {
  Kind(EventKind::kPrivate);
  Number(begin);
  Number(end);
}

void StreamEncoder::Held(std::uint8_t held_flags, wire::Allocator allocator, std::uint32_t process,
                         std::uint64_t address, std::uint64_t size, std::uint32_t stack) {
  const std::uint8_t flags = SameFlags(size, stack);
  Kind(EventKind::kHeld, flags);
  Byte(held_flags);
  Byte(static_cast<std::uint8_t>(allocator));
  Number(process);
  Address(address);
  SizeAndStack(flags, size, stack);
}

void StreamEncoder::Folded(wire::Allocator allocator, std::uint32_t process, std::uint32_t stack,
                           std::span<const std::uint64_t, 10> sums) {
  Kind(EventKind::kFolded);
  Byte(static_cast<std::uint8_t>(allocator));
  Number(process);
  Number(stack);
  stack_ = stack;
  for (const std::uint64_t sum : sums) Number(sum);
}

void StreamEncoder::State(std::uint64_t ticks, std::uint64_t unit, std::uint64_t size,
                          std::uint64_t stack) {
  Kind(EventKind::kState);
  for (const std::uint64_t number : {ticks, unit, size, stack}) Number(number);
  ticks_ = ticks;
  unit_ = unit;
  size_ = size;
  stack_ = stack;
}

void StreamEncoder::Verbatim(std::span<const std::uint8_t> record) {
  bytes_.insert(bytes_.end(), record.begin(), record.end());
}

std::vector<std::uint8_t> StreamEncoder::Take() {
  offset_ += bytes_.size();
  return std::exchange(bytes_, {});
}

}  // namespace memwhy::session
