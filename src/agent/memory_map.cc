// SPDX-License-Identifier: Apache-2.0
#include "agent/memory_map.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace memwhy::agent {
namespace {
constexpr std::size_t kUsualMappings = 16 * 1024;  // 1 MiB of address space, of memory what is used
}  // namespace

void MemoryMap::Push(const Mapping& mapping, std::uintptr_t begin, std::uintptr_t end,
                     bool is_readable) noexcept {
  if (begin >= end || !GrowRaw(items_, count_ + 1)) return;
  Mapping& part = items_.items[count_++];
  part = mapping;
  part.begin = begin;
  part.end = end;
  part.is_readable = is_readable;
  part.offset = mapping.offset + (begin - mapping.begin);
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
  count_ = 0;
  last_ = nullptr;
  spared_ = spared;
  spared_left_ = spared_count;
  // An array that grew would leave a mapping behind that the list says is there.
  if (!GrowRaw(items_, kUsualMappings)) return false;
  const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[8192];
  std::size_t held = 0;
  GuardPages guards;
  while (true) {
    const ssize_t n = read(fd, text + held, sizeof(text) - 1 - held);
    if (n <= 0) break;
    held += static_cast<std::size_t>(n);
    text[held] = 0;
    const char* line = text;
    for (const char* end = std::strchr(line, '\n'); end != nullptr; end = std::strchr(line, '\n')) {
      Add(line, end, guards);
      line = end + 1;
    }
    held = static_cast<std::size_t>(text + held - line);
    std::memmove(text, line, held);
    if (held == sizeof(text) - 1) break;  // no line is that long
  }
  close(fd);
  PushSparedUpTo(UINTPTR_MAX);
  return count_ != 0;
}

bool MemoryMap::IsReadableOver(const Mapping* mapping, std::uintptr_t end) const noexcept {
  const Mapping* const last = items_.items + count_;
  while (mapping->end < end) {
    const Mapping* next = mapping + 1;
    if (next == last || next->begin != mapping->end || !next->is_readable) return false;
    mapping = next;
  }
  return true;
}

const Mapping* MemoryMap::Find(std::uintptr_t address) const noexcept {
  std::size_t low = 0;
  std::size_t high = count_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (items_.items[middle].end <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == count_ || address < items_.items[low].begin) return nullptr;
  return &items_.items[low];
}

}  // namespace memwhy::agent
