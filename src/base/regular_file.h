// SPDX-License-Identifier: Apache-2.0
//
// Opens files that somebody else made, for reading. Invariant: what is no regular file (a named
// pipe, a device, a socket, a folder) is never opened: that could wait for ever or set something
// off. Never waits; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace memwhy {

enum class Links : std::uint8_t {
  kFollow,
  kRefuse,  // the last name of the path must be no link: for files of a folder that we made
};

struct RegularFile {
  UniqueFd fd;
  std::uint64_t bytes = 0;
};

// `what` is what the file should be, for the message: "a heap dump".
Result<RegularFile> OpenRegular(const std::string& path, std::string_view what,
                                Links links = Links::kFollow);

// "a named pipe", "a folder": of st_mode.
const char* KindOfFile(std::uint32_t mode);

}  // namespace memwhy
