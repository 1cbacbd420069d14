// SPDX-License-Identifier: Apache-2.0
// An in-memory FileSystem for tests: files and links are given by path, folders follow from them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace memwhy {

class FakeFileSystem : public FileSystem {
 public:
  // Each returns *this, so that a test can chain them.
  FakeFileSystem& AddFile(const std::string& path, std::string text);
  FakeFileSystem& AddLink(const std::string& path, std::string target);
  // Reading the path fails with this message (a permission that is missing, say).
  FakeFileSystem& AddFailure(const std::string& path, std::string message);

  Result<std::string> ReadSmall(const std::string& path) const override;
  Result<std::vector<std::string>> ListDir(const std::string& path) const override;
  bool Exists(const std::string& path) const override;
  Result<std::string> ReadLink(const std::string& path) const override;

 private:
  std::map<std::string, std::string> files_;
  std::map<std::string, std::string> links_;
  std::map<std::string, std::string> failures_;
};

}  // namespace memwhy
