// SPDX-License-Identifier: Apache-2.0
//
// Writes one thread's event stream (grammar: wire/event.h) for folded sessions, tests and
// benchmarks. The agent has its own encoder; both are checked against
// the one decoder. Times are ticks; addresses are multiples of 8. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "wire/event.h"

namespace memwhy::session {

class StreamEncoder {
 public:
  explicit StreamEncoder(std::uint64_t start_ticks = 0) : ticks_(start_ticks) {}

  // Definitions; each returns the new id.
  std::uint32_t DefineCode(std::string_view name, std::string_view file, std::string_view module,
                           int first_line, std::string_view line_table = {},
                           unsigned python_version = 3u << 8 | 11);
  // `instruction` in code units; -1 before the first (the line is then the code's first).
  std::uint32_t DefineModule(wire::ModuleKind kind, std::uint64_t load_address,
                             std::string_view path, std::string_view build_id);
  std::uint32_t DefineNode(std::uint32_t parent, std::uint32_t code, std::int64_t instruction = -1);
  void CodeModule(std::uint32_t code, std::string_view module);

  void Thread(std::uint32_t tid, std::string_view name, std::uint64_t thread_pointer = 0,
              std::uint64_t stack_pointer = 0);
  void ThreadName(std::string_view name);
  void ThreadEnd(std::uint64_t time);
  void Allocate(std::uint64_t time, wire::Allocator allocator, std::uint64_t address,
                std::uint64_t size, std::uint32_t stack);  // mmap and brk become kMap
  void Free(std::uint64_t time, std::uint64_t address);
  void ArenaFree(std::uint64_t time, std::uint64_t address);
  void ObjectAllocate(std::uint64_t time, wire::Allocator allocator, std::uint64_t address,
                      std::uint64_t size, std::uint32_t stack);
  void ObjectFree(std::uint64_t time, std::uint64_t address);
  void Realloc(std::uint64_t before, std::uint64_t old_address, std::uint64_t after,
               std::uint64_t address, std::uint64_t size, std::uint32_t stack,
               wire::Allocator allocator = wire::Allocator::kRealloc);
  void Unmap(std::uint64_t time, std::uint64_t address, std::uint64_t size);
  void Remap(std::uint64_t before, std::uint64_t old_address, std::uint64_t old_size,
             std::uint64_t after, std::uint64_t address, std::uint64_t size, std::uint32_t stack);
  void Advise(std::uint64_t time, std::uint64_t address, std::uint64_t length, int advice);
  void Mark(std::uint64_t time, std::string_view name, std::uint64_t count = 1);
  void Lost(std::uint64_t events, std::uint64_t bytes);
  void Time(std::uint64_t ticks);
  void Fork(std::uint64_t time, std::uint32_t child_pid, std::uint64_t sequence = 0);
  void Private(std::uint64_t begin, std::uint64_t end);

  // Of folded sessions.
  void Held(std::uint8_t flags, wire::Allocator allocator, std::uint32_t process,
            std::uint64_t address, std::uint64_t size, std::uint32_t stack);
  void Folded(wire::Allocator allocator, std::uint32_t process, std::uint32_t stack,
              std::span<const std::uint64_t, 10> sums);
  void State(std::uint64_t ticks, std::uint64_t unit, std::uint64_t size, std::uint64_t stack);
  // A record that does not depend on the running state, as it is.
  void Verbatim(std::span<const std::uint8_t> record);

  const std::vector<std::uint8_t>& bytes() const { return bytes_; }
  std::uint64_t offset() const { return offset_; }  // of bytes() in the stream
  // Takes the bytes out; the stream goes on.
  std::vector<std::uint8_t> Take();

 private:
  void Byte(std::uint8_t value) { bytes_.push_back(value); }
  void Kind(wire::EventKind kind, std::uint8_t flags = 0);
  void Number(std::uint64_t value);
  void Text(std::string_view text);
  void At(std::uint64_t time);
  void Address(std::uint64_t address);
  std::uint8_t SameFlags(std::uint64_t size, std::uint32_t stack) const;
  void SizeAndStack(std::uint8_t flags, std::uint64_t size, std::uint32_t stack);

  std::vector<std::uint8_t> bytes_;
  std::uint64_t offset_ = 0;
  std::uint64_t ticks_;
  std::uint64_t unit_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t stack_ = 0;
  std::uint32_t next_node_ = wire::kFirstNode;
  std::uint32_t next_code_ = wire::kFirstCode;
};

}  // namespace memwhy::session
