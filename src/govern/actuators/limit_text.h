// SPDX-License-Identifier: Apache-2.0
//
// The words of a template for a knob that speaks text: arguments of a program, a request's body.
#pragma once

#include <cstdint>
#include <string>

namespace memwhy::govern {

// `text` with the limit in each place of "{{limit}}".
std::string FillLimit(std::string text, std::int64_t limit);

}  // namespace memwhy::govern
