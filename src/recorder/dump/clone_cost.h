// SPDX-License-Identifier: Apache-2.0
//
// What a clone of a process costs on this machine just now: measured on ourselves with memory of a
// known size, so that the pause of a dump can be told before it happens.
#pragma once

#include <cstdint>

namespace memwhy::recorder {

// Nanoseconds per MiB of touched memory in pages of 4 KiB; 0: it could not be measured. Takes some
// tens of milliseconds and 64 MiB for that time.
std::uint64_t MeasureCloneCost();

}  // namespace memwhy::recorder
