// SPDX-License-Identifier: Apache-2.0
#include "gate/measure/temporary_folder.h"

#include <fmt/core.h>
#include <stdlib.h>

#include <filesystem>
#include <system_error>

#include "base/strings.h"

namespace memwhy::gate {

Result<TemporaryFolder> TemporaryFolder::Make() {
  const char* parent = getenv("TMPDIR");
  std::string name =
      JoinPath(parent == nullptr || *parent == '\0' ? "/tmp" : parent, "memwhy-gate-XXXXXX");
  if (mkdtemp(name.data()) == nullptr) {
    return Error("no folder can be made for the files of the runs: " + name);
  }
  return TemporaryFolder(std::move(name));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::Next(std::string_view suffix) {
  return fmt::format("{}/{}{}", path_, ++count_, suffix);
}

}  // namespace memwhy::gate
