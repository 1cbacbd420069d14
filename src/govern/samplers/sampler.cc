// SPDX-License-Identifier: Apache-2.0
#include "govern/samplers/sampler.h"

#include <algorithm>

#include "base/strings.h"
#include "govern/kv/page_reader.h"
#include "os/cgroup.h"

namespace memwhy::govern {
namespace {

SignalSample Missing(std::string problem) {
  SignalSample sample;
  sample.problem = std::move(problem);
  return sample;
}

class Host : public Sampler {
 public:
  explicit Host(const FileSystem& fs) : fs_(fs) {}
  SignalSample Sample() override {
    const auto text = fs_.ReadSmall("/proc/meminfo");
    if (!text) return Missing(text.error().message());
    const auto total = Find(*text, "MemTotal:");
    const auto available = Find(*text, "MemAvailable:");
    if (!total || !available) return Missing("/proc/meminfo has no MemTotal or no MemAvailable");
    SignalSample sample;
    sample.limit = *total;
    sample.used = std::max(0.0, *total - *available);
    return sample;
  }

 private:
  // In KiB.
  static std::optional<double> Find(std::string_view text, std::string_view key) {
    for (const std::string_view line : SplitLines(text)) {
      if (!line.starts_with(key)) continue;
      const auto fields = SplitFields(line);
      const auto value = fields.size() < 2 ? std::nullopt : ParseUint(fields[1]);
      if (value) return static_cast<double>(*value) * 1024;
    }
    return std::nullopt;
  }

  const FileSystem& fs_;
};

class Cgroup : public Sampler {
 public:
  Cgroup(const FileSystem& fs, std::function<Result<std::string>()> directory)
      : fs_(fs), directory_(std::move(directory)) {}
  SignalSample Sample() override {
    if (!location_) {
      const auto directory = directory_();
      if (!directory) return Missing(directory.error().message());
      const auto location = os::LocateCgroup(fs_, *directory);
      if (!location) return Missing(location.error().message());
      location_ = *location;
    }
    const auto memory = os::ReadCgroupMemory(fs_, *location_);
    if (!memory) return Missing(memory.error().message());
    SignalSample sample;
    sample.oom_kills = memory->oom_kill;
    if (!memory->usage) return Missing(location_->directory + " says no usage");
    const Bytes file = std::min(memory->inactive_file.value_or(0), *memory->usage);
    sample.used = static_cast<double>(*memory->usage - file);
    if (memory->limit) {
      sample.limit = static_cast<double>(*memory->limit);
    } else {
      sample.problem = location_->directory + " and what is above it have no memory limit";
    }
    return sample;
  }

 private:
  const FileSystem& fs_;
  std::function<Result<std::string>()> directory_;
  std::optional<os::CgroupLocation> location_;
};

class Pool : public Sampler {
 public:
  explicit Pool(std::string path) : path_(std::move(path)) {}
  SignalSample Sample() override {
    const auto view = ReadPage(path_);
    if (!view) return Missing(path_ + ": " + view.error().message());
    if (!view->is_alive) return Missing(path_ + ": the process that publishes it has ended");
    SignalSample sample;
    sample.used = static_cast<double>(view->state.stats.held);
    sample.limit = static_cast<double>(view->state.stats.capacity);
    std::int64_t running = 0;
    for (const TenantAccount& tenant : view->state.tenants) {
      running += static_cast<std::int64_t>(std::min<std::uint64_t>(tenant.requests, INT32_MAX));
    }
    if (running > 0) sample.running = running;
    return sample;
  }

 private:
  std::string path_;
};

}  // namespace

std::unique_ptr<Sampler> HostSampler(const FileSystem& fs) { return std::make_unique<Host>(fs); }

std::unique_ptr<Sampler> CgroupSampler(const FileSystem& fs,
                                       std::function<Result<std::string>()> directory) {
  return std::make_unique<Cgroup>(fs, std::move(directory));
}

std::unique_ptr<Sampler> PoolSampler(std::string path) {
  return std::make_unique<Pool>(std::move(path));
}

}  // namespace memwhy::govern
