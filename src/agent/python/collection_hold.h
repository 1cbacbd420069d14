// SPDX-License-Identifier: Apache-2.0
//
// Holds the automatic collection of the main interpreter while a clone lives: a collection writes
// to the head of every object, and each page written is copied.
//
// It is held by the count of new objects that starts one, which is set so low that a thousand
// million have to be made first: neither gc.isenabled() nor gc.get_threshold() shows it, what the
// program sets meanwhile stays set, gc.collect() works and ends the hold, and if nobody ended it
// the count would. Where that count's place is not known the collector is disabled.
//
// Every call with the GIL held.
#pragma once

namespace memwhy::agent {

// A collection is under way.
bool IsCollecting() noexcept;

// Whether the automatic collection is on.
bool IsCollectorOn() noexcept;

// Holds it if it is on; whether it is.
bool HoldCollection() noexcept;

// As it was, with the objects counted that were made meanwhile. Nothing if it is not held; also for
// the copy that a clone has.
void ReleaseCollection() noexcept;

// A child that was forked while its parent's collection is held collects as its parent will again.
// Context: the forked child's only thread, right after the fork.
void LeaveHoldAfterFork() noexcept;

}  // namespace memwhy::agent
