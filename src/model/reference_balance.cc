// SPDX-License-Identifier: Apache-2.0
#include "model/reference_balance.h"

#include <algorithm>
#include <limits>

namespace memwhy::model {
namespace {

constexpr unsigned kPageBits = 12;
// A stream that was made up may name a new page with each edge; a process does not.
constexpr std::size_t kFreePages = 1 << 16;
constexpr std::uint64_t kEventsPerPage = 4;

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
    constexpr std::uint64_t kMost = std::uint64_t{1} << 32;
    Page* page =
        Add(object.address, static_cast<std::int64_t>(std::min(object.references, kMost)));
    const std::size_t slot = object.address >> 4 & 255;
    if (page != nullptr && (object.address & 8) != 0) {
      page->is_upper[slot >> 6] |= std::uint64_t{1} << (slot & 63);
    }
  }
  // The reference to its type, which the stream leaves out.
  if (const std::uint64_t type = type_address_[object.type]; type != 0) Add(type, -1);
}

ReferenceBalance::Page* ReferenceBalance::Add(std::uint64_t address, std::int64_t count) {
  ++events_;
  Page* page = FindPage(address >> kPageBits);
  if (page == nullptr) return nullptr;
  std::int32_t& balance = page->balance[address >> 4 & 255];
  balance = static_cast<std::int32_t>(
      std::clamp<std::int64_t>(balance + count, std::numeric_limits<std::int32_t>::min(),
                               std::numeric_limits<std::int32_t>::max()));
  return page;
}

ReferenceBalance::Page* ReferenceBalance::FindPage(std::uint64_t number) {
  if (pages_.size() * 2 >= table_.size()) Grow();
  const std::size_t mask = table_.size() - 1;
  std::size_t at = HashPage(number) & mask;
  for (; table_[at] != 0; at = (at + 1) & mask) {
    Page* page = pages_[table_[at] - 1].get();
    if (page->number == number) return page;
  }
  if (pages_.size() > kFreePages + events_ / kEventsPerPage) return nullptr;
  pages_.push_back(std::make_unique<Page>());
  pages_.back()->number = number;
  table_[at] = static_cast<std::uint32_t>(pages_.size());
  return pages_.back().get();
}

void ReferenceBalance::Grow() {
  constexpr std::size_t kFirstSlots = 1 << 12;
  table_.assign(std::max(kFirstSlots, table_.size() * 2), 0);
  const std::size_t mask = table_.size() - 1;
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    std::size_t at = HashPage(pages_[i]->number) & mask;
    while (table_[at] != 0) at = (at + 1) & mask;
    table_[at] = static_cast<std::uint32_t>(i + 1);
  }
}

std::vector<std::uint64_t> ReferenceBalance::FindSurplus(std::size_t most) const {
  std::vector<std::uint64_t> addresses;
  for (const auto& page : pages_) {
    for (std::size_t i = 0; i < page->balance.size(); ++i) {
      if (page->balance[i] <= 0) continue;
      const std::uint64_t upper = page->is_upper[i >> 6] >> (i & 63) & 1;
      addresses.push_back(page->number << kPageBits | i << 4 | upper << 3);
    }
  }
  std::sort(addresses.begin(), addresses.end());
  if (addresses.size() > most) addresses.resize(most);
  return addresses;
}

}  // namespace memwhy::model
