// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/memory_map.h"

#include <cstdlib>
#include <cstring>

#include "agent/ground/file_lines.h"

namespace memwhy::agent {
namespace {
constexpr std::size_t kUsualMappings = 16 * 1024;  // 1 MiB of address space, of memory what is used
}  // namespace

void MemoryMap::Push(const Mapping& mapping, std::uintptr_t begin, std::uintptr_t end,
                     bool is_readable) noexcept {
  if (begin >= end) return;
  Mapping part = mapping;
  part.begin = begin;
  part.end = end;
  part.is_readable = is_readable;
  part.offset = mapping.offset + (begin - mapping.begin);
  if (!items_.Push(part)) failed_ = true;
}

void MemoryMap::PushSparedUpTo(std::uintptr_t address) noexcept {
  Mapping mapping{};
  mapping.is_writable = true;
  mapping.is_spared = true;
  for (; spared_left_ != 0 && spared_->begin < address; ++spared_, --spared_left_) {
    Push(mapping, spared_->begin, spared_->end, false);
  }
}

// "begin-end rwxp offset device inode path"
void MemoryMap::Add(const char* line, const char* end, GuardPages& guards) noexcept {
  char* at = nullptr;
  Mapping mapping{};
  mapping.begin = std::strtoull(line, &at, 16);
  mapping.end = std::strtoull(at + 1, &at, 16);
  if (end - at < 6) return;
  PushSparedUpTo(mapping.begin);
  mapping.is_readable = at[1] == 'r';
  mapping.is_writable = at[2] == 'w';
  mapping.is_executable = at[3] == 'x';
  mapping.is_shared = at[4] == 's';
  mapping.offset = std::strtoull(at + 5, &at, 16);
  while (at < end && *at == ' ') ++at;
  while (at < end && *at != ' ') ++at;  // the device, "08:01"
  mapping.inode = std::strtoull(at, &at, 10);
  const auto rest = static_cast<std::size_t>(end - at);
  const auto* path = static_cast<const char*>(std::memchr(at, '/', rest));
  mapping.is_file = path != nullptr;
  if (path != nullptr) {
    const auto left = static_cast<std::size_t>(end - path);
    mapping.is_stdlib = memmem(path, left, "/lib-dynload/", 13) != nullptr;
    constexpr const char* kBegins[] = {"/dev/zero (deleted)", "/memfd:", "/dev/shm/", "/SYSV"};
    for (const char* begin : kBegins) {
      const std::size_t bytes = std::strlen(begin);
      if (left >= bytes && std::memcmp(path, begin, bytes) == 0) mapping.is_memory_file = true;
    }
    mapping.is_device = !mapping.is_memory_file && left >= 5 && std::memcmp(path, "/dev/", 5) == 0;
  }
  const auto* name = static_cast<const char*>(std::memchr(at, '[', rest));
  if (name != nullptr && path == nullptr) {
    const auto left = static_cast<std::size_t>(end - name);
    mapping.is_stack = left >= 6 && std::memcmp(name, "[stack", 6) == 0;
    mapping.is_heap = left >= 5 && std::memcmp(name, "[heap", 5) == 0;
    // The kernel's own pages: not everything there may be read.
    if (left >= 2 && name[1] == 'v') mapping.is_readable = false;
  }
  std::uintptr_t from = mapping.begin;
  while (mapping.is_readable && from < mapping.end) {
    const GuardPages::Range guard = guards.FindFirst(from, mapping.end);
    Push(mapping, from, guard.begin, true);
    Push(mapping, guard.begin, guard.end, false);
    from = guard.end;
  }
  Push(mapping, from, mapping.end, mapping.is_readable);
}

bool MemoryMap::Load(const MemoryRange* spared, std::size_t spared_count) noexcept {
  items_.Clear();
  failed_ = false;
  last_ = nullptr;
  spared_ = spared;
  spared_left_ = spared_count;
  // An array that grew would leave a mapping behind that the list says is there.
  if (!items_.Reserve(kUsualMappings)) return false;
  GuardPages guards;
  const auto add = [&](const char* line, const char* end) { Add(line, end, guards); };
  if (!EachLine("/proc/self/maps", add)) return false;
  PushSparedUpTo(UINTPTR_MAX);
  return !failed_ && !items_.is_empty();
}

bool MemoryMap::IsReadableOver(const Mapping* mapping, std::uintptr_t end) const noexcept {
  const Mapping* const last = items_.end();
  while (mapping->end < end) {
    const Mapping* next = mapping + 1;
    if (next == last || next->begin != mapping->end || !next->is_readable) return false;
    mapping = next;
  }
  return true;
}

const Mapping* MemoryMap::Find(std::uintptr_t address) const noexcept {
  std::size_t low = 0;
  std::size_t high = items_.count();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (items_[middle].end <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == items_.count() || address < items_[low].begin) return nullptr;
  return &items_[low];
}

}  // namespace memwhy::agent
