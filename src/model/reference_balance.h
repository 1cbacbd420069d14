// SPDX-License-Identifier: Apache-2.0
//
// Which objects of a heap dump have more references than edges, found in one pass over the stream
// and without the graph: while the clone still writes, `memwhy heap dump` works out what it asks
// the clone next. Memory: 0.6 KiB for each 4 KiB page that holds an object or an edge's target.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "model/dump_decoder.h"

namespace memwhy::model {

// Counts up for references and down for edges; for a DumpDecoder. One thread.
class ReferenceBalance : public DumpVisitor {
 public:
  void OnType(std::string_view name, std::uint64_t flags, std::uint64_t bytes,
              std::uint64_t address);
  void OnObject(const DumpObject& object);
  void OnRoot(const DumpRootRecord& root) { is_counted_ = root.counts == wire::RootCounts::kEach; }
  void OnBlock(const DumpBlock&) { is_counted_ = false; }
  void OnEdge(std::uint64_t target) {
    if (is_counted_ && target != 0) Add(target, -1);
  }

  // The addresses of the objects with a surplus in rising order, at most `most` of them.
  std::vector<std::uint64_t> FindSurplus(std::size_t most) const;

 private:
  // Two objects never begin in the same 16 bytes. An edge into the wrong half of them is counted
  // for the object all the same: such edges lead to nothing, and there are next to none.
  struct Page {
    std::array<std::int16_t, 256> balance{};
    std::array<std::uint64_t, 4> is_upper{};  // the object begins in the upper half
  };
  struct Slot {
    std::uint64_t number = 0;  // address / 4096
    Page* page = nullptr;
  };
  static constexpr std::size_t kSlabPages = 128;

  Page* Add(std::uint64_t address, std::int64_t count);
  Page* FindPage(std::uint64_t number);
  void Grow();

  std::vector<std::uint64_t> type_address_;  // by id; 0: its objects hold no reference to it
  std::vector<Slot> table_;                  // open addressing, a power of two
  std::vector<std::unique_ptr<std::array<Page, kSlabPages>>> slabs_;
  std::size_t page_count_ = 0;
  // What does not fit a page's 16 bits, by address / 16.
  std::unordered_map<std::uint64_t, std::int64_t> beyond_;
  std::uint64_t events_ = 0;
  bool is_counted_ = true;
};

}  // namespace memwhy::model
