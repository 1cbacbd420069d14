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

#include "model/heap/dump_decoder.h"

namespace memwhy::model {

// Counts up for references and down for edges; for a DumpDecoder. One thread.
class ReferenceBalance : public DumpVisitor {
 public:
  void OnType(std::string_view name, std::uint64_t flags, std::uint64_t bytes,
              std::uint64_t address);
  void OnObject(const DumpObject& object);
  void OnRoot(const DumpRootRecord& root) { is_counted_ = root.counts == wire::RootCounts::kEach; }
  void OnBlock(const DumpBlock&) { is_counted_ = false; }
  void OnTorch(const DumpTorch&) { is_counted_ = false; }
  void OnEdge(std::uint64_t target) {
    if (is_counted_ && target != 0) Add(target, -1);
  }

  // The addresses of the objects with a surplus in rising order, at most `most` of them.
  std::vector<std::uint64_t> FindSurplus(std::size_t most);

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
  // What is to be added. Its slot and then its numbers are on their way into the cache meanwhile:
  // edges lead anywhere.
  struct Waiting {
    std::uint64_t address = 0;
    std::int64_t count = 0;  // 0: none
    bool is_upper = false;
    Page* page = nullptr;
  };
  static constexpr std::size_t kAhead = 12;  // additions that each of the two takes

  void Add(std::uint64_t address, std::int64_t count, bool is_upper = false) {
    ++events_;
    Waiting& place = waiting_[next_];
    Count(place);
    place = {address, count, is_upper, nullptr};
    FetchSlot(address);
    next_ = next_ + 1 == waiting_.size() ? 0 : next_ + 1;
    Find(waiting_[next_ < kAhead ? next_ + kAhead : next_ - kAhead]);
  }
  void FetchSlot(std::uint64_t address) const;
  void Find(Waiting& waiting);
  void Count(Waiting& waiting);
  Page* FindPage(std::uint64_t number);
  void Grow();

  std::vector<std::uint64_t> type_address_;  // by id; 0: its objects hold no reference to it
  std::vector<Slot> table_;                  // open addressing, a power of two
  std::vector<std::unique_ptr<std::array<Page, kSlabPages>>> slabs_;
  std::size_t page_count_ = 0;
  // What does not fit a page's 16 bits, by address / 16.
  std::unordered_map<std::uint64_t, std::int64_t> beyond_;
  std::uint64_t events_ = 0;
  std::array<Waiting, 2 * kAhead> waiting_;
  std::size_t next_ = 0;  // the place of the next one, where the oldest is
  bool is_counted_ = true;
};

}  // namespace memwhy::model
