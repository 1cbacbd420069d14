// SPDX-License-Identifier: Apache-2.0
//
// "About this capture": how it was taken, what it cost, what was lost. Pure.
#pragma once

#include <string>

#include "model/recording.h"

namespace memwhy::report {

std::string AboutHtml(const model::Recording& recording);

}  // namespace memwhy::report
