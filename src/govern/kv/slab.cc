// SPDX-License-Identifier: Apache-2.0
#include "govern/kv/slab.h"

#include <sys/mman.h>
#include <unistd.h>

namespace memwhy::govern {

Slab::~Slab() {
  if (base_ != nullptr && kind_ != SlabKind::kExternal) munmap(base_, size_);
}

Status Slab::Open(SlabKind kind, void* base, std::uint64_t blocks, std::uint64_t max_blocks,
                  std::uint64_t block_bytes) {
  kind_ = kind;
  block_bytes_ = block_bytes;
  if (kind == SlabKind::kNone) return Status::kOk;
  if (block_bytes == 0) return Status::kBadArgument;
  if (__builtin_mul_overflow(max_blocks, block_bytes, &size_) || size_ > INT64_MAX) {
    return Status::kBadArgument;
  }
  if (kind == SlabKind::kExternal) {
    if (base == nullptr) return Status::kBadArgument;
    base_ = base;
    return Status::kOk;
  }
  void* mapped = mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return Status::kOutOfMemory;
  base_ = mapped;
  return Grow(0, blocks);
}

Status Slab::Grow(std::uint64_t from, std::uint64_t to) {
  if (kind_ != SlabKind::kPinned || to <= from) return Status::kOk;
  return mlock(Address(from), (to - from) * block_bytes_) == 0 ? Status::kOk : Status::kOutOfMemory;
}

void Slab::Discard(std::uint64_t from, std::uint64_t to) {
  if (base_ == nullptr || kind_ == SlabKind::kExternal || to <= from) return;
  // Only pages that belong to these blocks alone.
  const auto os_page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const std::uint64_t begin = (from * block_bytes_ + os_page - 1) / os_page * os_page;
  const std::uint64_t end = to * block_bytes_ / os_page * os_page;
  if (end <= begin) return;
  char* address = static_cast<char*>(base_) + begin;
  if (kind_ == SlabKind::kPinned) munlock(address, end - begin);
  madvise(address, end - begin, MADV_DONTNEED);
}

}  // namespace memwhy::govern
