// SPDX-License-Identifier: Apache-2.0
//
// Reads what `perf script` prints, with the fields that it prints by itself:
//   COMM PID[/TID] [CPU] SECONDS: [PERIOD] EVENT: [frame]   begins a sample
//   <blanks> ADDRESS SYMBOL[+OFFSET] (FILE)                 one frame, leaf first
// An empty line ends the sample. Lines that begin with '#' are left out. Any bytes are fine.
// Memory: kMaxLine of a line, kMaxFrames of a stack, kMaxStacks different stacks; what is beyond is
// counted. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "model/perf_profile.h"

namespace memwhy::readers {

class PerfScriptReader {
 public:
  static constexpr std::size_t kMaxLine = std::size_t{64} << 10;
  static constexpr std::size_t kMaxFrames = 1024;
  static constexpr std::size_t kMaxStacks = 200'000;

  // The next bytes of the text, cut anywhere.
  void Feed(std::string_view bytes);

  // Call once, after the last Feed.
  model::PerfScript Finish();

 private:
  void Line(std::string_view line);
  bool Head(std::string_view line);
  bool Frame(std::string_view line);
  void EndSample();

  model::PerfScript script_;
  std::string line_;
  bool is_line_long_ = false;
  bool is_in_sample_ = false;
  std::string event_;
  std::vector<model::NativeFrame> frames_;
};

}  // namespace memwhy::readers
