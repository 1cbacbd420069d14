// SPDX-License-Identifier: Apache-2.0
//
// The lines of a file of /proc, however long the file is. No malloc.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace memwhy::agent {

// visit(line, end) for each line, which ends with a 0 at `end`. Ends at a line of 8 KiB, which none
// of those that we read can be. False: the file cannot be opened.
template <typename Visit>
bool EachLine(const char* path, const Visit& visit) noexcept {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[8192];
  std::size_t held = 0;
  while (held < sizeof(text) - 1) {
    const ssize_t n = read(fd, text + held, sizeof(text) - 1 - held);
    if (n <= 0) break;
    held += static_cast<std::size_t>(n);
    text[held] = 0;
    char* line = text;
    for (char* end = std::strchr(line, '\n'); end != nullptr; end = std::strchr(line, '\n')) {
      *end = 0;
      visit(static_cast<const char*>(line), static_cast<const char*>(end));
      line = end + 1;
    }
    held = static_cast<std::size_t>(text + held - line);
    std::memmove(text, line, held);
  }
  close(fd);
  return true;
}

}  // namespace memwhy::agent
