// SPDX-License-Identifier: Apache-2.0
//
// Which part of the calling thread's stack may be read. It begins with the page that it runs on and
// grows page by page as a walk goes outwards; each new page is tried by a system call first, so
// that wrong unwind tables end a walk and not the program. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memwhy::agent {

class StackMemory {
 public:
  // Before a walk that begins at `sp`, which lies on the stack in use. Without `may_ask`, no system
  // call is made, and what is not known yet is not read.
  void Begin(std::uintptr_t sp, bool may_ask) noexcept {
    may_ask_ = may_ask;
    Enter(sp);
  }
  void Enter(std::uintptr_t sp) noexcept {
    if (sp - begin_ >= end_ - begin_) MoveTo(sp);
  }
  // The word at `at`. False: it is none of this stack, as far as can be known.
  bool Read(std::uintptr_t at, std::uintptr_t* word) noexcept {
    if (__builtin_expect(at - begin_ >= end_ - begin_ || (at & 7) != 0, false) && !MayRead(at)) {
      return false;
    }
    *word = *reinterpret_cast<const std::uintptr_t*>(at);
    return true;
  }
  void Forget() noexcept { begin_ = end_ = 0; }

 private:
  void MoveTo(std::uintptr_t sp) noexcept;
  bool MayRead(std::uintptr_t at) noexcept;

  std::uintptr_t begin_ = 0;  // whole pages
  std::uintptr_t end_ = 0;
  bool may_ask_ = false;
};

}  // namespace memwhy::agent
