// SPDX-License-Identifier: Apache-2.0
//
// What rules about allocators and the operating system look at beside the ledgers: the passes over
// the address space at the two ends of a window. Refers to the recording, which must outlive it.
#pragma once

#include <optional>

#include "model/ledger/malloc_view.h"
#include "model/recording.h"

namespace memwhy::model {

struct WindowEnd {
  const MapsPass* pass = nullptr;    // nullptr: there is none
  std::optional<MallocView> malloc;  // nullopt: not every block or page is known
};

struct WindowEnds {
  WindowEnd start;
  WindowEnd end;
};

}  // namespace memwhy::model
