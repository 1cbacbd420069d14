// SPDX-License-Identifier: Apache-2.0
//
// Why an operation of a pool did not happen, by name: one word that C++, C and Python share. An
// operation that returns anything but kOk has changed nothing (kLentOut: but claims). A status
// instead of Result<T>, since an operation takes a few nanoseconds and must not allocate.
#pragma once

#include <cstdint>

namespace memwhy::govern {

// The numbers are part of the C ABI: add at the end, never change one.
enum class [[nodiscard]] Status : std::int32_t {
  kOk = 0,
  kPoolExhausted = 1,    // not enough blocks that may be taken
  kQuotaExceeded = 2,    // more than the tenant may ever hold
  kLentOut = 3,          // within the quota, but lent; the borrowers were asked to give back
  kOwesBlocks = 4,       // the tenant must give back what it borrowed before it borrows more
  kTooManyRequests = 5,  // the tenant's maximum of concurrent requests
  kAtHardMark = 6,       // no new request of this tenant: it holds its hard mark
  kBlockIsFree = 7,      // nobody holds the block: freed twice, or never allocated
  kForeignBlock = 8,     // no block of this pool has this number
  kBlockGivenTwice = 9,  // one call names a block two times
  kOtherTenant = 10,     // the block is charged to another tenant
  kUnknownTenant = 11,
  kUnknownReservation = 12,
  kReservationExceeded = 13,
  kResizeBelowHeld = 14,   // more blocks are held and reserved than would remain
  kResizeBeyondSlab = 15,  // the slab has no room for so many
  kQuotaBeyondSlab = 16,   // all quotas together exceed the pool
  kNoSlab = 17,            // the pool counts blocks and has no memory to point at
  kBadArgument = 18,
  kOutOfMemory = 19,
  kCachedOtherwise = 20,  // the block is cached under another hash
  kDuplicateTenant = 21,
  kNoActiveRequest = 22,  // a request ends that never began
  kTooManyHolders = 23,   // the reference count would overflow
  kTooManyTenants = 24,
  kCorrupt = 25,     // verify() found a broken invariant
  kPageFailed = 26,  // the file of the shared page cannot be made
};

// "pool_exhausted". A number that is no status: "unknown_status".
const char* StatusName(Status status);

// One sentence that says what is wrong.
const char* StatusText(Status status);

}  // namespace memwhy::govern
