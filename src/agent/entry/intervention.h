// SPDX-License-Identifier: Apache-2.0
//
// What a diagnosis may do to the program when it is asked to (RequestKind::kIntervene): collect
// garbage, give free pages of malloc back, empty the caches of PyTorch. Predicted first, by a
// request of its own. Called by the thread that serves a request; what runs Python code runs on an
// ordinary thread of the target, which ends before the request does: finalizers may run on it, and
// what they allocate and release is the program's own.
#pragma once

#include <cstdint>

namespace memwhy::agent {

struct InterventionResult {
  bool is_done = false;
  std::uint64_t ns = 0;  // predicted, or measured
  char answer[256] = "";
  char error[256] = "";  // why it was not done
};

// `name`: gc, trim, empty_cache, dynamo_reset.
InterventionResult PredictIntervention(const char* name) noexcept;
InterventionResult Intervene(const char* name) noexcept;

}  // namespace memwhy::agent
