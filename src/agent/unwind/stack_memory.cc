// SPDX-License-Identifier: Apache-2.0
#include "agent/unwind/stack_memory.h"

#include "agent/ground/raw_memory.h"

namespace memwhy::agent {
namespace {

constexpr std::uintptr_t kStackPage = 4096;
constexpr std::uintptr_t kMaxFrameBytes = 1u << 20;  // no frame is larger, as we believe it

}  // namespace

// Where the stack goes on below what is known it is the same one; anywhere else it is another.
void StackMemory::MoveTo(std::uintptr_t sp) noexcept {
  const std::uintptr_t page = sp & ~(kStackPage - 1);
  if (end_ == 0 || page >= end_ || begin_ - page > kMaxFrameBytes) {
    begin_ = page;
    end_ = page + kStackPage;
    return;
  }
  begin_ = page;
}

bool StackMemory::MayRead(std::uintptr_t at) noexcept {
  if (!may_ask_ || (at & 7) != 0 || at < end_ || at - end_ > kMaxFrameBytes) return false;
  while (end_ <= at) {
    char byte = 0;
    if (CopyCarefully(end_, &byte, 1) != 1) return false;
    end_ += kStackPage;
  }
  return true;
}

}  // namespace memwhy::agent
