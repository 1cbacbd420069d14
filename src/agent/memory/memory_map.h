// SPDX-License-Identifier: Apache-2.0
//
// The mappings of this process as /proc/self/maps has them, by address: may this word be read, and
// what does it lie in? Guard pages stand apart, as far as the kernel tells of them. No malloc. One
// thread.
#pragma once

#include <cstdint>

#include "agent/ground/raw_list.h"
#include "agent/memory/guard_pages.h"

namespace memwhy::agent {

struct Mapping {
  std::uintptr_t begin;
  std::uintptr_t end;
  bool is_readable;
  bool is_writable;
  bool is_executable;
  bool is_shared;
  bool is_file;
  bool is_stack;         // "[stack]"
  bool is_heap;          // "[heap]"
  bool is_stdlib;        // an extension module of CPython's own
  bool is_memory_file;   // of no disk and no device: MAP_ANONYMOUS, memfd, /dev/shm, System V
  bool is_device;        // of a driver: /dev/nvidia0, /dev/infiniband/...
  bool is_spared;        // the parent's, not copied into this clone; not readable
  std::uint64_t inode;   // 0: no file
  std::uint64_t offset;  // in the file
};

struct MemoryRange {
  std::uintptr_t begin;
  std::uintptr_t end;
};

class MemoryMap {
 public:
  ~MemoryMap() { Release(); }
  // `spared`, by address: what this clone has no copy of. False: the mappings cannot be read, or
  // there is no memory for them.
  bool Load(const MemoryRange* spared = nullptr, std::size_t spared_count = 0) noexcept;
  void Release() noexcept {
    items_.Release();
    last_ = nullptr;
  }

  std::size_t count() const { return items_.count(); }
  const Mapping& at(std::size_t index) const { return items_[index]; }
  // The mapping of `address`, or null.
  const Mapping* Find(std::uintptr_t address) const noexcept;
  bool IsReadable(std::uintptr_t address, std::size_t bytes) const noexcept {
    const Mapping* mapping = last_;
    if (mapping == nullptr || address < mapping->begin || address >= mapping->end) {
      mapping = Find(address);
      if (mapping == nullptr) return false;
      last_ = mapping;
    }
    if (!mapping->is_readable) return false;
    return bytes <= mapping->end - address || IsReadableOver(mapping, address + bytes);
  }

 private:
  void Add(const char* line, const char* end, GuardPages& guards) noexcept;
  void PushSparedUpTo(std::uintptr_t address) noexcept;
  void Push(const Mapping& mapping, std::uintptr_t begin, std::uintptr_t end,
            bool is_readable) noexcept;
  // On from `mapping` over its neighbours up to `end`.
  bool IsReadableOver(const Mapping* mapping, std::uintptr_t end) const noexcept;
  RawList<Mapping> items_;
  bool failed_ = false;                  // no memory for one
  const MemoryRange* spared_ = nullptr;  // while it is loaded: those to come
  std::size_t spared_left_ = 0;
  mutable const Mapping* last_ = nullptr;
};

}  // namespace memwhy::agent
