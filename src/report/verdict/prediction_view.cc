// SPDX-License-Identifier: Apache-2.0
#include "report/verdict/prediction_view.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "report/parts/wrap.h"

namespace memwhy::report {

std::string PredictionsText(const std::vector<analysis::PredictionCheck>& checks) {
  if (checks.empty()) return "NOTHING PREDICTED  No finding blames something that grows.\n";
  std::string text;
  for (const analysis::PredictionCheck& one : checks) {
    std::string result = Name(one.result);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    text += Wrap(result + "  ", one.why + ".");
    text += Wrap("  ", one.title + ".");
  }
  return text;
}

Json PredictionsJson(const model::Recording& recording, const model::Recording& later,
                     const std::vector<analysis::PredictionCheck>& checks) {
  const auto whole = [](double value) { return static_cast<std::int64_t>(std::llround(value)); };
  Json list = Json::array();
  for (const analysis::PredictionCheck& one : checks) {
    list.push_back(Json{{"id", one.id},
                        {"title", one.title},
                        {"unit", one.unit},
                        {"predicted", whole(one.predicted)},
                        {"measured", one.measured ? Json(whole(*one.measured)) : Json(nullptr)},
                        {"result", Name(one.result)},
                        {"why", one.why}});
  }
  return Json{{"schema", "memwhy.predictions/1"},
              {"session", SessionJson(recording)},
              {"later", SessionJson(later)},
              {"predictions", std::move(list)}};
}

}  // namespace memwhy::report
