// SPDX-License-Identifier: Apache-2.0
#include "agent/objects/greenlet_state.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::PeekPointer;

// {head, weak references, dict, state}
constexpr std::uint32_t kState = 32;
constexpr std::int64_t kObjectBytes = 40;
// As far as the frame reaches on every CPython.
constexpr Address kSureBytes = 128;
constexpr Address kMaxGreenletBytes = 512;

}  // namespace

bool HasGreenletState(Address type) noexcept {
  return cpython::Peek<std::int64_t>(type, cpython::kTypeBasicSize) == kObjectBytes;
}

GreenletState FindGreenletState(Address greenlet, const MemoryMap& map, FreeMemory* free) noexcept {
  GreenletState state;
  const Address begin = PeekPointer(greenlet, kState);
  if (begin == 0 || (begin & 7) != 0) return state;
  Address end = begin + kSureBytes;
  if (free != nullptr) {
    const FreeMemory::Block block = free->BlockOf(begin);
    if (block.begin == begin && block.end - begin <= kMaxGreenletBytes) end = block.end;
  }
  if (!map.IsReadable(begin, end - begin)) return state;
  state.begin = begin;
  state.end = end;
  return state;
}

}  // namespace memwhy::agent
