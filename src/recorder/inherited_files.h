// SPDX-License-Identifier: Apache-2.0
//
// Files that this program was started with belong to the target once it runs: what it closes shall
// be closed, for who reads the other end of a pipe or waits for a lock. One thread.
#pragma once

namespace memwhy::recorder {

// Before anything is opened: standard files that are closed get a place holder, which an exec
// closes, so that no other file comes to be there.
void ReserveStandardFiles();

// Replaces standard input, and standard output unless it is kept, by /dev/null, and closes the
// other files that an exec would pass on. Standard error stays for our last words.
void LetGoOfInheritedFiles(bool keeps_stdout);

}  // namespace memwhy::recorder
