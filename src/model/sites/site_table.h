// SPDX-License-Identifier: Apache-2.0
//
// Allocation sites, numbered in the order in which they appear: one per (process, thread that
// allocated, entry point, stack). Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "model/ids.h"
#include "wire/event.h"

namespace memwhy::model {

struct SiteKey {
  ProcessId process;
  ThreadId thread;  // an inherited block keeps the parent's thread
  wire::Allocator allocator{};
  StackId stack;
  friend bool operator==(const SiteKey&, const SiteKey&) = default;
};

class SiteTable {
 public:
  std::uint32_t Intern(const SiteKey& key) {
    const auto [it, is_new] = index_.try_emplace(key, static_cast<std::uint32_t>(keys_.size()));
    if (is_new) keys_.push_back(key);
    return it->second;
  }
  const SiteKey& key(std::uint32_t site) const { return keys_[site]; }
  std::size_t size() const { return keys_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const SiteKey& key) const {
      std::uint64_t hash = std::uint64_t{key.stack.value} << 32 | key.thread.value;
      hash ^= (std::uint64_t{key.process.value} << 8 | static_cast<std::uint8_t>(key.allocator)) *
              0xc2b2ae3d27d4eb4fu;
      hash *= 0x9e3779b97f4a7c15u;
      return static_cast<std::size_t>(hash ^ (hash >> 31));
    }
  };
  std::vector<SiteKey> keys_;
  std::unordered_map<SiteKey, std::uint32_t, Hash> index_;
};

}  // namespace memwhy::model
