// SPDX-License-Identifier: Apache-2.0
//
// Reads the page of another process's pool (pool_page.h), of a process that works or is dead. What
// the file says is not trusted: it is read, never mapped, and every number is checked. Any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "govern/kv/pool_state.h"

namespace memwhy::govern {

struct PageView {
  PoolState state;
  bool is_alive = false;  // the process that writes it still runs
};

// Error: no such file, no page, a page of another version, or a writer that was never quiet.
Result<PageView> ReadPage(const std::string& path);

}  // namespace memwhy::govern
