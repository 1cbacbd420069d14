// SPDX-License-Identifier: Apache-2.0
//
// Whether keys and names of this process are replaced by tokens (wire/redaction.h) before they are
// written anywhere (--redact): always, or in the dump that is being taken. The key comes from the
// recorder, so that all processes of a session have the same; a process that was recorded without
// it makes one of the random bytes that the kernel gave its program, and keeps it. It is in memory
// only. Context: any thread; changed before the walk of a dump begins.  Allocates: never.
#pragma once

#include <cstddef>

#include "wire/redaction.h"

namespace memwhy::agent {

struct Redaction {
  bool is_on = false;    // for all that this process writes
  bool in_dump = false;  // for the dump that is taken now
  bool has_key = false;
  wire::RedactionKey key;
};
extern Redaction g_redaction;

// Once, at the start.
void ReadRedaction() noexcept;

// Before a dump: whether it is redacted.
void PrepareRedactedDump(bool is_asked) noexcept;

}  // namespace memwhy::agent
