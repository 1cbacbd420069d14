// SPDX-License-Identifier: Apache-2.0
//
// A part of a memory cgroup's charge that grows all through a window: shared memory, kernel memory.
// The cgroup may have more processes than the one that is judged, so a finding about it is said
// once, whoever is judged. Pure.
#pragma once

#include <string>

#include "analysis/case.h"
#include "analysis/finding.h"
#include "analysis/growth.h"
#include "analysis/sample_series.h"

namespace memwhy::analysis {

struct CgroupPart {
  Growth growth;
  Bytes now = 0;
  Bytes charge = 0;  // of the cgroup
};

// nullopt: not read all through the window.
std::optional<CgroupPart> JudgeCgroupPart(const Case& one, const SampleNumber& number);

// With everything but title, fix and what is the rule's own.
Finding DescribeCgroupPart(const Case& one, const CgroupPart& part, const char* id,
                           const std::string& name);

}  // namespace memwhy::analysis
