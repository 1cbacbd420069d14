// SPDX-License-Identifier: Apache-2.0
// The file system as far as readers of procfs and cgroupfs need it. Everything that reads such
// files takes a FileSystem, so that tests give it text (fake_file_system.h). Any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace memwhy {

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // The whole file, also of files that report no size (procfs). Fails beyond 256 MiB.
  virtual Result<std::string> ReadSmall(const std::string& path) const = 0;

  // Names without "." and "..", sorted.
  virtual Result<std::vector<std::string>> ListDir(const std::string& path) const = 0;

  virtual bool Exists(const std::string& path) const = 0;

  virtual Result<std::string> ReadLink(const std::string& path) const = 0;
};

class RealFileSystem : public FileSystem {
 public:
  Result<std::string> ReadSmall(const std::string& path) const override;
  Result<std::vector<std::string>> ListDir(const std::string& path) const override;
  bool Exists(const std::string& path) const override;
  Result<std::string> ReadLink(const std::string& path) const override;
};

// Whether a folder stands there, links followed.
bool IsDirectory(const std::string& path);

}  // namespace memwhy
