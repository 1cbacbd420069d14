// SPDX-License-Identifier: Apache-2.0
#include "analysis/finding.h"

#include <fmt/core.h>

#include <cmath>

namespace memwhy::analysis {

std::string CountText(double count) {
  if (count >= 1000) return FormatCount(static_cast<std::uint64_t>(std::llround(count)));
  return fmt::format("{:.3g}", count);
}

const char* Name(Kind kind) {
  switch (kind) {
    case Kind::kLeakedReference:
      return "leaked_reference";
    case Kind::kLeakedBuffer:
      return "leaked_buffer";
    case Kind::kUncollectableCycle:
      return "uncollectable_cycle";
    case Kind::kCollectableCycleDebt:
      return "collectable_cycle_debt";
    case Kind::kUnboundedContainer:
      return "unbounded_container";
    case Kind::kBoundedCache:
      return "bounded_cache";
    case Kind::kRetainedGraph:
      return "retained_graph";
    case Kind::kUnreleasedGrowth:
      return "unreleased_growth";
    case Kind::kAllocatorRetention:
      return "allocator_retention";
    case Kind::kFragmentation:
      return "fragmentation";
    case Kind::kOsObject:
      return "os_object";
    case Kind::kCopyOnWrite:
      return "copy_on_write";
    case Kind::kDeviceRetention:
      return "device_retention";
    case Kind::kWorkloadPeak:
      return "workload_peak";
    case Kind::kMisconfiguration:
      return "misconfiguration";
    case Kind::kObserver:
      return "observer";
    case Kind::kInvalidMemoryUse:
      return "invalid_memory_use";
    case Kind::kUnexplained:
      return "unexplained";
  }
  return "unexplained";
}

const char* Name(Layer layer) {
  switch (layer) {
    case Layer::kPython:
      return "python";
    case Layer::kFramework:
      return "framework";
    case Layer::kExtension:
      return "extension";
    case Layer::kInterpreter:
      return "interpreter";
    case Layer::kNative:
      return "native";
    case Layer::kDevice:
      return "device";
    case Layer::kSystem:
      return "system";
  }
  return "system";
}

const char* Name(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "info";
    case Severity::kLow:
      return "low";
    case Severity::kMedium:
      return "medium";
    case Severity::kHigh:
      return "high";
  }
  return "info";
}

const char* Name(Confidence confidence) {
  switch (confidence) {
    case Confidence::kWeak:
      return "weak";
    case Confidence::kStrong:
      return "strong";
    case Confidence::kProven:
      return "proven";
  }
  return "weak";
}

const char* Name(VerdictWord word) {
  switch (word) {
    case VerdictWord::kGrowing:
      return "growing";
    case VerdictWord::kBloated:
      return "bloated";
    case VerdictWord::kRetained:
      return "retained";
    case VerdictWord::kPlateau:
      return "plateau";
    case VerdictWord::kStable:
      return "stable";
    case VerdictWord::kInconclusive:
      return "inconclusive";
  }
  return "inconclusive";
}

const char* Name(CheckResult result) {
  switch (result) {
    case CheckResult::kPass:
      return "pass";
    case CheckResult::kFail:
      return "fail";
    case CheckResult::kNotApplicable:
      return "not_applicable";
    case CheckResult::kCouldNot:
      return "could_not";
  }
  return "could_not";
}

}  // namespace memwhy::analysis
