// SPDX-License-Identifier: Apache-2.0
//
// A directory of its own for one test, gone with everything in it afterwards. Tests only.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace memwhy::session {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    // In memory where possible: thousands of small files are slow on a disk.
    const std::filesystem::path memory = "/dev/shm";
    const auto parent =
        access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
    std::string name = (parent / "memwhy-XXXXXX").string();
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

inline std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace memwhy::session
