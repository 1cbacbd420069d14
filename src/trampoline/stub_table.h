// SPDX-License-Identifier: Apache-2.0
//
// Which stub a call takes: one for each (called code object, calling code object, instruction of
// the call), at most kMaxCallers for a code object; further callers share one stub without a
// caller. An open hash table over memory that is reserved once; entries are never removed. A code
// object is known by an id that is never given twice. Context: the GIL is held.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memwhy::trampoline {

struct CallSite {
  std::uint32_t code = 0;    // id
  std::uint32_t caller = 0;  // id, 0: not known
  std::int32_t instruction = 0;
  friend bool operator==(const CallSite&, const CallSite&) = default;
};

class StubTable {
 public:
  // False: no memory.
  bool Reserve() noexcept;
  // The stub, or 0.
  std::uintptr_t Find(const CallSite& site) const noexcept;
  // False: the table is full.
  bool Add(const CallSite& site, std::uintptr_t stub) noexcept;

 private:
  struct Entry {
    CallSite site;
    std::uintptr_t stub;
  };
  std::size_t Place(const CallSite& site) const noexcept;

  Entry* entries_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace memwhy::trampoline
