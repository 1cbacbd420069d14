// SPDX-License-Identifier: Apache-2.0
//
// The ledger of one account at one instant. Invariant: total == sum of shares' bytes +
// unattributed, exactly; total is the operating system's number from the same pass as the shares.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace memwhy::model {

// model/ledger/share_kind.h has the layer and the name of each.
enum class ShareKind : std::uint8_t {
  kOther,
  kPymallocInUse,
  kPymallocFree,
  kPymallocUnread,
  kMallocInUse,
  kMallocMapped,
  kMallocRetained,
  kMallocRetainedOrOlder,  // of a process that was not recorded from its start
  kMallocFreeInArenas,
  kMallocFreeOfThreads,
  kMallocFreeTop,
  kMallocUnwalked,
  kMallocUnread,
  kProgramMapping,
  kThreadStacks,
  kFiles,
  kLibraryData,
  kSharedMemory,
  kMemwhy,
  kAnonymousUnseen,
  kAnonymousUnread,
};

struct Share {
  std::string layer;  // python, framework, extension, interpreter, native, device, system
  std::string name;   // "pymalloc in use"
  Bytes bytes = 0;
  Bytes owned = 0;  // of bytes: with a proven owner (findings.md)
  ShareKind kind = ShareKind::kOther;
};

struct Ledger {
  std::string account;  // rss, cgroup
  std::string at;       // start, end, or ""
  double time = 0;
  Bytes total = 0;
  std::vector<Share> shares;
  SignedBytes unattributed = 0;
  std::string note;  // "" or what limits the account, a sentence
};

}  // namespace memwhy::model
