// SPDX-License-Identifier: Apache-2.0
#include "cli/default_session.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

namespace memwhy::cli {

std::string DefaultSession() {
  std::string name = fmt::format("memwhy.{}.mwy", getpid());
  struct stat status{};
  for (int i = 2; stat(name.c_str(), &status) == 0; ++i) {
    name = fmt::format("memwhy.{}-{}.mwy", getpid(), i);
  }
  return name;
}

}  // namespace memwhy::cli
