// SPDX-License-Identifier: Apache-2.0
//
// What is in the file of a heap dump: its blocks, its facts, and how many records of which kind its
// stream has. For `inspect`; a damaged file is described up to the damage. Holds one block at a
// time. Pure but for the file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "session/format.h"

namespace memwhy::session {

struct DumpContents {
  struct Block {
    std::uint64_t offset = 0;  // of its header, in the file
    BlockKind kind{};
    std::uint64_t raw_bytes = 0;
    std::uint64_t stored_bytes = 0;
    std::string fact;  // of kFact: the JSON text
  };
  // All records of one kind.
  struct Records {
    std::string kind;  // "object", "type", "root", ...
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;  // of the stream, unpacked
  };
  std::uint32_t version = 0;         // of the file
  std::uint64_t stream_version = 0;  // 0: no stream could be read
  std::uint64_t file_bytes = 0;
  std::vector<Block> blocks;
  std::vector<Records> records;  // those that there are, in the order of their tags, objects last
  std::string damage;            // "" or where reading ended, and why
};

// Fails when there is no such file, or it is no dump of a version that we know.
Result<DumpContents> ReadDumpContents(const std::string& path);

}  // namespace memwhy::session
