// SPDX-License-Identifier: Apache-2.0
//
// Folds the older part of a session into sums, so that a recording of days stays small
// (docs/decisions/0008): per site what it allocated, released, held at the highest total; the
// blocks that are still held, one by one, so that what follows stays exact; and no event. What is
// newer stays as it is. Invariant: every view of the whole session says the same before and after,
// to the byte; only times within the folded part are gone, with its marks and passes over the
// address space. Works on a session that is being written (the bytes looked at do not change).
// Memory: about 60 bytes per live block. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace memwhy::session {

inline constexpr char kFoldedFile[] = "folded";  // in the session directory, while it is made

struct FoldOptions {
  std::uint64_t until_ns = UINT64_MAX;    // CLOCK_MONOTONIC; later events stay
  std::uint64_t file_bytes = UINT64_MAX;  // of blocks.mwy: whole blocks
  std::string why;                        // the option that asks for it
};

// Writes kFoldedFile into the session directory; SessionWriter::MoveTo puts it into its place.
Result<void> Fold(const std::string& session, const FoldOptions& options);

}  // namespace memwhy::session
