// SPDX-License-Identifier: Apache-2.0
//
// Records small Python objects for a time, in a process that was started without --objects: hooks
// of CPython's domains mem and obj, which a request puts in and takes out while the program runs.
// Only what pymalloc serves from its arenas is recorded (512 bytes at most): a larger block is one
// of malloc, with its own event.
//
// The wrappers keep no state, and the context of a domain stays what it was, so that a thread which
// is just calling one finds a pair that fits, before and after a change. They are never put in
// twice. Where another tool has wrapped a domain since, they stay in its chain and only pass calls
// on. The flag lies on the page that is zeroed in a forked child: it records no objects.
// A period ends by itself with the next heap dump, which is what it is for, at the moment that the
// dump shows; when the ring is too small for its events, so that it costs no others; and before the
// program filters its system calls, after which no request is served.
#pragma once

#include <cstdint>

namespace memwhy::agent {

struct ObjectChange {
  const char* error = nullptr;  // why there is no period, or why one ended early or leaves wrappers
  std::uint64_t at_ns = 0;      // CLOCK_MONOTONIC of the begin or the end; 0: there was none
};

// Context: the thread that serves a request, with the GIL.  Allocates: never.
ObjectChange BeginObjectPeriod() noexcept;
ObjectChange EndObjectPeriod() noexcept;

}  // namespace memwhy::agent
