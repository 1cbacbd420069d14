// SPDX-License-Identifier: Apache-2.0
//
// One recording from start to end: makes the session, starts the target, drains the rings of all
// its processes, samples the operating system, asks for heap dumps, closes the session. Used by
// `run` and `diagnose`. Invariant: what can go wrong before the target starts is an error of Start
// and the target was not run; after that the target runs to its end, whatever happens to the
// recording. One thread; one Runner at a time (signals).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "recorder/dump/heap_dump.h"
#include "recorder/dump/heap_request.h"
#include "recorder/folder.h"

namespace memwhy::recorder {

struct RunOptions {
  std::string session;            // directory to make, NAME.mwy
  std::vector<std::string> argv;  // the program as given
  std::string follow = "fork";    // none, fork, all
  bool redacts = false;           // keys, names and arguments become tokens (wire/redaction.h)
  bool is_native = false;         // C frames as well
  bool has_objects = false;       // every Python object's memory, not only arenas
  // SIGINT and SIGTERM mean stop (diagnose) and are not passed on to the target (run).
  bool signals_interrupt = false;
  bool keeps_stdout = false;  // diagnose prints there; otherwise it is the program's alone
  FoldPolicy fold;            // how the session stays small; by default every event is kept
};

// A CPython that is being recorded.
struct RecordedProcess {
  std::uint32_t process = 0;  // its number in the session
  pid_t pid = 0;
  Bytes rss = 0;
};

// What was done to a process when somebody asked for it (agent/entry/intervention.h).
struct InterventionOutcome {
  double predicted_ms = 0;
  double pause_ms = 0;  // measured; 0 in a prediction
  std::string answer;   // of the agent, in words
};
// Called once, before it is done.
using OnIntervention = std::function<void(const InterventionOutcome&)>;

struct ExitStatus {
  bool is_signal = false;
  int number = 0;     // exit code or signal
  std::string ended;  // exit:N, signal:N, oom
};

class Runner {
 public:
  static Result<std::unique_ptr<Runner>> Start(RunOptions options);
  // A runner that goes without Finish terminates the target.
  ~Runner();

  enum class Stop { kDeadline, kTargetEnded, kInterrupted };
  // Records until then; forever without a deadline (infinity).
  Result<Stop> RunUntil(double seconds_from_start);

  // The processes that are being recorded, as they began.
  std::vector<RecordedProcess> Processes() const;
  // A heap dump of a process, a file in the session. `blocks`: the live native blocks behind
  // its objects. `scans`: with a search of all memory for what holds the objects whose references
  // do not add up. An error, which the session notes as well, costs the dump and nothing else. Goes
  // on recording meanwhile.
  Result<HeapDumpOutcome> TakeHeapDump(std::uint32_t process, std::span<const NativeBlock> blocks,
                                       bool scans, double max_pause_ms,
                                       const OnPrediction& on_prediction = {});
  // Has a process record its small objects from here on; all processes no more: an object period of
  // the session. Goes on recording meanwhile. An error: why there is none, or why one ended early.
  Result<void> BeginObjects(std::uint32_t process);
  Result<void> EndObjects();
  // Does `what` to a process, between two passes over its address space: an intervention of the
  // session. An error, which the session notes as well: it was not done, and why. Goes on recording
  // meanwhile.
  Result<InterventionOutcome> Intervene(std::uint32_t process, const std::string& what,
                                        double max_pause_ms,
                                        const OnIntervention& on_prediction = {});
  // A pass over the address space of each recorded process, now.
  Result<void> MapsPass(const std::string& at);
  // The window that a diagnosis looks at, seconds from the start.
  Result<void> SetWindow(double from, std::optional<double> to);
  // Puts everything that is known into the session file, so that it can be opened now.
  Result<void> Flush();

  enum class StopTarget { kLetRun, kTerminate };  // SIGTERM, 10 s of grace, SIGKILL
  Result<ExitStatus> Finish(StopTarget how);

  double Elapsed() const;              // seconds from the session's start
  const std::string& session() const;  // absolute path
  pid_t child() const;                 // the program started; the recorded one may be a child of it
  // Whether a process is being recorded (a CPython with a working agent).
  bool IsRecording() const;
  // "" or why nothing, or no more, is recorded; fit for people.
  std::string Trouble() const;
  // "" or which processes of the tree are not recorded; fit for people.
  std::string Unseen() const;

 private:
  class Impl;
  explicit Runner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace memwhy::recorder
