// SPDX-License-Identifier: Apache-2.0
//
// memwhy.gate.baseline/1: a measurement as a file in the repository (docs/formats/gate.md). Pure
// but for the two that name a file.
#pragma once

#include <string>

#include "base/result.h"
#include "gate/measurement.h"

namespace memwhy::gate {

// Indented, so that a change of it can be reviewed.
std::string MeasurementText(const Measurement& measurement);
// `path` names the text in errors. What is no such document, or of another version, is an error.
Result<Measurement> ParseMeasurement(const std::string& path, const std::string& text);

Result<Measurement> ReadMeasurement(const std::string& path);

}  // namespace memwhy::gate
