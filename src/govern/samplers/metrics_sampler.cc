// SPDX-License-Identifier: Apache-2.0
#include <httplib.h>

#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/http_url.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "govern/samplers/sampler.h"

namespace memwhy::govern {
namespace {

constexpr std::uint64_t kOldNs = 2 * kSecond;
constexpr std::size_t kMaxMetricsBytes = 8 << 20;

class Metrics : public Sampler {
 public:
  Metrics(MetricsSource source, HttpUrl url)
      : source_(std::move(source)),
        url_(std::move(url)),
        thread_([this](const std::stop_token& stop) { Work(stop); }) {}

  SignalSample Sample() override {
    const std::lock_guard lock(mutex_);
    if (read_ns_ == 0 || RealClock().MonotonicNs() - read_ns_ > kOldNs) {
      SignalSample sample;
      sample.problem = problem_.empty() ? "no answer yet" : problem_;
      return sample;
    }
    return last_;
  }

 private:
  void Work(const std::stop_token& stop) {
    httplib::Client client(url_.origin);
    client.set_connection_timeout(1);
    client.set_read_timeout(1);
    client.set_keep_alive(true);
    while (!stop.stop_requested()) {
      std::string body;
      const auto answer = client.Get(url_.path.c_str(), [&](const char* data, std::size_t size) {
        body.append(data, size);
        return body.size() <= kMaxMetricsBytes;
      });
      std::unique_lock lock(mutex_);
      if (!answer) {
        problem_ = EscapeName(url_.host) + ": " + httplib::to_string(answer.error());
      } else if (answer->status != 200) {
        problem_ = EscapeName(url_.host) + " answered " + std::to_string(answer->status);
      } else {
        Take(body);
      }
      wake_.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
    }
  }

  void Take(const std::string& body) {
    SignalSample sample;
    const auto whole = [&](const std::string& name) -> std::optional<std::int64_t> {
      const auto value = name.empty() ? std::nullopt : SumOfMetric(body, name);
      if (!value || *value < 0 || *value > 1e9) return std::nullopt;
      return static_cast<std::int64_t>(*value);
    };
    sample.used = SumOfMetric(body, source_.used);
    if (!sample.used) sample.problem = "the server has no metric " + source_.used;
    char* end = nullptr;
    const double number = std::strtod(source_.limit.c_str(), &end);
    sample.limit = *end == '\0' ? std::optional(number) : SumOfMetric(body, source_.limit);
    if (!sample.limit) sample.problem = "the server has no metric " + source_.limit;
    sample.running = whole(source_.running);
    sample.waiting = whole(source_.waiting);
    last_ = std::move(sample);
    read_ns_ = RealClock().MonotonicNs();
  }

  MetricsSource source_;
  HttpUrl url_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable_any wake_;
  SignalSample last_;
  std::uint64_t read_ns_ = 0;
  std::string problem_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace

std::optional<double> SumOfMetric(std::string_view text, std::string_view selector) {
  const std::size_t brace = selector.find('{');
  const std::string_view name = selector.substr(0, brace);
  std::vector<std::string_view> wanted;
  if (brace != std::string_view::npos) {
    std::string_view inside = selector.substr(brace + 1);
    if (inside.ends_with('}')) inside.remove_suffix(1);
    for (const std::string_view one : Split(inside, ',')) wanted.push_back(Trim(one));
  }
  std::optional<double> sum;
  for (const std::string_view line : SplitLines(text)) {
    if (!line.starts_with(name) || line.size() <= name.size()) continue;
    const char next = line[name.size()];
    if (next != ' ' && next != '{' && next != '\t') continue;
    std::string_view rest = line.substr(name.size());
    std::string_view labels;
    if (next == '{') {
      const std::size_t close = rest.rfind('}');
      if (close == std::string_view::npos) continue;
      labels = rest.substr(1, close - 1);
      rest = rest.substr(close + 1);
    }
    bool matches = true;
    for (const std::string_view one : wanted) {
      // A label begins at the front or behind a comma.
      bool is_there = one.empty();
      for (std::size_t at = 0; !is_there && (at = labels.find(one, at)) != std::string_view::npos;
           ++at) {
        is_there = at == 0 || labels[at - 1] == ',';
      }
      matches &= is_there;
    }
    const auto fields = SplitFields(rest);
    if (!matches || fields.empty()) continue;
    const std::string number(fields[0]);
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (*end != '\0' || !std::isfinite(value)) continue;
    sum = sum.value_or(0) + value;
  }
  return sum;
}

Result<std::unique_ptr<Sampler>> MetricsSampler(const MetricsSource& source) {
  MEMWHY_TRY(HttpUrl url, ParseHttpUrl(source.url, "the metrics"));
  return std::make_unique<Metrics>(source, std::move(url));
}

}  // namespace memwhy::govern
