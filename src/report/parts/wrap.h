// SPDX-License-Identifier: Apache-2.0
//
// Lines of text for a terminal. Pure.
#pragma once

#include <string>

namespace memwhy::report {

// Breaks `text` at spaces so that no line is longer than `width`, the first line behind `head`,
// the others indented by its length. Ends with a newline. Lengths are bytes.
std::string Wrap(const std::string& head, const std::string& text, std::size_t width = 80);

}  // namespace memwhy::report
