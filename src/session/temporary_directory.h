// SPDX-License-Identifier: Apache-2.0
//
// A directory of its own for one test, gone with everything in it afterwards. Tests only.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

namespace memwhy::session {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "memwhy-XXXXXX").string();
    path_ = mkdtemp(name.data()) == nullptr ? "." : name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (path_ != ".") std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace memwhy::session
