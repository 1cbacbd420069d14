// SPDX-License-Identifier: Apache-2.0
//
// What python/memwhy/_tf_loads.py has counted in a program that loads models of TensorFlow: totals
// around each load, after each clean-up, and addresses of what is left. Filled by
// probes/tensorflow, shown by report.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace memwhy::model {

// Totals of the process at one instant, or differences of two.
struct TfCounts {
  std::int64_t functions = 0;          // of the runtime
  std::int64_t graphdef_bytes = 0;     // of their definitions
  std::int64_t handles = 0;            // of resources
  std::int64_t objects = 0;            // that Python's collector knows
  std::optional<std::int64_t> malloc;  // bytes in use; nullopt: the libc does not tell
  std::int64_t rss = 0;                // bytes
};

TfCounts Difference(const TfCounts& before, const TfCounts& after);

struct TfLoad {
  std::string loader;  // "tf.saved_model.load"
  TfCounts before;
  TfCounts after;
};

struct TfCleanup {
  std::string what;               // "gc.collect"
  std::optional<TfCounts> after;  // nullopt: the program has nothing of the kind
};

// What the loads have left, by kind, as addresses of a heap dump taken at that moment.
struct TfLook {
  std::string when;  // "end" of the script, "after" all clean-ups
  std::vector<std::pair<std::string, std::vector<std::uint64_t>>> survivors;
  std::string trouble;  // why there is no dump; ""
};

struct TfLoads {
  std::int64_t exit_status = 0;                            // of the script
  std::string tensorflow;                                  // version; "": it was not imported
  std::vector<std::pair<std::string, std::string>> keras;  // package, version
  std::uint64_t failed = 0;                                // loads that raised
  std::string error;                                       // why nothing could be counted; ""
  std::vector<TfLoad> loads;
  TfCounts end;  // of the script, before the first clean-up
  std::vector<TfCleanup> cleanups;
  std::vector<TfLook> looks;
};

}  // namespace memwhy::model
