// SPDX-License-Identifier: Apache-2.0
//
// The variables by which the recorder reaches the agents: kept from the start of the process, so
// that they are there for the programs that it executes, whatever becomes of its environment. What
// an exec had to add for us (exec_environment.h) is taken out of `environ` again: the program sees
// the environment that it was given.
#pragma once

#include <cstddef>

namespace memwhy::agent {

enum Variable : int { kSession, kPoolBytes, kFollow, kModes, kTally, kRings, kVariables };

// "MEMWHY_SESSION=", ...
extern const char* const kVariablePrefixes[kVariables];
inline constexpr char kPreloadPrefix[] = "LD_PRELOAD=";
// Which ones an exec added, by letter (AddedLetter); kAddedPreload: LD_PRELOAD as a whole,
// kAddedEntry: our entry in front of the program's own.
inline constexpr char kAddedPrefix[] = "MEMWHY_ADDED=";
inline constexpr char kAddedPreload = 'P';
inline constexpr char kAddedEntry = 'p';
constexpr char AddedLetter(int variable) noexcept { return static_cast<char>('0' + variable); }

// Context: the constructor, before anything else of us reads the environment.
void KeepVariables() noexcept;
// Context: the constructor, when nothing reads the environment any more. Allocates: never.
void HideAddedVariables() noexcept;

// The value, or null where it was not given.
const char* GivenVariable(Variable variable) noexcept;
// The same with its name: "MEMWHY_FOLLOW=all".
const char* GivenEntry(Variable variable) noexcept;
// Our entry of LD_PRELOAD; "" when the agent came in another way.
const char* AgentPath() noexcept;

// A step through the entries of an LD_PRELOAD: the next one's begin and end, at or behind `from`.
// False: there is none.
bool NextPreload(const char* from, const char** begin, const char** end) noexcept;
// Whether an entry of LD_PRELOAD is this agent, or another copy of it.
bool IsAgentEntry(const char* begin, const char* end) noexcept;

}  // namespace memwhy::agent
