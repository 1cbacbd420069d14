// SPDX-License-Identifier: Apache-2.0
#include "os/remote_memory.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace memwhy::os {
namespace {

constexpr std::size_t kPiecesPerCall = 512;  // at most IOV_MAX, 1024

}  // namespace

Result<std::size_t> ReadRemote(pid_t pid, std::span<RemotePiece> pieces) {
  std::array<iovec, kPiecesPerCall> local;
  std::array<iovec, kPiecesPerCall> remote;
  std::size_t read_whole = 0;
  for (RemotePiece& piece : pieces) piece.is_read = false;
  for (std::size_t next = 0; next < pieces.size();) {
    const std::size_t count = std::min(kPiecesPerCall, pieces.size() - next);
    for (std::size_t i = 0; i < count; ++i) {
      const RemotePiece& piece = pieces[next + i];
      local[i] = {piece.into.data(), piece.into.size()};
      remote[i] = {reinterpret_cast<void*>(piece.address), piece.into.size()};
    }
    const ssize_t got = process_vm_readv(pid, local.data(), count, remote.data(), count, 0);
    if (got < 0 && errno != EFAULT) {
      return Error::FromErrno(errno, fmt::format("read memory of process {}", pid));
    }
    // The kernel stops at the first piece that it cannot read: go on behind that one.
    std::size_t left = got < 0 ? 0 : static_cast<std::size_t>(got);
    std::size_t done = 0;
    while (done < count && pieces[next + done].into.size() <= left) {
      left -= pieces[next + done].into.size();
      pieces[next + done].is_read = true;
      ++done;
    }
    read_whole += done;
    next += done < count ? done + 1 : done;
  }
  return read_whole;
}

Result<void> ReadRemoteExact(pid_t pid, std::uint64_t address, std::span<std::byte> into) {
  RemotePiece piece{address, into};
  MEMWHY_TRY(const std::size_t count, ReadRemote(pid, std::span(&piece, 1)));
  if (count != 1)
    return Error::Of("read {} bytes of process {} at {:#x}: Bad address", into.size(), pid,
                     address);
  return {};
}

}  // namespace memwhy::os
