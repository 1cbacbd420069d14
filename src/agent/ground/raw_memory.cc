// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/raw_memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace memwhy::agent {

namespace {

void* Map(std::size_t bytes, int flags) noexcept {
  const long at = syscall(SYS_mmap, nullptr, bytes, PROT_READ | PROT_WRITE,
                          flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == -1 ? nullptr : reinterpret_cast<void*>(at);
}

}  // namespace

void* MapRaw(std::size_t bytes) noexcept { return Map(bytes, MAP_PRIVATE); }

void* MapShared(std::size_t bytes) noexcept { return Map(bytes, MAP_SHARED); }

void UnmapRaw(void* address, std::size_t bytes) noexcept { syscall(SYS_munmap, address, bytes); }

std::size_t CopyCarefully(std::uintptr_t from, void* to, std::size_t bytes) noexcept {
  const iovec source{reinterpret_cast<void*>(from), bytes};
  return CopyPiecesCarefully(&source, 1, to, bytes);
}

std::size_t CopyPiecesCarefully(const iovec* from, std::size_t pieces, void* to,
                                std::size_t bytes) noexcept {
  const iovec target{to, bytes};
  const long n = syscall(SYS_process_vm_writev, getpid(), from, pieces, &target, 1, 0);
  return n < 0 ? 0 : static_cast<std::size_t>(n);
}

}  // namespace memwhy::agent
