// SPDX-License-Identifier: Apache-2.0
#include "session/writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/bytes.h"
#include "base/output_file.h"
#include "base/strings.h"
#include "session/pieces.h"

namespace memwhy::session {
namespace {

// The page cache of the file is given back in steps of this size.
constexpr std::uint64_t kDropStep = 8u << 20;
constexpr std::size_t kCopyBytes = 256u << 10;
// Below the limit on the size of files this much, or a quarter of it, stays for the last facts: the
// reserve on the disk is of no use there.
constexpr std::uint64_t kLastFactsBytes = 64u << 10;

// Of a file, as this process may write it now (ulimit -f).
std::uint64_t FileSizeLimit() {
  rlimit limit{};
  const bool is_limited = getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return is_limited ? limit.rlim_cur : UINT64_MAX;
}

}  // namespace

SessionWriter::SessionWriter(std::string path, UniqueFd fd)
    : path_(std::move(path)), fd_(std::move(fd)) {
  bytes_.reserve(2 * kBlockBytes);
}

Result<std::unique_ptr<SessionWriter>> SessionWriter::Create(const std::string& path) {
  if (auto made = CreateDirectory(path); !made) {
    return made.error().With("no session directory");
  }
  auto writer = CreateFile(path, kBlocksFile);
  if (!writer) rmdir(path.c_str());
  return writer;
}

Result<std::unique_ptr<SessionWriter>> SessionWriter::CreateFile(const std::string& directory,
                                                                 const std::string& name) {
  const std::string file = JoinPath(directory, name);
  MEMWHY_TRY(UniqueFd fd, CreateExclusive(file, O_RDWR | O_APPEND));
  // Held while we write: an agent that starts later sees whether there still is a recorder.
  flock(fd.get(), LOCK_EX | LOCK_NB);
  std::unique_ptr<SessionWriter> writer(new SessionWriter(directory, std::move(fd)));
  FileHeader header{};
  std::memcpy(header.magic, kFileMagic, sizeof(kFileMagic));
  header.version = kFormatVersion;
  header.header_bytes = sizeof(header);
  MEMWHY_TRY_VOID(
      writer->WriteAll(std::span(reinterpret_cast<const std::uint8_t*>(&header), sizeof(header))));
  return writer;
}

Result<void> SessionWriter::AddPiece(std::uint32_t process, std::uint32_t thread,
                                     std::uint64_t offset, std::span<const std::uint8_t> bytes,
                                     TimePrecision precision) {
  if (!failure_.empty()) return Error(failure_);
  if (bytes.size() > kBlockBytes) return Error::Of("piece of {} bytes", bytes.size());
  if (!bytes_.empty() && bytes_.size() + bytes.size() > kBlockBytes) MEMWHY_TRY_VOID(Flush());
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  ends_.push_back(bytes_.size());
  pieces_.push_back({process, thread, offset, {}, precision});
  return {};
}

Result<void> SessionWriter::Flush() {
  if (!failure_.empty()) return Error(failure_);
  if (pieces_.empty()) return {};
  std::size_t begin = 0;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    pieces_[i].bytes = std::span(bytes_).subspan(begin, ends_[i] - begin);
    begin = ends_[i];
  }
  const std::vector<std::uint8_t>* block = columns_.Encode(pieces_);
  auto written = block != nullptr ? WriteBlock(BlockKind::kColumns, *block)
                                  : WriteBlock(BlockKind::kPieces, PlainPieces());
  ForgetPieces();
  return written;
}

Result<void> SessionWriter::KeepOrder(std::uint64_t ticks) {
  MEMWHY_TRY_VOID(Flush());
  columns_.KeepOrder(ticks);
  return {};
}

// A stream of a hostile or damaged target does not decode: it is kept as it came.
std::vector<std::uint8_t> SessionWriter::PlainPieces() const {
  std::vector<std::uint8_t> raw;
  for (const OpenPiece& piece : pieces_) {
    AppendPieceHead(piece.process, piece.thread, piece.offset, piece.bytes.size(),
                    piece.bytes.size(), &raw);
    raw.insert(raw.end(), piece.bytes.begin(), piece.bytes.end());
  }
  return raw;
}

void SessionWriter::ForgetPieces() {
  pieces_.clear();
  ends_.clear();
  bytes_.clear();
}

Result<void> SessionWriter::AddBlock(std::span<const std::uint8_t> pieces) {
  MEMWHY_TRY_VOID(Flush());
  return WriteBlock(BlockKind::kPieces, pieces);
}

Result<void> SessionWriter::AddStored(std::span<const std::uint8_t> stored) {
  MEMWHY_TRY_VOID(Flush());
  return WriteAll(stored);
}

