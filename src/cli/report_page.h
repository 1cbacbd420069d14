// SPDX-License-Identifier: Apache-2.0
//
// The HTML report of a diagnosed session, as `diagnose --html` and `report` write it.
#pragma once

#include <string>

#include "base/result.h"
#include "diagnose/session_diagnosis.h"
#include "session/reader.h"

namespace memwhy::cli {

Result<void> WriteReport(const session::Session& session,
                         const diagnose::SessionDiagnosis& diagnosis, const std::string& path);

// "" or why no verdict can be reached: nothing was recorded, and the reason.
std::string WhyNoVerdict(const model::Recording& recording);

}  // namespace memwhy::cli
