// SPDX-License-Identifier: Apache-2.0
#include "base/fake_file_system.h"

#include <set>

namespace memwhy {

FakeFileSystem& FakeFileSystem::AddFile(const std::string& path, std::string text) {
  files_[path] = std::move(text);
  return *this;
}

FakeFileSystem& FakeFileSystem::AddLink(const std::string& path, std::string target) {
  links_[path] = std::move(target);
  return *this;
}

FakeFileSystem& FakeFileSystem::AddFailure(const std::string& path, std::string message) {
  failures_[path] = std::move(message);
  return *this;
}

Result<std::string> FakeFileSystem::ReadSmall(const std::string& path) const {
  if (const auto it = failures_.find(path); it != failures_.end()) return Error(it->second);
  const auto it = files_.find(path);
  if (it == files_.end()) return Error::Of("read {}: No such file or directory", path);
  return it->second;
}

Result<std::vector<std::string>> FakeFileSystem::ListDir(const std::string& path) const {
  const std::string prefix = path.ends_with('/') ? path : path + '/';
  std::set<std::string> names;
  for (const auto* entries : {&files_, &links_, &failures_}) {
    for (const auto& [name, unused] : *entries) {
      if (!name.starts_with(prefix)) continue;
      names.insert(name.substr(prefix.size(), name.find('/', prefix.size()) - prefix.size()));
    }
  }
  if (names.empty()) return Error::Of("list {}: No such file or directory", path);
  return std::vector<std::string>(names.begin(), names.end());
}

bool FakeFileSystem::Exists(const std::string& path) const {
  return files_.contains(path) || links_.contains(path) || failures_.contains(path) ||
         ListDir(path).has_value();
}

Result<std::string> FakeFileSystem::ReadLink(const std::string& path) const {
  const auto it = links_.find(path);
  if (it == links_.end()) return Error::Of("read link {}: No such file or directory", path);
  return it->second;
}

}  // namespace memwhy
