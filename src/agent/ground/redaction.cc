// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/redaction.h"

#include <sys/auxv.h>

#include <cstring>

#include "agent/ground/given_variables.h"

namespace memwhy::agent {

Redaction g_redaction;

void ReadRedaction() noexcept {
  const char* modes = GivenVariable(kModes);
  const char* found = modes == nullptr ? nullptr : std::strstr(modes, wire::kRedactMode);
  if (found == nullptr) return;
  g_redaction.is_on = true;
  g_redaction.has_key =
      wire::ParseRedactionKey(found + sizeof(wire::kRedactMode) - 1, &g_redaction.key);
  PrepareRedactedDump(true);
}

void PrepareRedactedDump(bool is_asked) noexcept {
  g_redaction.in_dump = g_redaction.is_on || is_asked;
  if (!g_redaction.in_dump || g_redaction.has_key) return;
  // No system call: there may be a filter.
  const auto* random = reinterpret_cast<const unsigned char*>(getauxval(AT_RANDOM));
  if (random != nullptr) std::memcpy(&g_redaction.key, random, sizeof(g_redaction.key));
  g_redaction.has_key = true;
}

}  // namespace memwhy::agent
