// SPDX-License-Identifier: Apache-2.0
//
// Sees every block of CPython's allocator domains (raw, mem, obj), through the interpreter's own
// PyMem_SetAllocator: with --objects, so that each Python object has its birth stack.
// The wrappers keep no state of their own. Blocks taken below them (malloc, arenas) are theirs.
#pragma once

namespace memwhy::agent {

// Installs the wrappers. Called once, before the interpreter starts; it keeps them (only
// PYTHONMALLOC and -X dev replace them).
void InstallObjectHook() noexcept;

}  // namespace memwhy::agent
