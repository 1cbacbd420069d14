// SPDX-License-Identifier: Apache-2.0
#include "export/sink.h"

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
  MEMWHY_TRY(OutputFile file, OutputFile::Open(path));
  return FileSink(path, std::move(file));
}

Result<void> FileSink::Append(std::string_view bytes) {
  size_ += bytes.size();
  return file_.Write(bytes);
}

Result<void> FileSink::AppendZeros(std::uint64_t bytes) {
  if (file_.is_regular()) {
    size_ += bytes;
    if (lseek(file_.fd(), static_cast<off_t>(bytes), SEEK_CUR) < 0) {
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
  if (file_.is_regular() && ftruncate(file_.fd(), static_cast<off_t>(size_)) != 0) {
    return Error::FromErrno(errno, "cannot end " + path_);
  }
  return file_.Finish();
}

}  // namespace memwhy::exports
