// SPDX-License-Identifier: Apache-2.0
//
// blocks.mwy of an unknown writer: Open, Replay, statistics. The input is frames
// (session_frames.h).
#include "check_session.h"
#include "session/temporary_directory.h"
#include "session_frames.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memwhy;
  static const session::TemporaryDirectory directory;
  fuzz::SessionFile file;
  for (const std::string_view frame : fuzz::SplitFrames(fuzz::AsText(data, size))) file.Add(frame);
  fuzz::WriteFile(directory / session::kBlocksFile, file.bytes());
  fuzz::CheckSession(directory / "");
  return 0;
}
