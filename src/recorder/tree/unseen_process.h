// SPDX-License-Identifier: Apache-2.0
//
// A CPython of the recorded tree of which events are missing: all, or what `why` says. Plain data.
#pragma once

#include <cstdint>
#include <string>

namespace memwhy::recorder {

struct UnseenProcess {
  std::uint32_t pid = 0;  // in a namespace of its own as it knows itself, where that told it
  std::string program;    // base name, fit for a terminal
  std::string why;
};

// A name from the target, for people: what could steer a terminal is replaced.
inline std::string PlainName(std::string name) {
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  }
  return name.empty() ? "unknown" : name;
}

}  // namespace memwhy::recorder
