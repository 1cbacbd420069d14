// SPDX-License-Identifier: Apache-2.0
//
// What is said when an exception comes up to main: no text of a library's. Below the command line
// errors are values, so it is lack of memory, or a fault of ours.
#pragma once

namespace memwhy::cli {

// In a handler: says what happened and returns the exit code.
int FailByException();

// For std::set_terminate: an exception that nobody can catch (another thread's).
[[noreturn]] void EndByException();

}  // namespace memwhy::cli
