// SPDX-License-Identifier: Apache-2.0
//
// Where the governor's numbers come from. Invariant: what could not be read is nullopt, never 0 and
// never an old number. Called once a tick by the supervisor's thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "base/result.h"

namespace memwhy::govern {

struct SignalSample {
  std::optional<double> used;
  std::optional<double> limit;
  std::optional<std::int64_t> running;
  std::optional<std::int64_t> waiting;
  std::optional<std::uint64_t> oom_kills;
  std::string problem;  // why a number is missing; "" if none is
};

class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual SignalSample Sample() = 0;
};

// MemTotal and MemAvailable. `fs` outlives the sampler, here and below.
std::unique_ptr<Sampler> HostSampler(const FileSystem& fs);

// Charge without the page cache that goes first, against the least limit up to the root.
// `directory` is asked for until it gives one: a program may not have been started yet.
std::unique_ptr<Sampler> CgroupSampler(const FileSystem& fs,
                                       std::function<Result<std::string>()> directory);

// Held blocks of a pool that its process publishes, against its capacity.
std::unique_ptr<Sampler> PoolSampler(std::string path);

struct MetricsSource {
  std::string url;
  std::string used;     // a metric's name, or NAME{label="value"}: the sum over what matches
  std::string limit;    // the same, or a number
  std::string running;  // "": none
  std::string waiting;
};
// Of a server's Prometheus endpoint. It asks in a thread of its own, so that a slow server does not
// hold the governor up; an answer older than two seconds is no answer.
Result<std::unique_ptr<Sampler>> MetricsSampler(const MetricsSource& source);

// The sum over the samples of text format 0.0.4 that match; nullopt if none does.
std::optional<double> SumOfMetric(std::string_view text, std::string_view selector);

}  // namespace memwhy::govern
