// SPDX-License-Identifier: Apache-2.0
//
// What kind of container a holder is, for the advice: a cache of functools needs another cure than
// the metrics of a client library. Told by the holder's path and the types in it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "analysis/case.h"
#include "analysis/finding.h"

namespace memwhy::analysis {

struct ContainerKind {
  const char* id = "py.container_growth";
  Kind kind = Kind::kUnboundedContainer;
  std::string fix;
};

// Whether a holder is where a queue has its work: what waits there has not begun, be it a
// coroutine.
bool IsWorkOfQueue(std::string_view holder, std::string_view owner_type);

// `finding` is complete but for id, kind and fix, and has a holder.
ContainerKind KindOfContainer(const Case& one, const Finding& finding);

}  // namespace memwhy::analysis
