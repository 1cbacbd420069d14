// SPDX-License-Identifier: Apache-2.0
#include "trampoline/stub_table.h"

#include <sys/mman.h>

#include "trampoline/stub_code.h"

namespace memwhy::trampoline {
namespace {

constexpr std::size_t kSlots = 2 * kMaxStubs;  // a power of two

}  // namespace

bool StubTable::Reserve() noexcept {
  void* region = mmap(nullptr, kSlots * sizeof(Entry), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) return false;
  entries_ = static_cast<Entry*>(region);
  return true;
}

// The slot of the site, or the free one where it belongs.
std::size_t StubTable::Place(const CallSite& site) const noexcept {
  std::uint64_t hash = site.code;
  hash = hash * 0x9e3779b97f4a7c15u + site.caller;
  hash = hash * 0x9e3779b97f4a7c15u + static_cast<std::uint32_t>(site.instruction);
  hash *= 0x9e3779b97f4a7c15u;
  std::size_t slot = static_cast<std::size_t>(hash >> 32) % kSlots;
  while (entries_[slot].stub != 0 && !(entries_[slot].site == site)) slot = (slot + 1) % kSlots;
  return slot;
}

std::uintptr_t StubTable::Find(const CallSite& site) const noexcept {
  return entries_[Place(site)].stub;
}

bool StubTable::Add(const CallSite& site, std::uintptr_t stub) noexcept {
  if (count_ == kMaxStubs) return false;
  entries_[Place(site)] = {site, stub};
  ++count_;
  return true;
}

}  // namespace memwhy::trampoline
