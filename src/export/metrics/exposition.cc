// SPDX-License-Identifier: Apache-2.0
#include "export/metrics/exposition.h"

#include <fmt/core.h>

#include <cmath>

#include "base/check.h"
#include "base/strings.h"
#include "export/text.h"

namespace memwhy::exports {
namespace {

constexpr std::string_view kCounterSuffix = "_total";

std::string ValueText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  // The shortest text that reads back as the same number.
  return fmt::format("{}", value);
}

// In both formats a backslash and a line break are escaped, in a label's value the quote as well.
std::string Escape(std::string_view text, bool has_quotes) {
  std::string escaped;
  for (const char c : ValidUtf8(text)) {
    if (c == '\\') {
      escaped += "\\\\";
    } else if (c == '\n') {
      escaped += "\\n";
    } else if (c == '"' && has_quotes) {
      escaped += "\\\"";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      escaped += '?';  // no control character is of use in a name
    } else {
      escaped += c;
    }
  }
  return escaped;
}

const char* Name(MetricType type) {
  switch (type) {
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kCounter:
      return "counter";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "untyped";
}

}  // namespace

void Exposition::Family(std::string_view name, MetricType type, std::string_view help) {
  MEMWHY_CHECK(type != MetricType::kCounter || EndsWith(name, kCounterSuffix));
  name_ = name;
  type_ = type;
  series_ = 0;
  // OpenMetrics names a counter's family without the suffix of its samples.
  std::string family = name_;
  if (format_ == MetricFormat::kOpenMetrics && type == MetricType::kCounter) {
    family.resize(family.size() - kCounterSuffix.size());
  }
  const bool has_quotes = format_ == MetricFormat::kOpenMetrics;
  header_ = fmt::format("# HELP {} {}\n# TYPE {} {}\n", family, Escape(help, has_quotes), family,
                        Name(type));
}

bool Exposition::HasRoom() {
  if (series_ >= kMaxSeries) {
    ++left_out_;
    return false;
  }
  ++series_;
  text_ += header_;
  header_.clear();
  return true;
}

void Exposition::Line(std::string_view suffix, const Labels& labels, std::string_view value) {
  text_ += name_;
  text_ += suffix;
  char before = '{';
  for (const auto& [name, label] : labels) {
    text_ += fmt::format("{}{}=\"{}\"", before, name, Escape(label, true));
    before = ',';
  }
  if (before == ',') text_ += '}';
  text_ += fmt::format(" {}\n", value);
}

void Exposition::Sample(const Labels& labels, std::optional<double> value) {
  if (!value || !HasRoom()) return;
  Line("", labels, ValueText(*value));
}

void Exposition::Histogram(const Labels& labels, std::span<const HistogramBucket> buckets,
                           std::uint64_t count, double sum) {
  if (!HasRoom()) return;
  const auto bucket = [&](const std::string& upper, std::uint64_t values) {
    Labels with_upper = labels;
    with_upper.emplace_back("le", upper);
    Line("_bucket", with_upper, fmt::format("{}", values));
  };
  for (const HistogramBucket& each : buckets) bucket(ValueText(each.upper), each.count);
  bucket("+Inf", count);
  Line("_sum", labels, ValueText(sum));
  Line("_count", labels, fmt::format("{}", count));
}

std::string Exposition::Finish() && {
  if (format_ == MetricFormat::kOpenMetrics) text_ += "# EOF\n";
  return std::move(text_);
}

std::string_view Exposition::ContentType(MetricFormat format) {
  return format == MetricFormat::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

MetricFormat Exposition::FormatFor(std::string_view accept) {
  return accept.find("application/openmetrics-text") != std::string_view::npos
             ? MetricFormat::kOpenMetrics
             : MetricFormat::kText;
}

}  // namespace memwhy::exports
