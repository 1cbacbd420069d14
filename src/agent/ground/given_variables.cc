// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/given_variables.h"

#include <unistd.h>

#include <cstring>

namespace memwhy::agent {

const char* const kVariablePrefixes[kVariables] = {
    "MEMWHY_SESSION=", "MEMWHY_POOL_BYTES=", "MEMWHY_FOLLOW=",
    "MEMWHY_MODES=",   "MEMWHY_TALLY=",      "MEMWHY_RINGS="};

namespace {

constexpr char kAgentFile[] = "libmemwhy_agent.so";

// Of the longest, a session's path.
char g_entries[kVariables][1024];
char g_agent_path[1024];

bool StartsWith(const char* text, const char* prefix) noexcept {
  return std::strncmp(text, prefix, std::strlen(prefix)) == 0;
}

const char* Find(const char* prefix) noexcept {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (StartsWith(*entry, prefix)) return *entry;
  }
  return nullptr;
}

// Whether this entry was added as a whole.
bool WasAdded(const char* entry, const char* letters) noexcept {
  if (StartsWith(entry, kAddedPrefix)) return true;
  if (StartsWith(entry, kPreloadPrefix)) return std::strchr(letters, kAddedPreload) != nullptr;
  for (int i = 0; i < kVariables; ++i) {
    if (StartsWith(entry, kVariablePrefixes[i])) {
      return std::strchr(letters, AddedLetter(i)) != nullptr;
    }
  }
  return false;
}

// "LD_PRELOAD=agent:rest" -> "LD_PRELOAD=rest", in place.
void TakeOutEntry(char* entry) noexcept {
  char* first = entry + std::strlen(kPreloadPrefix);
  char* rest = std::strchr(first, ':');
  if (rest != nullptr) std::memmove(first, rest + 1, std::strlen(rest + 1) + 1);
}

}  // namespace

void KeepVariables() noexcept {
  for (int i = 0; i < kVariables; ++i) {
    const char* entry = Find(kVariablePrefixes[i]);
    if (entry == nullptr || std::strlen(entry) >= sizeof(g_entries[i])) continue;
    std::memcpy(g_entries[i], entry, std::strlen(entry) + 1);
  }
  const char* preload = Find(kPreloadPrefix);
  if (preload == nullptr) return;
  const char* begin = nullptr;
  const char* end = preload + std::strlen(kPreloadPrefix);
  while (NextPreload(end, &begin, &end)) {
    const auto length = static_cast<std::size_t>(end - begin);
    if (!IsAgentEntry(begin, end) || length >= sizeof(g_agent_path)) continue;
    std::memcpy(g_agent_path, begin, length);
    g_agent_path[length] = 0;
    return;
  }
}

// The array's end stays where it is: behind it is the auxiliary vector, which some programs find
// that way. What stays moves towards it.
void HideAddedVariables() noexcept {
  const char* added = Find(kAddedPrefix);
  if (added == nullptr) return;
  const char* letters = added + std::strlen(kAddedPrefix);
  char** end = environ;
  while (*end != nullptr) ++end;
  char** kept = end;
  for (char** entry = end; entry != environ;) {
    --entry;
    if (WasAdded(*entry, letters)) continue;
    if (StartsWith(*entry, kPreloadPrefix) && std::strchr(letters, kAddedEntry) != nullptr) {
      TakeOutEntry(*entry);
    }
    *--kept = *entry;
  }
  environ = kept;
}

const char* GivenEntry(Variable variable) noexcept {
  return g_entries[variable][0] == 0 ? nullptr : g_entries[variable];
}

const char* GivenVariable(Variable variable) noexcept {
  const char* entry = GivenEntry(variable);
  return entry == nullptr ? nullptr : entry + std::strlen(kVariablePrefixes[variable]);
}

const char* AgentPath() noexcept { return g_agent_path; }

bool NextPreload(const char* from, const char** begin, const char** end) noexcept {
  while (*from == ':' || *from == ' ') ++from;
  if (*from == 0) return false;
  *begin = from;
  while (*from != 0 && *from != ':' && *from != ' ') ++from;
  *end = from;
  return true;
}

bool IsAgentEntry(const char* begin, const char* end) noexcept {
  constexpr std::size_t kLength = sizeof(kAgentFile) - 1;
  const auto length = static_cast<std::size_t>(end - begin);
  if (length < kLength || std::memcmp(end - kLength, kAgentFile, kLength) != 0) return false;
  return length == kLength || end[-static_cast<std::ptrdiff_t>(kLength) - 1] == '/';
}

}  // namespace memwhy::agent