Result<void> SessionWriter::MoveTo(const std::string& file, std::uint64_t bytes) {
  MEMWHY_TRY_VOID(Flush());
  const std::string from = JoinPath(path_, file);
  UniqueFd fd(open(from.c_str(), O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return Error::FromErrno(errno, "cannot open " + from);
  flock(fd.get(), LOCK_EX | LOCK_NB);
  std::vector<std::uint8_t> buffer(kCopyBytes);
  for (std::uint64_t at = bytes; at < bytes_written_;) {
    const std::size_t want = std::min<std::uint64_t>(buffer.size(), bytes_written_ - at);
    const ssize_t count = pread(fd_.get(), buffer.data(), want, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Error::FromErrno(count < 0 ? errno : EIO, "reading " + path_);
    for (ssize_t done = 0; done < count;) {
      const ssize_t wrote =
          write(fd.get(), buffer.data() + done, static_cast<std::size_t>(count - done));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) return Error::FromErrno(wrote < 0 ? errno : ENOSPC, "writing " + from);
      done += wrote;
    }
    at += static_cast<std::uint64_t>(count);
  }
  const off_t size = lseek(fd.get(), 0, SEEK_END);
  if (size < 0) return Error::FromErrno(errno, "looking at " + from);
  if (rename(from.c_str(), JoinPath(path_, kBlocksFile).c_str()) != 0) {
    return Error::FromErrno(errno, "renaming " + from);
  }
  fd_ = std::move(fd);
  bytes_written_ = bytes_dropped_ = static_cast<std::uint64_t>(size);
  return {};
}

Result<void> SessionWriter::AddFact(const nlohmann::json& fact) {
  MEMWHY_TRY_VOID(Flush());
  // Text of the target may be no UTF-8.
  const std::string text = fact.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() > kMaxBlockBytes) return Error::Of("fact of {} bytes", text.size());
  return WriteBlock(BlockKind::kFact,
                    std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

Result<void> SessionWriter::AddLastFacts(const std::vector<nlohmann::json>& facts) {
  const std::string failure = std::exchange(failure_, "");
  const std::uint64_t size = bytes_written_;
  takes_all_room_ = true;
  ForgetPieces();
  Result<void> outcome;
  for (const nlohmann::json& fact : facts) {
    outcome = AddFact(fact);
    if (!outcome) break;
  }
  if (!outcome && ftruncate(fd_.get(), static_cast<off_t>(size)) == 0) bytes_written_ = size;
  takes_all_room_ = false;
  failure_ = failure;
  return outcome;
}

Result<void> SessionWriter::WriteBlock(BlockKind kind, std::span<const std::uint8_t> raw) {
  return WriteAll(encoder_.Encode(kind, raw));
}

Result<void> SessionWriter::CheckFileSize(std::size_t bytes) {
  const std::uint64_t limit = FileSizeLimit();
  if (limit == UINT64_MAX) return {};
  const std::uint64_t kept = takes_all_room_ ? 0 : std::min(kLastFactsBytes, limit / 4);
  if (bytes_written_ + bytes + kept <= limit) return {};
  const Error error =
      Error::FromErrno(EFBIG, fmt::format("writing {} (limit on the size of files: {}, ulimit -f)",
                                          path_, FormatBytes(limit)));
  failure_ = error.message();
  return error;
}

Result<void> SessionWriter::WriteAll(std::span<const std::uint8_t> bytes) {
  MEMWHY_TRY_VOID(CheckFileSize(bytes.size()));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = write(fd_.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const Error error = Error::FromErrno(count < 0 ? errno : ENOSPC, "writing " + path_);
      failure_ = error.message();
      if (ftruncate(fd_.get(), static_cast<off_t>(bytes_written_)) != 0) {
        failure_ += " (and a part of a block stays at the end)";
      }
      return error;
    }
    done += static_cast<std::size_t>(count);
  }
  bytes_written_ += bytes.size();
  DropPageCache();
  return {};
}

void SessionWriter::DropPageCache() {
  if (bytes_written_ - bytes_dropped_ < 2 * kDropStep) return;
  // The older step was handed to the disk one step ago, so waiting for it is short. Hints only.
  const auto begin = static_cast<off_t>(bytes_dropped_);
  const auto step = static_cast<off_t>(kDropStep);
  sync_file_range(fd_.get(), begin + step, step, SYNC_FILE_RANGE_WRITE);
  posix_fadvise(fd_.get(), begin, step, POSIX_FADV_DONTNEED);
  bytes_dropped_ += kDropStep;
}

}  // namespace memwhy::session
