// SPDX-License-Identifier: Apache-2.0
//
// Sees pymalloc take and give back arenas, through the interpreter's own arena allocator interface,
// and lists live ones in the ring file for readers outside (ring.h: arena table).
// The wrappers keep no state of their own and run under the GIL, as the interpreter calls them.
#pragma once

namespace memwhy::agent {

void InstallArenaHook() noexcept;

}  // namespace memwhy::agent
