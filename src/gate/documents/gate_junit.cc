// SPDX-License-Identifier: Apache-2.0
#include "gate/documents/gate_junit.h"

#include <fmt/core.h>

#include <string_view>

#include "gate/documents/gate_text.h"
#include "gate/judge/amount_text.h"
#include "report/parts/html_text.h"

namespace memwhy::gate {
namespace {

struct Counts {
  std::size_t tests = 0;
  std::size_t failures = 0;
  std::size_t skipped = 0;
};

Counts CountsOf(const WorkloadResult& workload) {
  Counts counts;
  for (const BoundResult& bound : workload.bounds) {
    ++counts.tests;
    if (bound.state == State::kRegress) ++counts.failures;
    if (bound.state == State::kInconclusive || bound.state == State::kEnvMismatch) ++counts.skipped;
  }
  return counts;
}

std::string SamplesText(const std::vector<double>& samples) {
  std::string text;
  for (const double sample : samples) {
    text += (text.empty() ? "" : " ") + fmt::format("{:.10g}", sample);
  }
  return text;
}

std::string CaseXml(const WorkloadResult& workload, const BoundResult& bound) {
  std::string xml = fmt::format("    <testcase classname=\"memwhy.{}\" name=\"{}\" time=\"0\">",
                                XmlText(workload.name), XmlText(BoundTitle(bound)));
  if (bound.state == State::kRegress) {
    xml += fmt::format("\n      <failure message=\"{}\" type=\"{}\">{}\n",
                       XmlText(ChangeLine(bound)), StateName(bound.state), XmlText(bound.why));
    for (const StackSample& stack : bound.stacks) xml += XmlText(StackLine(stack)) + "\n";
    xml += "</failure>\n    ";
  } else if (bound.state == State::kInconclusive || bound.state == State::kEnvMismatch) {
    xml += fmt::format("\n      <skipped message=\"{}: {}\"/>\n    ", StateName(bound.state),
                       XmlText(bound.why));
  }
  return xml + "</testcase>\n";
}

std::string PropertyXml(const std::string& name, const std::string& value) {
  return fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", XmlText(name), XmlText(value));
}

// The numbers of a suite.
std::string PropertiesXml(const GateResult& result, const WorkloadResult& workload) {
  std::string xml = "    <properties>\n" + PropertyXml("state", StateName(workload.state));
  for (const BoundResult& bound : workload.bounds) {
    const std::string title = fmt::format("{}.{}", bound.metric->name, BoundName(bound.bound));
    xml += PropertyXml(title + ".state", StateName(bound.state));
    xml += PropertyXml(title + ".allowed", AllowedText(bound));
    if (!bound.baseline.empty())
      xml += PropertyXml(title + ".baseline", SamplesText(bound.baseline));
    xml += PropertyXml(title + ".candidate", SamplesText(bound.candidate));
  }
  for (const auto& [name, value] : result.fingerprint) xml += PropertyXml(name, value);
  return xml + "    </properties>\n";
}

std::string OutputXml(const WorkloadResult& workload) {
  std::string xml = "    <system-out>";
  for (const BoundResult& bound : workload.bounds) {
    xml += XmlText(fmt::format("{} {}: {}; {}\n", StateName(bound.state), BoundTitle(bound),
                               ChangeLine(bound), bound.why));
  }
  return xml + "</system-out>\n    <system-err></system-err>\n";
}

}  // namespace

std::string XmlText(std::string_view text) {
  std::string out = report::Escape(text);
  // U+FFFE and U+FFFF are UTF-8 but not XML; they are the only ones that Escape leaves.
  for (const char* bad : {"\xef\xbf\xbe", "\xef\xbf\xbf"}) {
    for (std::size_t at = 0; (at = out.find(bad, at)) != std::string::npos;) {
      out.replace(at, 3, "\xef\xbf\xbd");
    }
  }
  return out;
}

std::string GateJunit(const GateResult& result) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  int id = 0;
  for (const WorkloadResult& workload : result.workloads) {
    const Counts counts = CountsOf(workload);
    xml += fmt::format(
        "  <testsuite name=\"{}\" package=\"memwhy\" id=\"{}\" "
        "hostname=\"localhost\" tests=\"{}\" failures=\"{}\" errors=\"0\" "
        "skipped=\"{}\" time=\"0\" timestamp=\"{}\">\n",
        XmlText(workload.name), id++, counts.tests, counts.failures, counts.skipped,
        XmlText(result.made.substr(0, result.made.find('Z'))));
    xml += PropertiesXml(result, workload);
    for (const BoundResult& bound : workload.bounds) xml += CaseXml(workload, bound);
    xml += OutputXml(workload) + "  </testsuite>\n";
  }
  return xml + "</testsuites>\n";
}

}  // namespace memwhy::gate
