// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/type_census.h"

namespace memwhy::agent {

TypeCensus::Pair* TypeCensus::Find(std::uint64_t types) noexcept {
  Pair* pair = pairs_.Find(types);
  if (pair == nullptr) pair = pairs_.Add({types, 0});
  failed_ |= pair == nullptr;
  return pair;
}

}  // namespace memwhy::agent
