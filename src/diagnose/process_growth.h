// SPDX-License-Identifier: Apache-2.0
//
// Which processes of a running tree grow: from their resident memory, noted once in a while. Tells
// whose heap is worth a dump. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "recorder/runner.h"

namespace memwhy::diagnose {

class ProcessGrowth {
 public:
  // What is recorded now, as the processes began.
  void Note(double time, std::span<const recorder::RecordedProcess> processes);

  // Of the processes of the last note, at most `max` that have grown since `since`, most growth
  // first. When none has, the first one.
  std::vector<recorder::RecordedProcess> Growing(double since, std::size_t max) const;
  // How many have grown since then.
  std::size_t CountGrowing(double since) const;

 private:
  struct Point {
    double time;
    Bytes rss;
  };
  // 0: not so that it matters.
  Bytes Rise(std::uint32_t process, double since) const;

  std::map<std::uint32_t, std::vector<Point>> points_;
  std::vector<recorder::RecordedProcess> last_;
};

}  // namespace memwhy::diagnose
