// SPDX-License-Identifier: Apache-2.0
#include "readers/type_names.h"

#include <string>
#include <utility>

namespace memwhy::readers {

std::uint32_t TypeNames::Find(std::string_view name) {
  constexpr std::size_t kMaxNameBytes = 256;
  constexpr std::size_t kOverheadBytes = 200;  // two strings, a node, a row
  std::string cut(name.substr(0, kMaxNameBytes));
  if (const auto found = ids_.find(cut); found != ids_.end()) return found->second;
  const std::size_t bytes = 2 * cut.size() + kOverheadBytes;
  if (bytes > max_bytes_ - bytes_) return kUnnamed;
  bytes_ += bytes;
  const auto id = static_cast<std::uint32_t>(types_.size());
  types_.push_back({cut, 0, 0});
  ids_.emplace(std::move(cut), id);
  return id;
}

std::string_view TypeNames::name(std::uint32_t id) const {
  return id < types_.size() ? std::string_view(types_[id].name) : std::string_view();
}

void TypeNames::Count(std::uint32_t id, bool is_collectable) {
  if (id >= types_.size()) return;
  ++(is_collectable ? types_[id].collectable : types_[id].uncollectable);
}

std::vector<model::GcType> TypeNames::Take() {
  ids_.clear();
  bytes_ = 0;
  return std::exchange(types_, {});
}

}  // namespace memwhy::readers
