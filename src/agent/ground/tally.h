// SPDX-License-Identifier: Apache-2.0
//
// Notes in the recording's tally (wire/tally.h) which process is not recorded, and why.
// Context: any, also a vfork'ed child and signal handlers.  Allocates: never.  Blocks: never.
#pragma once

#include <cstdint>

#include "wire/tally.h"

namespace memwhy::agent {

// Maps the file that `text` names: "PATH DEVICE INODE". Another file under that path (the path goes
// through /proc, which may show another namespace) is left alone. Called once by the constructor.
void MapTally(const char* text) noexcept;

// A note that can be taken back as long as the recorder has not read it.
class TallyNote {
 public:
  TallyNote() noexcept = default;
  TallyNote(wire::Unseen why, std::uint32_t pid, const char* program) noexcept;
  void TakeBack() noexcept;

 private:
  wire::TallySlot* slot_ = nullptr;
};

}  // namespace memwhy::agent
