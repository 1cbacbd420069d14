// SPDX-License-Identifier: Apache-2.0
//
// The ledger of one account at one instant. Invariant: total == sum of shares' bytes +
// unattributed, exactly; total is the operating system's number from the same pass as the shares.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"

namespace memwhy::model {

struct Share {
  std::string layer;  // python, framework, extension, interpreter, native, device, system
  std::string name;   // "pymalloc in use"
  Bytes bytes = 0;
  Bytes owned = 0;  // of bytes: with a proven owner (findings.md)
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
