// SPDX-License-Identifier: Apache-2.0
//
// memwhy.gclog/1 (docs/formats/gclog.md). A log may list many millions of objects, so they come
// first and are written one by one while the log is read. Call Begin, Object for each, End. One
// thread.
#pragma once

#include <string>

#include "analysis/gc_summary.h"
#include "model/gc_log.h"
#include "report/views/stats_json.h"

namespace memwhy::report {

class GcLogJson {
 public:
  explicit GcLogJson(Sink sink);
  // `file` as the command line names it.
  void Begin(const std::string& file);
  void Object(const model::GcObject& object);
  // `damage` says why the log was not read to its end; "" when it was.
  void End(const model::GcLog& log, const analysis::GcSummary& summary, const std::string& damage);

 private:
  Sink sink_;
  std::string line_;
  bool has_objects_ = false;
};

}  // namespace memwhy::report
