// SPDX-License-Identifier: Apache-2.0
//
// The shares of a ledger that rules and other code tell apart: each has one layer and one name.
// Who asks what a share is compares its kind, never its name; a share that is named only when it
// is seen (an allocator, a library) is kOther.
#pragma once

#include <cstdint>

#include "model/ledger/ledger.h"

namespace memwhy::model {

struct ShareTitle {
  const char* layer;
  const char* name;
};

ShareTitle TitleOf(ShareKind kind);  // of kOther: empty texts

// `owned` is cut to `bytes`.
Share MakeShare(ShareKind kind, Bytes bytes, Bytes owned);

// Whether an allocator keeps these bytes free, all of them.
bool IsFreeButKept(ShareKind kind);

}  // namespace memwhy::model
