// SPDX-License-Identifier: Apache-2.0
//
// Where the stream of a heap dump goes while it comes: a file, or memory.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "base/result.h"

namespace memwhy::recorder {

// One thread. Whatever it made and did not finish is gone when it is.
class DumpSink {
 public:
  virtual ~DumpSink() = default;
  virtual Result<void> AddFact(const nlohmann::json& fact) = 0;
  // The next bytes of the stream (wire/heap_dump.h).
  virtual Result<void> AddBytes(std::span<const std::uint8_t> bytes) = 0;
  // Nothing is missing. Returns the bytes of the file, 0 without one.
  virtual Result<std::uint64_t> Finish() = 0;
};

// A dump file that gets its name in the end (session/dump_file.h).
Result<std::unique_ptr<DumpSink>> MakeFileSink(const std::string& path);

}  // namespace memwhy::recorder
