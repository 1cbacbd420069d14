// SPDX-License-Identifier: Apache-2.0
#include "export/metrics/exposition.h"

#include <gtest/gtest.h>

#include <limits>

namespace memwhy::exports {
namespace {

TEST(Exposition, WritesAFamilyWithItsHelpAndType) {
  Exposition out;
  out.Family("memwhy_process_memory_bytes", MetricType::kGauge, "Resident memory.");
  out.Sample({{"layer", "python"}, {"kind", "pymalloc in use"}}, 4096);
  out.Sample({{"layer", "native"}, {"kind", "malloc in use"}}, 0.5);
  EXPECT_EQ(std::move(out).Finish(),
            "# HELP memwhy_process_memory_bytes Resident memory.\n"
            "# TYPE memwhy_process_memory_bytes gauge\n"
            "memwhy_process_memory_bytes{layer=\"python\",kind=\"pymalloc in use\"} 4096\n"
            "memwhy_process_memory_bytes{layer=\"native\",kind=\"malloc in use\"} 0.5\n");
}

TEST(Exposition, AnUnknownNumberIsNoSampleAndAFamilyWithoutSamplesIsNotThere) {
  Exposition out;
  out.Family("memwhy_limit_bytes", MetricType::kGauge, "Limit.");
  out.Sample(std::nullopt);
  EXPECT_EQ(std::move(out).Finish(), "");
}

TEST(Exposition, NamesOfATargetCannotBreakALine) {
  Exposition out;
  out.Family("memwhy_x", MetricType::kGauge, "a\nb\\");
  out.Sample({{"name", "q\"\\\n\x1b[31m\xff"}}, 1);
  EXPECT_EQ(std::move(out).Finish(),
            "# HELP memwhy_x a\\nb\\\\\n# TYPE memwhy_x gauge\n"
            "memwhy_x{name=\"q\\\"\\\\\\n?[31m\xef\xbf\xbd\"} 1\n");
}

TEST(Exposition, OpenMetricsNamesACounterWithoutItsSuffixAndEnds) {
  Exposition out(MetricFormat::kOpenMetrics);
  out.Family("memwhy_looks_total", MetricType::kCounter, "Looks.");
  out.Sample(std::numeric_limits<double>::infinity());
  EXPECT_EQ(std::move(out).Finish(),
            "# HELP memwhy_looks Looks.\n# TYPE memwhy_looks counter\n"
            "memwhy_looks_total +Inf\n# EOF\n");
}

TEST(Exposition, AHistogramHasItsInfinityBucketSumAndCount) {
  Exposition out;
  out.Family("memwhy_look_seconds", MetricType::kHistogram, "Looks.");
  const HistogramBucket buckets[] = {{0.1, 3}, {1, 5}};
  out.Histogram({{"kind", "a"}}, buckets, 6, 4.5);
  EXPECT_EQ(std::move(out).Finish(),
            "# HELP memwhy_look_seconds Looks.\n# TYPE memwhy_look_seconds histogram\n"
            "memwhy_look_seconds_bucket{kind=\"a\",le=\"0.1\"} 3\n"
            "memwhy_look_seconds_bucket{kind=\"a\",le=\"1\"} 5\n"
            "memwhy_look_seconds_bucket{kind=\"a\",le=\"+Inf\"} 6\n"
            "memwhy_look_seconds_sum{kind=\"a\"} 4.5\n"
            "memwhy_look_seconds_count{kind=\"a\"} 6\n");
}

TEST(Exposition, AFamilyIsBounded) {
  Exposition out;
  out.Family("memwhy_x", MetricType::kGauge, "Many.");
  for (std::size_t i = 0; i < Exposition::kMaxSeries + 7; ++i) {
    out.Sample({{"i", std::to_string(i)}}, 1);
  }
  EXPECT_EQ(out.left_out(), 7u);
}

TEST(Exposition, TheScrapeChoosesTheFormat) {
  EXPECT_EQ(Exposition::FormatFor("application/openmetrics-text;version=1.0.0,*/*;q=0.1"),
            MetricFormat::kOpenMetrics);
  EXPECT_EQ(Exposition::FormatFor("text/plain"), MetricFormat::kText);
}

}  // namespace
}  // namespace memwhy::exports
