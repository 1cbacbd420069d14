// SPDX-License-Identifier: Apache-2.0
//
// Where an export goes, front to back. Buffers, and keeps the first failure until Finish, so that
// a writer need not look after each number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/output_file.h"
#include "base/result.h"

namespace memwhy::exports {

class Sink {
 public:
  virtual ~Sink() = default;

  void Write(std::string_view bytes) {
    buffer_.append(bytes);
    if (buffer_.size() >= kBufferBytes) Flush();
  }
  // Zeros that stand for memory whose content is not known. A file keeps no disk blocks for them.
  void WriteZeros(std::uint64_t bytes);
  // Nothing may be written afterwards.
  Result<void> Finish();

 protected:
  virtual Result<void> Append(std::string_view bytes) = 0;
  virtual Result<void> AppendZeros(std::uint64_t bytes) = 0;
  virtual Result<void> End() { return {}; }

 private:
  static constexpr std::size_t kBufferBytes = 1 << 20;
  void Flush();

  std::string buffer_;
  Result<void> result_;
};

class FileSink : public Sink {
 public:
  // The file gets its name in Finish and replaces one that is there (base/output_file.h).
  static Result<FileSink> Open(const std::string& path);

 protected:
  Result<void> Append(std::string_view bytes) override;
  Result<void> AppendZeros(std::uint64_t bytes) override;
  Result<void> End() override;

 private:
  FileSink(std::string path, OutputFile file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  OutputFile file_;
  std::uint64_t size_ = 0;
};

class StringSink : public Sink {
 public:
  const std::string& text() const { return text_; }

 protected:
  Result<void> Append(std::string_view bytes) override {
    text_.append(bytes);
    return {};
  }
  Result<void> AppendZeros(std::uint64_t bytes) override {
    text_.append(bytes, '\0');
    return {};
  }

 private:
  std::string text_;
};

}  // namespace memwhy::exports
