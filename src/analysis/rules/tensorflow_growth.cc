// SPDX-License-Identifier: Apache-2.0
//
// tf.retrace, tf.functions_orphaned and tf.rebuild_loop: functions of TensorFlow that grow.
#include <fmt/core.h>

#include <string>

#include "analysis/application_frame.h"
#include "analysis/describe.h"
#include "analysis/rules/rules.h"
#include "analysis/tensorflow_cause.h"
#include "base/strings.h"

namespace memwhy::analysis {
namespace {

// "app.handle (app.py:42)", who makes them.
std::string MakerText(const Finding& finding) {
  return finding.who_allocated ? CallableText(*finding.who_allocated) : "the program";
}

// How many functions there were in the two heap dumps, where both were taken.
void AddFunctionCounts(const Case& one, Finding& finding) {
  if (one.holders == nullptr) return;
  for (const TypeGrowth& type : one.holders->types) {
    const bool is_function = EndsWith(type.type, "concrete_function.ConcreteFunction") ||
                             EndsWith(type.type, "func_graph.FuncGraph") ||
                             EndsWith(type.type, "polymorphic_function.Function");
    if (!is_function || type.after <= type.before) continue;
    finding.evidence.push_back(
        {fmt::format("{} objects: {} before, {} after", type.type.substr(type.type.rfind('.') + 1),
                     FormatCount(type.before), FormatCount(type.after)),
         static_cast<double>(type.after - type.before), "objects", "two heap graphs"});
  }
}

// "The tf.function app.score" of a holder app.score._function_cache._primary.
std::string FunctionText(const Suspect& suspect) {
  if (!suspect.holder) return "A tf.function";
  const std::string& holder = suspect.holder->holder_text;
  const std::size_t end = holder.find("._function_cache");
  return end == std::string::npos ? "A tf.function" : "The tf.function " + holder.substr(0, end);
}

// What to do about the arguments that differ; `names` are theirs.
std::string RetraceFix(const RetracedArgument& retraced, const std::string& names) {
  if (retraced.is_python_value) {
    return fmt::format(
        "Pass {} as a tensor (tf.constant or tf.convert_to_tensor at the caller), not as a Python "
        "value.",
        names);
  }
  return fmt::format(
      "Give {} a fixed shape: an input_signature with None where it differs, or "
      "reduce_retracing=True; keep one object where it is an object.",
      names);
}

void DescribeRetrace(const Case& one, const Suspect& suspect, Finding& finding) {
  finding.id = "tf.retrace";
  finding.title =
      fmt::format("{} that {} calls is traced again and again{}: +{}", FunctionText(suspect),
                  MakerText(finding), finding.who_holds ? ", and its cache keeps each trace" : "",
                  RateText(one, finding));
  finding.fix =
      "memwhy.tf.text(), called in the process, names the argument that differs. Pass a tensor "
      "instead of a Python number or string; fix the shape by an input_signature with None, or "
      "reduce_retracing=True; keep one object for an argument that is an object.";
  if (suspect.holder && suspect.holder->retraced) {
    const RetracedArgument& retraced = *suspect.holder->retraced;
    std::string names;
    for (const std::string& name : retraced.names) names += (names.empty() ? "" : " or ") + name;
    finding.fix = RetraceFix(retraced, names);
    finding.evidence.insert(
        finding.evidence.begin(),
        {fmt::format("{} traces differ by the argument {}: {} distinct {}",
                     FormatCount(retraced.traces), names, FormatCount(retraced.distinct),
                     retraced.is_python_value ? "Python values" : "shapes, types or structures"),
         static_cast<double>(retraced.distinct), "types of the argument", "heap graph"});
  }
  finding.would_disprove =
      "experimental_get_tracing_count() of the tf.function stays the same in a longer window.";
}

void DescribeGradients(const Case& one, Finding& finding) {
  finding.id = "tf.functions_orphaned";
  finding.title = fmt::format(
      "The registry of custom gradients keeps the graph of each function that {} traces: +{}",
      MakerText(finding), RateText(one, finding));
  finding.fix =
      "Nothing empties this registry, clear_session neither. Trace once: make the tf.function, or "
      "the model with its fit, outside of the loop, or do the work in a child process.";
  finding.would_disprove =
      "memwhy.tf.report()[\"gradient_registry\"][\"custom\"] stays the same in a longer window.";
}

void DescribePyFunctions(const Case& one, Finding& finding) {
  finding.id = "tf.functions_orphaned";
  finding.title = fmt::format("Each trace with a tf.py_function below {} is kept for good: +{}",
                              MakerText(finding), RateText(one, finding));
  finding.fix =
      "The default graph of the process and the Python function itself keep what tf.py_function "
      "has made. Trace once, outside of the loop; tf.compat.v1.reset_default_graph() and a new "
      "Python function free it.";
  finding.would_disprove =
      "memwhy.tf.report()[\"py_functions\"][\"live\"] stays the same in a longer window.";
}

// A holder of so few entries cannot keep each: what came before is garbage that waits, in cycles.
constexpr std::uint64_t kFewestKept = 3;

void DescribeRebuild(const Case& one, bool loads, Finding& finding) {
  finding.id = "tf.rebuild_loop";
  const char* what = loads ? "loads a model" : "makes a tf.function, or a model with some,";
  if (finding.who_holds && finding.who_holds->holder_length.value_or(kFewestKept) < kFewestKept) {
    finding.who_holds = std::nullopt;
    finding.kind = Kind::kUnreleasedGrowth;
    finding.confidence = Confidence::kWeak;
  }
  finding.title =
      finding.who_holds
          ? fmt::format("{} {} again and again, and {} keeps each: +{}", MakerText(finding), what,
                        HolderText(*finding.who_holds), RateText(one, finding))
          : fmt::format(
                "{} {} again and again: +{}; who holds it is not proven, it may wait for a full "
                "collection",
                MakerText(finding), what, RateText(one, finding));
  finding.fix =
      loads ? "Load once, where the process starts, and share the model; or drop the one before: "
              "its functions go with the next full collection, not with clear_session."
            : "Make it once, outside of the loop; or drop the one before and let a full collection "
              "run.";
  finding.would_disprove = "memwhy.tf.counts()[\"functions\"] stays the same in a longer window.";
  if (loads) {
    finding.next_step = {"memwhy tf loads -- SCRIPT",
                         "shows what each load adds, what frees it and who holds it"};
  }
}

Finding DescribeTensorFlow(const Case& one, const Suspect& suspect) {
  Finding finding = DescribeSuspect(one, suspect);
  finding.layer = Layer::kFramework;
  finding.kind = finding.who_holds ? Kind::kUnboundedContainer : Kind::kUnreleasedGrowth;
  switch (TensorFlowCauseOf(one, suspect)) {
    case TensorFlowCause::kNone:
    case TensorFlowCause::kRetrace:
      DescribeRetrace(one, suspect, finding);
      break;
    case TensorFlowCause::kGradients:
      DescribeGradients(one, finding);
      break;
    case TensorFlowCause::kPyFunctions:
      DescribePyFunctions(one, finding);
      break;
    case TensorFlowCause::kLoads:
      DescribeRebuild(one, true, finding);
      break;
    case TensorFlowCause::kFunctionsAgain:
      DescribeRebuild(one, false, finding);
      break;
  }
  AddFunctionCounts(one, finding);
  return finding;
}

}  // namespace

RuleOutcome CheckTensorFlow(const Case& one) {
  RuleOutcome outcome = BlameSuspects(one,
                                      {.rule = SuspectRule::kTensorFlow,
                                       .id = "tf.functions",
                                       .passed = "no functions of TensorFlow grow"},
                                      DescribeTensorFlow);
  if (outcome.findings.empty() && !UsesTensorFlow(one)) {
    outcome.check.result = CheckResult::kNotApplicable;
    outcome.check.why = "no stack of TensorFlow in the window";
  }
  return outcome;
}

}  // namespace memwhy::analysis
