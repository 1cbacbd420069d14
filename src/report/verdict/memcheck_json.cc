// SPDX-License-Identifier: Apache-2.0
#include "report/verdict/memcheck_json.h"

#include "report/verdict/findings_json.h"

namespace memwhy::report {

Json MemcheckJson(const model::Recording& recording, const analysis::MemcheckVerdict& verdict) {
  Json findings = Json::array();
  for (const analysis::Finding& finding : verdict.findings) {
    findings.push_back(FindingJson(finding));
  }
  Json out;
  out["schema"] = "memwhy.findings/1";
  out["session"] = SessionJson(recording);
  out["verdict"] = nullptr;
  out["summary"] = verdict.summary;
  out["ledgers"] = Json::array();
  out["findings"] = std::move(findings);
  out["checks"] = ChecksJson(verdict.checks);
  return out;
}

}  // namespace memwhy::report
