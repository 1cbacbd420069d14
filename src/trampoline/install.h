// SPDX-License-Identifier: Apache-2.0
//
// Puts our evaluator in front of the interpreter's (PEP 523), once, when the interpreter is ready:
// while it sets up its signal handlers, which every CPython does before it runs code of the
// program. Only the main interpreter; an evaluator that is there already stays behind ours.
// Context: any thread, from inside of sigaction. Where it cannot be done, the map file says why.
#pragma once

namespace memwhy::trampoline {

// Does nothing before the interpreter is there, and after the first time.
void InstallOnce() noexcept;

}  // namespace memwhy::trampoline
