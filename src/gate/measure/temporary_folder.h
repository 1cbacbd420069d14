// SPDX-License-Identifier: Apache-2.0
//
// A folder of our own for the files of runs, below TMPDIR; gone with this object. One thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace memwhy::gate {

class TemporaryFolder {
 public:
  static Result<TemporaryFolder> Make();
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();

  // A path that was not used yet.
  std::string Next(std::string_view suffix);
  // Leaves the folder to the caller.
  std::string Keep() { return std::exchange(path_, ""); }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
  int count_ = 0;
};

}  // namespace memwhy::gate
