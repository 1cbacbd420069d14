// SPDX-License-Identifier: Apache-2.0
//
// A terminal that shows lines and gives keys: ncurses, which writes only what changed, so nothing
// flickers. The terminal is as before when it is gone. NO_COLOR is obeyed. One thread, one at a
// time.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/result.h"
#include "monitor/top_screen.h"

namespace memwhy::monitor {

class Terminal {
 public:
  // Error: stdin or stdout is no terminal, or TERM names one without a movable cursor.
  static Result<Terminal> Open();
  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal();

  std::size_t width() const;
  std::size_t height() const;
  void Show(const std::vector<ScreenLine>& lines);
  // The next key (TopView's numbers) within the time, nullopt without one. A change of size is a
  // key, too (kResized).
  std::optional<int> WaitKey(int milliseconds);
  static constexpr int kResized = -3;

 private:
  explicit Terminal(void* screen) : screen_(screen) {}
  void* screen_;  // ncurses' SCREEN
};

}  // namespace memwhy::monitor
