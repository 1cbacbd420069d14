// SPDX-License-Identifier: Apache-2.0
#include "agent/raw_memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace memwhy::agent {

void* MapRaw(std::size_t bytes) noexcept {
  const long at = syscall(SYS_mmap, nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == -1 ? nullptr : reinterpret_cast<void*>(at);
}

void UnmapRaw(void* address, std::size_t bytes) noexcept { syscall(SYS_munmap, address, bytes); }

std::size_t CopyCarefully(std::uintptr_t from, void* to, std::size_t bytes) noexcept {
  iovec local{to, bytes};
  iovec remote{reinterpret_cast<void*>(from), bytes};
  const long n = syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1, 0);
  return n < 0 ? 0 : static_cast<std::size_t>(n);
}

void CopyManyCarefully(CarefulCopy* copies, std::size_t count) noexcept {
  constexpr std::size_t kMost = 64;
  std::size_t done = 0;
  while (done < count) {
    iovec local[kMost];
    iovec remote[kMost];
    const std::size_t n = count - done < kMost ? count - done : kMost;
    for (std::size_t i = 0; i < n; ++i) {
      local[i] = {copies[done + i].to, copies[done + i].bytes};
      remote[i] = {reinterpret_cast<void*>(copies[done + i].from), copies[done + i].bytes};
    }
    const long got = syscall(SYS_process_vm_readv, getpid(), local, n, remote, n, 0);
    // The call stops at the first byte that cannot be read: that copy is short, go on behind it.
    std::size_t left = got < 0 ? 0 : static_cast<std::size_t>(got);
    std::size_t i = 0;
    for (; i < n; ++i) {
      CarefulCopy& copy = copies[done + i];
      copy.copied = left < copy.bytes ? left : copy.bytes;
      left -= copy.copied;
      if (copy.copied < copy.bytes) {
        ++i;
        break;
      }
    }
    done += i;
  }
}

}  // namespace memwhy::agent
