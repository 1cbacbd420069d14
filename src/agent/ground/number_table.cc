// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/number_table.h"

namespace memwhy::agent {

std::uint32_t NumberTable::Find(std::uint64_t hash, bool* is_new) noexcept {
  if (hash == 0) hash = 1;
  const Slot* slot = slots_.Find(hash);
  *is_new = slot == nullptr;
  if (slot != nullptr) return slot->number;
  const auto number = static_cast<std::uint32_t>(slots_.used());
  if (slots_.Add({hash, number}) != nullptr) return number;
  *is_new = false;
  failed_ = true;
  return 0;
}

}  // namespace memwhy::agent
