// SPDX-License-Identifier: Apache-2.0
//
// The C ABI that the Python package calls. Versioned: a new meaning gets a new name.
#include <cerrno>

#include "agent/capture/recording.h"
#include "agent/capture/stream.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "agent/ground/export.h"
#include "agent/ground/pending_request.h"

using namespace memwhy::agent;  // NOLINT: C symbols

extern "C" {

MEMWHY_EXPORT std::uint32_t memwhy_abi_version(void) { return 1; }

// 1 while this process is being recorded.
MEMWHY_EXPORT int memwhy_enabled(void) { return CurrentMode() == kModeRecording ? 1 : 0; }

// Records that `count` operations named `name` (NUL-terminated UTF-8, cut at 64 bytes) are done.
// 0: recorded; 1: not recording, or no room (counted as lost). Any thread.
MEMWHY_EXPORT int memwhy_mark(const char* name, std::uint64_t count) {
  if (name == nullptr) return 1;
  const int saved = errno;
  ThreadState* t = RecordingThread();
  bool recorded = false;
  if (t != nullptr) {
    ++t->depth;
    recorded = WriteMark(*t, TicksBefore(), name, count);
    NoticeRequest();
    --t->depth;
  }
  errno = saved;
  return recorded ? 0 : 1;
}

}  // extern "C"
