// SPDX-License-Identifier: Apache-2.0
#include "session/ring_snapshot.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <tuple>

#include "base/file_system.h"
#include "base/regular_file.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "session/format.h"

namespace memwhy::session {
namespace {

template <std::size_t N>
std::string CopyText(const char (&text)[N]) {
  char copy[N];
  std::memcpy(copy, text, N);
  return std::string(copy, strnlen(copy, N));
}

bool ReadAt(int fd, std::uint64_t offset, void* into, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count =
        pread(fd, static_cast<char*>(into) + done, size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

// A ChunkHeader without atomics, as it lies in the file.
struct ChunkCopy {
  std::uint32_t state;
  std::uint32_t thread;
  std::uint32_t tid;
  std::uint32_t committed;
  std::uint64_t stream_offset;
  std::uint32_t slot;
  std::uint8_t padding[64 - 28];
};
static_assert(sizeof(ChunkCopy) == sizeof(wire::ChunkHeader));

bool HasBytes(const ChunkCopy& chunk) {
  return wire::StateOf(chunk.state) != wire::ChunkState::kFree && chunk.committed != 0 &&
         chunk.committed <= wire::kChunkBytes && chunk.thread < kMaxThreads;
}

Result<UniqueFd> OpenRingFile(const std::string& path) {
  MEMWHY_TRY(RegularFile file, OpenRegular(path, "a ring", Links::kRefuse));
  return std::move(file.fd);
}

}  // namespace

Result<RingInfo> CopyRingHeader(const wire::RingHeader& header, std::uint64_t file_bytes) {
  if (std::memcmp(header.magic, wire::kRingMagic, sizeof(wire::kRingMagic)) != 0) {
    return Error("no ring file");
  }
  const std::uint32_t version = header.version;
  if (version != wire::kRingVersion) return Error::Of("ring of version {}", version);
  RingInfo info;
  info.chunk_count = header.chunk_count;
  if (header.chunk_bytes != wire::kChunkBytes || info.chunk_count == 0 ||
      info.chunk_count > wire::kMaxPoolBytes / wire::kChunkBytes ||
      wire::RingFileBytes(info.chunk_count) > file_bytes) {
    return Error("ring with sizes that do not fit");
  }
  info.pid = header.pid;
  info.parent_pid = header.parent_pid;
  info.start_ticks = header.start_ticks;
  info.clock_kind = header.clock_kind == static_cast<std::uint32_t>(wire::ClockKind::kMonotonicNs)
                        ? wire::ClockKind::kMonotonicNs
                        : wire::ClockKind::kTsc;
  info.clock_shift = header.clock_shift;
  if (info.clock_shift > 32) return Error("ring with a clock that does not fit");
  info.clock_at_start = header.clock_at_start;
  info.monotonic_ns_at_start = header.monotonic_ns_at_start;
  info.realtime_ns_at_start = header.realtime_ns_at_start;
  info.fork_clock = header.fork_clock;
  info.python = CopyText(header.python_text);
  info.note = CopyText(header.note);
  info.private_begin = header.private_begin;
  info.private_end = header.private_end;
  info.arena_bytes = header.arena_bytes;
  info.pool_bytes = header.pool_bytes;
  info.state = static_cast<wire::AgentState>(header.state.load(std::memory_order_acquire));
  info.lost_events = header.lost_events.load(std::memory_order_relaxed);
  info.lost_bytes = header.lost_bytes.load(std::memory_order_relaxed);
  info.waited_ns = header.waited_ns.load(std::memory_order_relaxed);
  info.detached_ns = header.detached_ns.load(std::memory_order_relaxed);
  info.end_clock = header.end_clock.load(std::memory_order_relaxed);
  info.exec_clock = header.exec_clock.load(std::memory_order_relaxed);
  info.exit_code = header.exit_code.load(std::memory_order_relaxed) & 0xff;
  info.start_stack = header.start_stack;
  return info;
}

ProcessFact ToProcessFact(const RingInfo& info, std::uint32_t process) {
  ProcessFact fact;
  fact.process = process;
  fact.pid = info.pid;
  fact.parent = info.parent_pid;
  fact.start_ticks = info.start_ticks;
  fact.clock_kind = static_cast<std::uint32_t>(info.clock_kind);
  fact.clock_shift = info.clock_shift;
  fact.clock = {info.clock_at_start, info.monotonic_ns_at_start};
  fact.fork_clock = info.fork_clock;
  fact.python = info.python;
  // The note of an agent that records is a limit, not a reason why there is nothing.
  if (info.state == wire::AgentState::kDormant) fact.note = info.note;
  fact.private_begin = info.private_begin;
  fact.private_end = info.private_end;
  fact.arena_bytes = info.arena_bytes;
  fact.pool_bytes = info.pool_bytes;
  return fact;
}

std::string EndedText(const RingInfo& info) {
  if (info.end_clock == 0) return "";
  // A program that is replaced has come to no bad end.
  return fmt::format("exit:{}", info.state == wire::AgentState::kEnded ? info.exit_code : 0);
}

Result<RingInfo> ReadRingInfo(int fd) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return Error::FromErrno(errno, "cannot look at a ring");
  if (!S_ISREG(status.st_mode)) return Error("it is no regular file");
  const auto header = std::make_unique<wire::RingHeader>();
  if (!ReadAt(fd, 0, static_cast<void*>(header.get()), sizeof(wire::RingHeader))) {
    return Error("it is too short for a ring");
  }
  return CopyRingHeader(*header, static_cast<std::uint64_t>(status.st_size));
}

Result<RingInfo> ReadRingInfo(const std::string& path) {
  MEMWHY_TRY(const UniqueFd fd, OpenRingFile(path));
  auto info = ReadRingInfo(fd.get());
  return info ? std::move(info) : info.error().With("{}", path);
}

Result<std::vector<CommittedChunk>> ReadCommitted(int fd, std::uint32_t chunk_count) {
  std::vector<ChunkCopy> chunks(chunk_count);
  if (!ReadAt(fd, 4096, chunks.data(), chunk_count * sizeof(ChunkCopy))) {
    return Error("cannot read the chunks of a ring");
  }
  std::vector<CommittedChunk> committed;
  for (std::uint32_t i = 0; i < chunk_count; ++i) {
    if (HasBytes(chunks[i])) committed.push_back({i, chunks[i].committed});
  }
  return committed;
}

Result<RingSnapshot> ReadRing(const std::string& path) {
  MEMWHY_TRY(const UniqueFd fd, OpenRingFile(path));
  RingSnapshot snapshot;
  auto info = ReadRingInfo(fd.get());
  if (!info) return info.error().With("{}", path);
  snapshot.info = *std::move(info);
  const std::uint32_t count = snapshot.info.chunk_count;
  std::vector<ChunkCopy> chunks(count);
  if (!ReadAt(fd.get(), 4096, chunks.data(), count * sizeof(ChunkCopy))) {
    return Error::Of("cannot read the chunks of {}", path);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const ChunkCopy& chunk = chunks[i];
    if (!HasBytes(chunk)) continue;
    RingPiece piece{chunk.thread, chunk.tid, chunk.stream_offset, {}};
    piece.bytes.resize(chunk.committed);
    ChunkCopy again{};
    if (!ReadAt(fd.get(), wire::PoolOffset(count) + std::uint64_t{i} * wire::kChunkBytes,
                piece.bytes.data(), piece.bytes.size()) ||
        !ReadAt(fd.get(), 4096 + std::uint64_t{i} * sizeof(ChunkCopy), &again, sizeof(again))) {
      continue;
    }
    const bool is_same = HasBytes(again) && again.thread == chunk.thread &&
                         again.stream_offset == chunk.stream_offset &&
                         again.committed >= chunk.committed;
    if (is_same) snapshot.pieces.push_back(std::move(piece));
  }
  std::sort(snapshot.pieces.begin(), snapshot.pieces.end(),
            [](const RingPiece& a, const RingPiece& b) {
              return std::tie(a.thread, a.offset) < std::tie(b.thread, b.offset);
            });
  return snapshot;
}

std::vector<std::string> FindRings(const std::string& folder) {
  std::vector<std::string> rings;
  const auto names = RealFileSystem().ListDir(folder);
  if (!names) return rings;
  for (const std::string& name : *names) {
    if (StartsWith(name, wire::kRingPrefix) && !EndsWith(name, ".tmp")) {
      rings.push_back(JoinPath(folder, name));
    }
  }
  return rings;
}

}  // namespace memwhy::session
