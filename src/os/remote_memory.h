// SPDX-License-Identifier: Apache-2.0
// Reads the memory of another process through /proc/PID/mem: no stop, no lock, no signal there.
// What is read may change meanwhile, so the caller validates. Any thread.
// Not with process_vm_readv: that pins the pages, for which the kernel copies each that the process
// shares with one that it was forked from, or with a clone that dumps it (Linux 5.19 and later,
// gup_must_unshare): the target would grow by what is looked at.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace memwhy::os {

struct RemotePiece {
  std::uint64_t address = 0;  // in the target
  std::span<std::byte> into;
  bool is_read = false;  // set by ReadRemote: the whole piece is in `into`
};

// Reads as many pieces as possible; a piece at an unmapped address is skipped. Returns how many
// were read whole. An error only where nothing can be read at all: no permission, or no such
// process.
Result<std::size_t> ReadRemote(pid_t pid, std::span<RemotePiece> pieces);

// One piece, whole or an error.
Result<void> ReadRemoteExact(pid_t pid, std::uint64_t address, std::span<std::byte> into);

// One plain value.
template <typename T>
Result<T> ReadRemoteValue(pid_t pid, std::uint64_t address) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value{};
  MEMWHY_TRY_VOID(ReadRemoteExact(pid, address, std::as_writable_bytes(std::span(&value, 1))));
  return value;
}

}  // namespace memwhy::os
