// SPDX-License-Identifier: Apache-2.0
//
// While it lives, what the program prints to stdout goes to stderr: stdout is one JSON document.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

namespace memwhy::cli {

class StdoutForJson {
 public:
  explicit StdoutForJson(bool is_wanted) {
    if (!is_wanted) return;
    std::fflush(stdout);
    saved_ = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    dup2(STDERR_FILENO, STDOUT_FILENO);
  }
  ~StdoutForJson() {
    if (saved_ < 0) return;
    std::fflush(stdout);
    dup2(saved_, STDOUT_FILENO);
    close(saved_);
  }
  StdoutForJson(const StdoutForJson&) = delete;
  StdoutForJson& operator=(const StdoutForJson&) = delete;

 private:
  int saved_ = -1;
};

}  // namespace memwhy::cli
