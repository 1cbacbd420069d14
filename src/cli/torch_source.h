// SPDX-License-Identifier: Apache-2.0
//
// What memwhy tensors and heap autograd look at: a dump with its facts of PyTorch, from a file, the
// last one of a session, or taken now of a live process, and the recording that knows the births.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/heap/open_dump.h"
#include "cli/open_births.h"
#include "model/heap/torch_facts.h"

namespace memwhy::cli {

struct TorchSource {
  std::unique_ptr<OpenedDump> dump;
  model::TorchFacts facts;
  std::string session;  // that was found or given; "": none
  std::optional<OpenedBirths> births;

  // What a block that begins at each of `addresses` was allocated by; empty without a recording.
  std::vector<std::optional<report::ShownBirth>> FindBirths(
      const std::vector<std::uint64_t>& addresses) const;
};

struct TorchSourceError {
  int exit_code = 0;
  std::string message;
};

// `target`: PID, DUMP or SESSION. `session`: "" finds it by the process. The error says the exit
// code: 2 for what is no dump, 3 where the process has no torch, or one whose layout is not known.
std::unique_ptr<TorchSource> OpenTorchSource(const std::string& target, const std::string& session,
                                             TorchSourceError* error);

}  // namespace memwhy::cli
