// SPDX-License-Identifier: Apache-2.0
#include "agent/dump/process_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "agent/memory/memory_map.h"

namespace memwhy::agent {
namespace {

// The whole of a small file, NUL-terminated; false: it cannot be read.
bool ReadSmall(const char* path, char* text, std::size_t room) noexcept {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::size_t held = 0;
  while (held + 1 < room) {
    const ssize_t n = read(fd, text + held, room - 1 - held);
    if (n <= 0) break;
    held += static_cast<std::size_t>(n);
  }
  close(fd);
  text[held] = 0;
  return held != 0;
}

// "NAME:   123 kB" in bytes; 0: not there.
std::uint64_t Field(const char* text, const char* name) noexcept {
  const char* at = std::strstr(text, name);
  return at == nullptr ? 0 : std::strtoull(at + std::strlen(name), nullptr, 10) * 1024;
}

}  // namespace

ProcessMemory ReadProcessMemory() noexcept {
  ProcessMemory memory;
  char text[4096];
  std::uint64_t anonymous = 0;
  if (ReadSmall("/proc/self/status", text, sizeof(text))) {
    anonymous = Field(text, "RssAnon:");
    memory.pinned_bytes = Field(text, "VmPin:");
    memory.table_bytes = Field(text, "VmPTE:");
    memory.file_bytes = Field(text, "RssFile:") + Field(text, "RssShmem:");
  }
  if (ReadSmall("/proc/self/smaps_rollup", text, sizeof(text))) {
    memory.huge_bytes = Field(text, "AnonHugePages:");
  }
  MemoryMap map;
  if (map.Load()) {
    memory.mappings = map.count();
    for (std::size_t i = 0; i < map.count(); ++i) memory.has_devices |= map.at(i).is_device;
  }
  memory.anonymous_bytes = anonymous > memory.huge_bytes ? anonymous - memory.huge_bytes : 0;
  if (ReadSmall("/proc/sys/vm/overcommit_memory", text, sizeof(text))) {
    memory.is_commit_strict = text[0] == '2';
  }
  return memory;
}

}  // namespace memwhy::agent
