// SPDX-License-Identifier: Apache-2.0
//
// Files that we make where others may write, too (/tmp, a shared folder). Invariant: nothing is
// ever created, emptied or written through a link, and what we make can be read by its owner alone
// (0600). The folder is opened once and the name is used in it, so that a folder that is swapped
// meanwhile changes nothing. One thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace memwhy {

// Makes a file that is not there yet: O_CREAT, O_EXCL, 0600. `flags` are O_WRONLY and the like.
Result<UniqueFd> CreateExclusive(const std::string& path, int flags);

// The same with content.
Result<void> WriteExclusive(const std::string& path, std::string_view bytes);

// Makes a directory (0700) that is not there yet and opens it; fails if what stands there then is
// no directory of ours that others are kept out of.
Result<UniqueFd> CreateDirectory(const std::string& path);

// A file that the user names as output. It is written under a name of its own beside it and takes
// its place in the end: what stood there before, file or link, is replaced and not written to, and
// an error leaves it as it was. What lies in /dev and /proc (/dev/stdout, /dev/fd/3, /dev/null) and
// a named pipe of the user's own is written to as it is.
class OutputFile {
 public:
  static Result<OutputFile> Open(const std::string& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();  // without Finish nothing is left

  int fd() const { return fd_.get(); }
  bool is_regular() const { return !temporary_.empty(); }
  Result<void> Write(std::string_view bytes);
  // All is there: the file gets its name.
  Result<void> Finish();

 private:
  OutputFile(std::string path, std::string temporary, UniqueFd folder, UniqueFd fd);

  std::string path_;
  std::string temporary_;  // its name in the folder until Finish; "" for what has no place there
  UniqueFd folder_;
  UniqueFd fd_;
};

// A whole text as an OutputFile.
Result<void> WriteOutputFile(const std::string& path, std::string_view text);

}  // namespace memwhy
