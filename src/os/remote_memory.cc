// SPDX-License-Identifier: Apache-2.0
#include "os/remote_memory.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"

namespace memwhy::os {

Result<std::size_t> ReadRemote(pid_t pid, std::span<RemotePiece> pieces) {
  for (RemotePiece& piece : pieces) piece.is_read = false;
  const UniqueFd memory(open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!memory) return Error::FromErrno(errno, fmt::format("read memory of process {}", pid));
  std::size_t read_whole = 0;
  for (RemotePiece& piece : pieces) {
    const ssize_t got = pread(memory.get(), piece.into.data(), piece.into.size(),
                              static_cast<off_t>(piece.address));
    piece.is_read = got >= 0 && static_cast<std::size_t>(got) == piece.into.size();
    read_whole += piece.is_read ? 1 : 0;
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
