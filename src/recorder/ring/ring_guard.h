// SPDX-License-Identifier: Apache-2.0
//
// Keeps the recorder alive when a ring file becomes shorter than its mapping: reading such a page
// raises SIGBUS. The first fault within a guarded range replaces the whole range by zeros, which
// read as an empty ring, and marks it as cut. A SIGBUS anywhere else ends the process as usual.
// One thread: faults are synchronous, so the list is never walked while it changes.
#pragma once

#include <csignal>
#include <cstddef>

namespace memwhy::recorder {

class RingGuard {
 public:
  // Guards a mapping that begins at a page; installs the handler if there is none yet.
  RingGuard(void* begin, std::size_t bytes);
  ~RingGuard();
  RingGuard(const RingGuard&) = delete;
  RingGuard& operator=(const RingGuard&) = delete;

  bool is_cut() const { return is_cut_ != 0; }
  // Replaces the range now. Also called by the handler: async-signal-safe.
  void Cut();
  bool Holds(const void* address) const;

  RingGuard* next() const { return next_; }

 private:
  void* begin_;
  std::size_t bytes_;
  volatile std::sig_atomic_t is_cut_ = 0;
  RingGuard* next_;
};

}  // namespace memwhy::recorder
