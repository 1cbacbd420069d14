// SPDX-License-Identifier: Apache-2.0
//
// Reads what valgrind writes with --xml=yes (protocol 4, docs/internals/xml-output-protocol4.txt of
// valgrind), in pieces of any size, by expat. A text that ends early, as that of a killed process,
// is read up to there. Document types and entities are refused, unknown elements skipped.
// Bounds: kMaxErrors errors, kMaxFrames frames of a stack, kMaxStacks stacks of an error, kMaxText
// bytes of one text, kMaxDepth elements inside each other.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "model/memcheck.h"

namespace memwhy::readers {

class ValgrindXmlReader {
 public:
  static constexpr std::size_t kMaxErrors = 20000;
  static constexpr std::size_t kMaxFrames = 512;
  static constexpr std::size_t kMaxStacks = 8;
  static constexpr std::size_t kMaxText = 4096;
  static constexpr std::size_t kMaxDepth = 32;

  ValgrindXmlReader();
  ValgrindXmlReader(const ValgrindXmlReader&) = delete;
  ValgrindXmlReader& operator=(const ValgrindXmlReader&) = delete;
  ~ValgrindXmlReader();

  void Feed(std::string_view text);
  model::MemcheckRun Finish();

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace memwhy::readers
