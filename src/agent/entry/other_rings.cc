// SPDX-License-Identifier: Apache-2.0
#include "agent/entry/other_rings.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "wire/clock_permit.h"
#include "wire/ring.h"

namespace memwhy::agent {
namespace {

// Whoever writes between our read and our write may use up some serial numbers, not so many.
constexpr std::uint64_t kSerialsAhead = 1u << 16;

void RevokeIn(int folder, const char* name) noexcept {
  const int fd = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return;
  char magic[sizeof(wire::kRingMagic)];
  std::uint64_t word = 0;
  constexpr auto kAt = static_cast<off_t>(offsetof(wire::RingHeader, clock_permit));
  if (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
      std::memcmp(magic, wire::kRingMagic, sizeof(magic)) == 0 &&
      pread(fd, &word, sizeof(word), kAt) == sizeof(word)) {
    word = wire::NextRevoked(word) + (kSerialsAhead << (1 + wire::kPermitThreadBits));
    static_cast<void>(pwrite(fd, &word, sizeof(word), kAt) == sizeof(word));
  }
  close(fd);
}

}  // namespace

void RevokePermits(const char* rings) noexcept {
  const int folder = open(rings, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  alignas(dirent64) char entries[4096];
  for (long bytes = 0; (bytes = syscall(SYS_getdents64, folder, entries, sizeof(entries))) > 0;) {
    for (long at = 0; at < bytes;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries + at);
      at += entry->d_reclen;
      if (wire::IsRingName(entry->d_name)) RevokeIn(folder, entry->d_name);
    }
  }
  close(folder);
}

}  // namespace memwhy::agent
