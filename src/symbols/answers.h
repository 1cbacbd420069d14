// SPDX-License-Identifier: Apache-2.0
//
// What is known of a module's addresses, as bytes: kept in the cache by build-id, packed into a
// session, and sent by the child process that reads a module. Grammar (numbers are varints):
//   "mwsym1\n"  text: made from   count: texts { text }   count: addresses { address }   xxh64
//   text    = length, bytes
//   address = difference to the one before, count of locations { function file line inlined }
// where function and file are numbers of texts. Reading: hostile input; what is not whole is an
// error. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "symbols/location.h"

namespace memwhy::symbols {

struct Answers {
  std::string made_from;  // which files were read; answers of other files are stale
  std::map<std::uint64_t, Locations> by_address;
  friend bool operator==(const Answers&, const Answers&) = default;
};

std::vector<std::uint8_t> EncodeAnswers(const Answers& answers);
Result<Answers> DecodeAnswers(std::span<const std::uint8_t> bytes);

}  // namespace memwhy::symbols
