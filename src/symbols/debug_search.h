// SPDX-License-Identifier: Apache-2.0
//
// Finds the separate debug file of a module, and a module that is no longer where it was: by
// build-id below the debug folders, by debug link beside the module. Invariant: what is returned
// has the same build-id, or the checksum that the link names. Nothing is fetched. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/regular_file.h"

namespace memwhy::symbols {

struct FoundFile {
  std::string path;
  RegularFile file;
};

class DebugSearch {
 public:
  // Folders with a .build-id below: "/usr/lib/debug".
  explicit DebugSearch(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  // The module itself: at its path, or at DIR/.build-id/xx/yyyy. An error says which build-id the
  // file has instead.
  Result<FoundFile> Module(const std::string& path, const std::string& build_id) const;

  // Its debug file. `link` is "" and `checksum` 0 without a debug link.
  std::optional<FoundFile> DebugFile(const std::string& path, const std::string& build_id,
                                     const std::string& link, std::uint32_t checksum) const;

 private:
  std::vector<std::string> folders_;
};

// Whether the text can be one, and so the name of a file.
bool IsBuildId(std::string_view text);

// "" when the file has none, or is no ELF file.
std::string BuildIdOf(int fd);

struct DebugLink {
  std::string name;  // "" for none
  std::uint32_t checksum = 0;
};
DebugLink DebugLinkOf(int fd);

}  // namespace memwhy::symbols
