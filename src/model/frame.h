// SPDX-License-Identifier: Apache-2.0
//
// One frame of a stack, as JSON documents have it (docs/formats/common.md).
#pragma once

#include <string>

namespace memwhy::model {

enum class Language : unsigned char { kPython, kCython, kC };

struct Frame {
  std::string function;  // qualified name where the interpreter has it; "" when unknown
  std::string module;    // "" when unknown
  std::string file;      // "" when unknown
  int line = 0;          // 0 when unknown
  Language language = Language::kPython;
  friend bool operator==(const Frame&, const Frame&) = default;
};

}  // namespace memwhy::model
