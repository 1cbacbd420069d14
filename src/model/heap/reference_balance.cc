// SPDX-License-Identifier: Apache-2.0
#include "model/heap/reference_balance.h"

#include <algorithm>

namespace memwhy::model {
namespace {

constexpr unsigned kPageBits = 12;
constexpr std::int64_t kMaxHere = 30'000;  // of a page's numbers
// A stream that was made up may name a new page with each edge; a process does not.
constexpr std::size_t kFreePages = 1 << 16;
constexpr std::uint64_t kEventsPerPage = 4;

constexpr std::array<std::int16_t, 256> kBalanced{};

std::size_t HashPage(std::uint64_t number) {
  return static_cast<std::size_t>(number * 0x9e3779b97f4a7c15ull >> 32);
}

}  // namespace

void ReferenceBalance::OnType(std::string_view, std::uint64_t flags, std::uint64_t,
                              std::uint64_t address) {
  type_address_.push_back((flags & wire::kTypeIsOwned) != 0 ? address : 0);
}

void ReferenceBalance::OnObject(const DumpObject& object) {
  is_counted_ = true;
  if (object.references != 0) {
    constexpr std::uint64_t kMax = std::uint64_t{1} << 32;
    Add(object.address, static_cast<std::int64_t>(std::min(object.references, kMax)),
        (object.address & 8) != 0);
  }
  // The reference to its type, which the stream leaves out.
  if (const std::uint64_t type = type_address_[object.type]; type != 0) Add(type, -1);
}

void ReferenceBalance::FetchSlot(std::uint64_t address) const {
  if (table_.empty()) return;
  __builtin_prefetch(&table_[HashPage(address >> kPageBits) & (table_.size() - 1)]);
}

void ReferenceBalance::Find(Waiting& waiting) {
  if (waiting.count == 0) return;
  waiting.page = FindPage(waiting.address >> kPageBits);
  if (waiting.page != nullptr) {
    __builtin_prefetch(&waiting.page->balance[waiting.address >> 4 & 255], 1);
  }
}

void ReferenceBalance::Count(Waiting& waiting) {
  if (waiting.page == nullptr) return;
  const std::size_t slot = waiting.address >> 4 & 255;
  std::int16_t& balance = waiting.page->balance[slot];
  std::int64_t sum = balance + waiting.count;
  if (sum > kMaxHere || sum < -kMaxHere) {
    beyond_[waiting.address >> 4] += sum;
    sum = 0;
  }
  balance = static_cast<std::int16_t>(sum);
  if (waiting.is_upper) waiting.page->is_upper[slot >> 6] |= std::uint64_t{1} << (slot & 63);
}

ReferenceBalance::Page* ReferenceBalance::FindPage(std::uint64_t number) {
  if (page_count_ * 2 >= table_.size()) Grow();
  const std::size_t mask = table_.size() - 1;
  std::size_t at = HashPage(number) & mask;
  for (; table_[at].page != nullptr; at = (at + 1) & mask) {
    if (table_[at].number == number) return table_[at].page;
  }
  if (page_count_ > kFreePages + events_ / kEventsPerPage) return nullptr;
  if (page_count_ % kSlabPages == 0) {
    slabs_.push_back(std::make_unique<std::array<Page, kSlabPages>>());
  }
  table_[at] = {number, &(*slabs_.back())[page_count_++ % kSlabPages]};
  return table_[at].page;
}

void ReferenceBalance::Grow() {
  constexpr std::size_t kFirstSlots = 1 << 12;
  std::vector<Slot> before(std::max(kFirstSlots, table_.size() * 2));
  before.swap(table_);
  const std::size_t mask = table_.size() - 1;
  for (const Slot& slot : before) {
    if (slot.page == nullptr) continue;
    std::size_t at = HashPage(slot.number) & mask;
    while (table_[at].page != nullptr) at = (at + 1) & mask;
    table_[at] = slot;
  }
}

std::vector<std::uint64_t> ReferenceBalance::FindSurplus(std::size_t most) {
  for (Waiting& waiting : waiting_) {
    if (waiting.page == nullptr) Find(waiting);
    Count(waiting);
    waiting = {};
  }
  std::vector<std::uint64_t> addresses;
  const auto add = [&](std::uint64_t at, const Page& page) {  // at: address / 16
    const std::size_t slot = at & 255;
    const std::uint64_t upper = page.is_upper[slot >> 6] >> (slot & 63) & 1;
    addresses.push_back(at << 4 | upper << 3);
  };
  for (const Slot& slot : table_) {
    if (slot.page == nullptr || slot.page->balance == kBalanced) continue;
    for (std::size_t i = 0; i < kBalanced.size(); ++i) {
      const std::uint64_t at = slot.number << (kPageBits - 4) | i;
      if (slot.page->balance[i] > 0 && !beyond_.contains(at)) add(at, *slot.page);
    }
  }
  for (const auto& [at, balance] : beyond_) {
    const Page& page = *FindPage(at >> (kPageBits - 4));  // counted there before
    if (balance + page.balance[at & 255] > 0) add(at, page);
  }
  std::sort(addresses.begin(), addresses.end());
  if (addresses.size() > most) addresses.resize(most);
  return addresses;
}

}  // namespace memwhy::model
