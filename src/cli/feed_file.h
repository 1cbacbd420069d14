// SPDX-License-Identifier: Apache-2.0
//
// Gives a reader a whole file, or what comes from a pipe, piece by piece.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace memwhy::cli {

// Error: why the rest could not be read.
template <typename Reader>
Result<void> FeedFile(int fd, Reader* reader) {
  std::vector<char> buffer(std::size_t{256} << 10);
  while (true) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count == 0) return {};
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error(std::strerror(errno));
    reader->Feed(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
  }
}

}  // namespace memwhy::cli
