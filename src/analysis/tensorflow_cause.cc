// SPDX-License-Identifier: Apache-2.0
#include "analysis/tensorflow_cause.h"

#include <algorithm>
#include <string_view>

#include "base/strings.h"

namespace memwhy::analysis {
namespace {

constexpr double kMost = 0.5;  // of a suspect's survivors, by bytes

constexpr std::string_view kTracing = "/polymorphic_function/tracing_compilation.py";
constexpr std::string_view kSavedModelLoad = "/tensorflow/python/saved_model/load.py";
constexpr std::string_view kKerasLoad = "/src/saving/saving_api.py";
constexpr std::string_view kLoadLayer = "/src/export/tfsm_layer.py";

bool IsLoad(const model::Frame& frame) {
  if (EndsWith(frame.file, kSavedModelLoad) || EndsWith(frame.file, kLoadLayer)) return true;
  return EndsWith(frame.file, kKerasLoad) && Contains(frame.function, "load_model");
}

bool IsTrace(const model::Frame& frame) { return EndsWith(frame.file, kTracing); }

bool HasFrame(const Case& one, model::StackId stack, bool (*is_wanted)(const model::Frame&)) {
  for (model::StackId at = stack; one.stacks.has_frames(at); at = one.stacks.parent(at)) {
    if (is_wanted(one.stacks.leaf(at))) return true;
  }
  return false;
}

// Whether most survivors of the suspect were allocated below such a frame. Of pooled objects alone,
// by the objects whose birth is recorded.
bool MostBelow(const Case& one, const Suspect& suspect, bool (*is_wanted)(const model::Frame&)) {
  double all = 0;
  double wanted = 0;
  for (const auto* stacks : {&suspect.stacks, &suspect.in_step}) {
    for (const GrowingStack& stack : *stacks) {
      const auto bytes = static_cast<double>(stack.row->survivor_bytes);
      all += bytes;
      if (HasFrame(one, stack.row->stack, is_wanted)) wanted += bytes;
    }
  }
  if (all == 0) {
    for (const TypeGrowth* type : suspect.types) {
      for (const auto& [stack, objects] : type->makers.stacks) {
        const auto count = static_cast<double>(objects);
        all += count;
        if (HasFrame(one, stack, is_wanted)) wanted += count;
      }
    }
  }
  return all > 0 && wanted >= kMost * all;
}

bool PathHas(const Suspect& suspect, std::string_view step) {
  const auto& path = suspect.holder->path;
  return std::any_of(path.begin(), path.end(),
                     [&](const std::string& one) { return StartsWith(one, step); });
}

}  // namespace

TensorFlowCause TensorFlowCauseOf(const Case& one, const Suspect& suspect) {
  if (!suspect.losses.empty()) return TensorFlowCause::kNone;
  if (suspect.holder) {
    const std::string& holder = suspect.holder->holder_text;
    if (StartsWith(holder, "tensorflow.") && Contains(holder, "gradient_registry")) {
      return TensorFlowCause::kGradients;
    }
    if (PathHas(suspect, "._py_funcs_used_in_graph") || PathHas(suspect, ".ag_dnc_wrapper__")) {
      return TensorFlowCause::kPyFunctions;
    }
    if (Contains(holder, "._function_cache") ||
        EndsWith(suspect.holder->holder_type, ".FunctionCache") ||
        EndsWith(suspect.holder->holder_type, "polymorphic_function.Function")) {
      return TensorFlowCause::kRetrace;
    }
  }
  if (MostBelow(one, suspect, IsLoad)) return TensorFlowCause::kLoads;
  if (MostBelow(one, suspect, IsTrace)) {
    return suspect.holder ? TensorFlowCause::kFunctionsAgain : TensorFlowCause::kRetrace;
  }
  return TensorFlowCause::kNone;
}

bool UsesTensorFlow(const Case& one) {
  const auto is_one = [](const model::Frame& frame) {
    return StartsWith(frame.module, "tensorflow.") || Contains(frame.file, "/tensorflow/python/");
  };
  return std::any_of(
      one.view.stacks.begin(), one.view.stacks.end(),
      [&](const model::StackGrowth& row) { return HasFrame(one, row.stack, is_one); });
}

}  // namespace memwhy::analysis
