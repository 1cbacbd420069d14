// SPDX-License-Identifier: Apache-2.0
#include "export/sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace memwhy::exports {

void Sink::Flush() {
  if (result_ && !buffer_.empty()) result_ = Append(buffer_);
  buffer_.clear();
}

void Sink::WriteZeros(std::uint64_t bytes) {
  if (bytes < kBufferBytes) {
    buffer_.append(bytes, '\0');
    if (buffer_.size() >= kBufferBytes) Flush();
    return;
  }
  Flush();
  if (result_) result_ = AppendZeros(bytes);
}

Result<void> Sink::Finish() {
  Flush();
  if (result_) result_ = End();
  return result_;
}

Result<FileSink> FileSink::Open(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return Error::FromErrno(errno, "cannot make " + path);
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return Error::FromErrno(errno, "cannot look at " + path);
  return FileSink(path, std::move(fd), S_ISREG(status.st_mode));
}

Result<void> FileSink::Append(std::string_view bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t written = write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::FromErrno(errno, "cannot write " + path_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> FileSink::AppendZeros(std::uint64_t bytes) {
  if (is_regular_) {
    size_ += bytes;
    if (lseek(fd_.get(), static_cast<off_t>(bytes), SEEK_CUR) < 0) {
      return Error::FromErrno(errno, "cannot leave a hole in " + path_);
    }
    return {};
  }
  const std::string zeros(std::min<std::uint64_t>(bytes, 1 << 16), '\0');
  while (bytes > 0) {
    const std::uint64_t part = std::min<std::uint64_t>(bytes, zeros.size());
    MEMWHY_TRY_VOID(Append(std::string_view(zeros).substr(0, part)));
    bytes -= part;
  }
  return {};
}

Result<void> FileSink::End() {
  // A hole at the end is no part of the file before this.
  if (is_regular_ && ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) {
    return Error::FromErrno(errno, "cannot end " + path_);
  }
  if (close(fd_.Release()) != 0) return Error::FromErrno(errno, "cannot close " + path_);
  return {};
}

}  // namespace memwhy::exports
