// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/frame_chunks.h"

#include <algorithm>

#include "agent/ground/page_entry.h"

namespace memwhy::agent {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

namespace {

constexpr Address kMaxChunkBytes = Address{1} << 30;
constexpr int kMaxChunksOfThread = 1 << 14;

}  // namespace

bool FrameChunks::IsChunk(Address address) const noexcept {
  if (address == 0 || address % kPageBytes != 0 || !map_.IsReadable(address, kPageBytes)) {
    return false;
  }
  const auto bytes = Peek<std::uint64_t>(address, layout_.chunk_bytes);
  return bytes != 0 && bytes % kPageBytes == 0 && bytes <= kMaxChunkBytes &&
         PeekPointer(address, layout_.chunk_previous) % kPageBytes == 0 &&
         map_.IsReadable(address, bytes);
}

bool FrameChunks::AddList(Address chunk) noexcept {
  for (int left = kMaxChunksOfThread; left > 0 && IsChunk(chunk); --left) {
    const Address end = chunk + Peek<std::uint64_t>(chunk, layout_.chunk_bytes);
    if (!chunks_.Push({chunk, end})) return false;
    chunk = PeekPointer(chunk, layout_.chunk_previous);
  }
  return true;
}

bool FrameChunks::AddThread(Address thread) noexcept {
  if (layout_.thread_stack_chunk == cpython::kAbsent) return true;
  return AddList(PeekPointer(thread, layout_.thread_stack_chunk));
}

bool FrameChunks::AddPointedTo(Address begin, Address end) noexcept {
  if (layout_.thread_stack_chunk == cpython::kAbsent) return true;
  for (Address at = begin; at + sizeof(Address) <= end; at += sizeof(Address)) {
    if (!AddList(PeekPointer(at, 0))) return false;
  }
  return true;
}

void FrameChunks::Sort() noexcept {
  std::sort(chunks_.begin(), chunks_.end(),
            [](const MemoryRange& a, const MemoryRange& b) { return a.begin < b.begin; });
}

bool FrameChunks::Contains(Address address) const noexcept {
  const MemoryRange* after =
      std::upper_bound(chunks_.begin(), chunks_.end(), address,
                       [](Address value, const MemoryRange& range) { return value < range.begin; });
  return after != chunks_.begin() && address < after[-1].end;
}

}  // namespace memwhy::agent
