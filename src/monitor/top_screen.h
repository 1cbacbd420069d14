// SPDX-License-Identifier: Apache-2.0
//
// The screen of `memwhy top` as lines of text with a style each, for a terminal of any size. Names
// are escaped. Pure.
#pragma once

#include <string>
#include <vector>

#include "monitor/top_view.h"

namespace memwhy::monitor {

enum class LineStyle : std::uint8_t { kPlain, kHead, kSelected, kWarning, kDim };

struct ScreenLine {
  std::string text;
  LineStyle style = LineStyle::kPlain;
};

struct ScreenHead {
  std::string clock;    // "12:34:56"
  double interval = 1;  // seconds between looks
};

// Never more than `height` lines, none with more than `width` characters.
std::vector<ScreenLine> DrawTop(const TopView& view, const ScreenHead& head, std::size_t width,
                                std::size_t height);

}  // namespace memwhy::monitor
