// SPDX-License-Identifier: Apache-2.0
//
// Names of types, each held once, with how many objects bore it. Bounded: a hostile text may name
// another type on every line; beyond the bound a name is kUnnamed. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/gc_log.h"

namespace memwhy::readers {

class TypeNames {
 public:
  static constexpr std::uint32_t kUnnamed = 0xffffffff;
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20;  // of names and what holds them

  explicit TypeNames(std::size_t max_bytes = kMaxBytes) : max_bytes_(max_bytes) {}

  // Names are cut to 256 bytes.
  std::uint32_t Find(std::string_view name);
  std::string_view name(std::uint32_t id) const;
  // Nothing for kUnnamed.
  void Count(std::uint32_t id, bool is_collectable);

  // In the order of their first Find. The table is empty afterwards.
  std::vector<model::GcType> Take();

 private:
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::vector<model::GcType> types_;
  std::unordered_map<std::string, std::uint32_t> ids_;
};

}  // namespace memwhy::readers
