// SPDX-License-Identifier: Apache-2.0
#include "session/ring_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "base/output_file.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "session/ring_snapshot.h"
#include "wire/ring.h"

namespace memwhy::session {
namespace {

// Bytes [begin, begin + size) of one file to the same place of another.
Result<void> CopyRange(int from, int to, std::uint64_t begin, std::uint64_t size,
                       const std::string& path) {
  std::vector<char> buffer(wire::kChunkBytes);
  std::uint64_t done = 0;
  while (done < size) {
    const auto at = static_cast<off_t>(begin + done);
    const ssize_t count =
        pread(from, buffer.data(), std::min<std::uint64_t>(buffer.size(), size - done), at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Error::Of("cannot read a ring while it is copied to {}", path);
    const ssize_t written = pwrite(to, buffer.data(), static_cast<std::size_t>(count), at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Error::FromErrno(errno, "cannot write " + path);
    done += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<void> Fill(int from, int to, const std::string& path) {
  MEMWHY_TRY(const RingInfo info, ReadRingInfo(from));
  const std::uint64_t pool = wire::PoolOffset(info.chunk_count);
  if (ftruncate(to, static_cast<off_t>(wire::RingFileBytes(info.chunk_count))) != 0) {
    return Error::FromErrno(errno, "cannot write " + path);
  }
  MEMWHY_TRY_VOID(CopyRange(from, to, 0, pool, path));
  MEMWHY_TRY(const std::vector<CommittedChunk> chunks, ReadCommitted(from, info.chunk_count));
  for (const CommittedChunk& chunk : chunks) {
    MEMWHY_TRY_VOID(CopyRange(from, to, pool + std::uint64_t{chunk.index} * wire::kChunkBytes,
                              chunk.bytes, path));
  }
  if (fsync(to) != 0) return Error::FromErrno(errno, "cannot write " + path);
  return {};
}

}  // namespace

Result<void> CopyRing(const std::string& from, const std::string& to) {
  const UniqueFd source(open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!source) return Error::FromErrno(errno, "cannot open " + from);
  const std::string temporary = to + ".tmp";
  unlink(temporary.c_str());  // of one who was killed meanwhile
  MEMWHY_TRY(const UniqueFd copy, CreateExclusive(temporary, O_WRONLY));
  auto filled = Fill(source.get(), copy.get(), to);
  if (filled && rename(temporary.c_str(), to.c_str()) == 0) return {};
  if (filled) filled = Error::FromErrno(errno, "cannot write " + to);
  unlink(temporary.c_str());
  return filled;
}

}  // namespace memwhy::session
