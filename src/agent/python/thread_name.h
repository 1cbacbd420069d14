// SPDX-License-Identifier: Apache-2.0
//
// threading.Thread's name, read from the frame that runs the thread (Thread._bootstrap's `self`).
// Allocates: never.
#pragma once

#include "cpython/peek.h"

namespace memwhy::agent {

// The name as a str, of a thread whose outermost frame is `frame` and runs `code`; 0: it is
// not one of threading's. With the GIL held, or in a clone.
cpython::Address FindThreadName(cpython::Address frame, cpython::Address code) noexcept;

}  // namespace memwhy::agent
