// SPDX-License-Identifier: Apache-2.0
//
// Metrics as text that Prometheus scrapes: the text format 0.0.4, or OpenMetrics 1.0. Invariant:
// what is written can be parsed, whatever stands in a label's value; each family is written once,
// with its help and its type before its samples. An unknown number is no sample, never 0. A family
// has at most kMaxSeries of them, so that a target's names cannot flood a server: what is beyond is
// counted in `left_out`. Called by `memwhy serve` and the governor. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace memwhy::exports {

enum class MetricFormat : std::uint8_t { kText, kOpenMetrics };
// A counter's name ends with _total, in both formats.
enum class MetricType : std::uint8_t { kGauge, kCounter, kHistogram };

using Labels = std::vector<std::pair<std::string_view, std::string>>;

struct HistogramBucket {
  double upper = 0;         // inclusive; the bucket of +Inf is `count` of the whole
  std::uint64_t count = 0;  // of all values up to here
};

class Exposition {
 public:
  static constexpr std::size_t kMaxSeries = 1000;

  explicit Exposition(MetricFormat format = MetricFormat::kText) : format_(format) {}

  // Samples that follow are of this family. `name` and the labels' names are ours: letters, digits
  // and underscores.
  void Family(std::string_view name, MetricType type, std::string_view help);
  void Sample(const Labels& labels, std::optional<double> value);
  void Sample(std::optional<double> value) { Sample({}, value); }
  // Of a histogram: buckets by `upper`.
  void Histogram(const Labels& labels, std::span<const HistogramBucket> buckets,
                 std::uint64_t count, double sum);

  std::size_t left_out() const { return left_out_; }
  // The whole text. Nothing may be added afterwards.
  std::string Finish() &&;

  // For the header Content-Type.
  static std::string_view ContentType(MetricFormat format);
  // By the header Accept of a scrape.
  static MetricFormat FormatFor(std::string_view accept);

 private:
  bool HasRoom();
  void Line(std::string_view suffix, const Labels& labels, std::string_view value);

  MetricFormat format_;
  MetricType type_ = MetricType::kGauge;
  std::string name_;
  std::string header_;  // of the family, until its first sample
  std::string text_;
  std::size_t series_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace memwhy::exports
