// SPDX-License-Identifier: Apache-2.0
//
// Memory that a driver has pinned (cudaHostRegister, RDMA, io_uring): a clone would get a copy of
// it at once, page by page, with the program standing still. The kernel does not say which it is,
// and NVIDIA's driver does not even count it in VmPin. So a first, short clone looks: of memory
// that is not pinned its pages are shared with us. The clone that writes the dump then goes without
// those that are, for the time of one system call marked MADV_DONTFORK.
//
// Only plain data (agent/pointer_free_memory) is looked at and spared. No malloc. One thread, the
// process must not fork meanwhile (agent/fork_gate).
//
// Sources: Linux mm/memory.c (copy_present_ptes: pinned anonymous pages are copied),
// Documentation/admin-guide/mm/pagemap.rst (bit 56: mapped once only).
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/dump/pointer_free_memory.h"
#include "agent/ground/raw_list.h"
#include "agent/memory/memory_map.h"

namespace memwhy::agent {

class PinnedMemory {
 public:
  // Finds the plain data that is pinned, all or in part. Without the GIL.
  void Find() noexcept;
  // Sums over what was found; kept_back: what forked children do not get anyway.
  std::uint64_t present_bytes() const { return present_bytes_; }
  std::uint64_t kept_back_bytes() const { return data_.kept_back_bytes(); }
  std::uint64_t huge_bytes() const { return huge_bytes_; }

  // With the GIL, right before and behind a clone. What is no plain data any more is not spared.
  void Spare() noexcept;
  void Restore() noexcept;
  // What the clone between them has no copy of, by address.
  const MemoryRange* spared() const { return ranges_.begin(); }
  std::size_t spared_count() const { return ranges_.count(); }
  std::uint64_t spared_bytes() const noexcept;

 private:
  MemoryMap map_;
  PointerFreeMemory data_;
  RawList<MemoryRange> ranges_;
  std::uint64_t present_bytes_ = 0;
  std::uint64_t huge_bytes_ = 0;
};

}  // namespace memwhy::agent
