// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/block_index.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace memwhy::agent {

BlockIndex::Page* BlockIndex::Slot(std::uint64_t number) const noexcept {
  std::size_t at = static_cast<std::size_t>(number * 0x9e3779b97f4a7c15ull >> 20) & mask_;
  while (pages_.items[at].number != 0 && pages_.items[at].number != number + 1) {
    at = (at + 1) & mask_;
  }
  return &pages_.items[at];
}

bool BlockIndex::Load(const char* path) noexcept {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat facts;
  if (fstat(fd, &facts) == 0 && facts.st_size >= static_cast<off_t>(sizeof(NativeBlock))) {
    mapped_bytes_ = static_cast<std::size_t>(facts.st_size);
    const long at = syscall(SYS_mmap, nullptr, mapped_bytes_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at != -1) blocks_ = reinterpret_cast<const NativeBlock*>(at);
  }
  close(fd);
  if (blocks_ == nullptr) return false;
  count_ = static_cast<std::uint32_t>(mapped_bytes_ / sizeof(NativeBlock));

  std::uint64_t pages = 0;
  std::uint64_t previous_end = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    const NativeBlock& b = blocks_[i];
    if (b.address < previous_end || b.size > (std::uint64_t{1} << 46)) return false;
    previous_end = b.address + b.size;
    pages += ((b.address + b.size) >> 12) - (b.address >> 12) + 1;
  }
  std::size_t capacity = 1024;
  while (capacity < pages * 2) capacity *= 2;
  if (!GrowRaw(pages_, capacity) || !GrowRaw(states_, count_)) return false;
  mask_ = capacity - 1;
  for (std::uint32_t i = 0; i < count_; ++i) {
    const NativeBlock& b = blocks_[i];
    if (b.size == 0) continue;
    for (std::uint64_t n = b.address >> 12; n <= (b.address + b.size - 1) >> 12; ++n) {
      Page* page = Slot(n);
      if (page->number == 0) *page = {n + 1, i, 0};
      ++page->count;
    }
  }
  return true;
}

void BlockIndex::Unload() noexcept {
  if (blocks_ != nullptr) {
    UnmapRaw(const_cast<NativeBlock*>(blocks_), mapped_bytes_);
  }
  FreeRaw(pages_);
  FreeRaw(states_);
  blocks_ = nullptr;
  count_ = 0;
}

std::uint32_t BlockIndex::Find(std::uint64_t address) const noexcept {
  if (count_ == 0) return kNone;
  const Page* page = Slot(address >> 12);
  if (page->number == 0) return kNone;
  std::uint32_t low = page->first;
  std::uint32_t high = page->first + page->count;
  while (high - low > 1) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (blocks_[middle].address <= address) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const NativeBlock& b = blocks_[low];
  return address >= b.address && address - b.address < b.size ? low : kNone;
}

}  // namespace memwhy::agent
