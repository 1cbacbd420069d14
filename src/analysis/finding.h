// SPDX-License-Identifier: Apache-2.0
//
// A finding is a claim with its proof; a verdict is the answer of a whole session. Plain data with
// the fields of findings.json (schema memwhy.findings/1), which every view of a verdict prints.
// Unknown is std::nullopt, never 0. Severity kInfo blames nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/experiment.h"
#include "analysis/growth.h"
#include "base/bytes.h"
#include "model/frame.h"
#include "model/ids.h"

namespace memwhy::analysis {

enum class Kind : unsigned char {
  kLeakedReference,
  kLeakedBuffer,
  kUncollectableCycle,
  kCollectableCycleDebt,
  kUnboundedContainer,
  kBoundedCache,
  kRetainedGraph,
  kUnreleasedGrowth,
  kAllocatorRetention,
  kFragmentation,
  kOsObject,
  kCopyOnWrite,
  kDeviceRetention,
  kWorkloadPeak,
  kMisconfiguration,
  kObserver,
  kInvalidMemoryUse,
  kUnexplained,
};
enum class Layer : unsigned char {
  kPython,
  kFramework,
  kExtension,
  kInterpreter,
  kNative,
  kDevice,
  kSystem,
};
enum class Severity : unsigned char { kInfo, kLow, kMedium, kHigh };
enum class Confidence : unsigned char { kWeak, kStrong, kProven };
enum class VerdictWord : unsigned char {
  kGrowing,
  kBloated,
  kRetained,
  kPlateau,
  kStable,
  kInconclusive,
};
enum class CheckResult : unsigned char { kPass, kFail, kNotApplicable, kCouldNot };

// The words of findings.json.
const char* Name(Kind kind);
const char* Name(Layer layer);
const char* Name(Severity severity);
const char* Name(Confidence confidence);
const char* Name(VerdictWord word);
const char* Name(CheckResult result);

// "99.8", "8,190": a number of operations, for people.
std::string CountText(double count);

struct What {
  std::string type;  // of the objects that accumulate; "" when unknown
  std::optional<std::uint64_t> count;
  std::optional<double> references_per_operation;
};

// The application's line: the innermost frame that is neither the standard library's nor an
// installed package's. The whole stack follows, leaf first.
struct WhoAllocated {
  std::string module;
  std::string callable;
  std::string native_function;  // below the line, in C; "" where C frames were not recorded
  std::string native_library;   // whose function it is: "libfast.so"
  std::string file;
  int line = 0;
  std::vector<model::Frame> stack;
  bool is_truncated = false;
};

struct WhoHolds {
  std::vector<std::string> path;  // root first
  std::string text;
  std::string root;
  std::string holder;       // "app.CACHE": what a fix would bound
  std::string holder_type;  // "dict"
  std::optional<std::uint64_t> holder_length;
  std::string element_type;  // what is put into it: "method" of callbacks; "" not known
  std::string owner_type;    // whose attribute it is: "queue.Queue"; "" not known
  bool invisible_to_gc = false;
  std::optional<WhoAllocated> filled_by;  // the statement that last enlarged the holder
};

struct Evidence {
  std::string says;
  double value = 0;
  std::string unit;
  std::string source;
};

struct NextStep {
  std::string command;
  std::string why;
};

// A second stack that a finding speaks of: who freed the block, who allocated it.
struct RelatedStack {
  std::string says;
  std::vector<model::Frame> stack;
};

// What a process has of a finding.
struct FindingProcess {
  std::uint32_t pid = 0;
  double growth_bytes_per_second = 0;
  Bytes bytes_at_stake = 0;
};

struct Finding {
  std::string id;  // of the rule
  std::string title;
  Layer layer = Layer::kPython;
  Layer bytes_layer = Layer::kNative;
  Kind kind = Kind::kUnexplained;
  Severity severity = Severity::kInfo;
  Confidence confidence = Confidence::kWeak;
  Bytes bytes_at_stake = 0;
  double growth_bytes_per_second = 0;
  std::optional<double> growth_bytes_per_operation;
  std::optional<double> share_of_growth;  // 0 .. 1
  What what;
  std::optional<WhoAllocated> who_allocated;
  std::optional<WhoHolds> who_holds;
  std::vector<Evidence> evidence;
  std::string would_disprove;
  std::string prediction;
  NextStep next_step;
  std::string fix;
  std::vector<FindingProcess> processes;  // most growth first; of a single process one
  std::vector<RelatedStack> related;
  std::vector<Outcome> outcomes;  // of experiments
};

struct Check {
  std::string id;
  CheckResult result = CheckResult::kNotApplicable;
  std::string why;
};

// How one process of a recording came out.
struct ProcessRow {
  model::ProcessId process;
  std::uint32_t pid = 0;
  std::optional<std::uint32_t> parent;
  std::string command;
  std::string role;                 // "worker 2 of 2, started by PID 4711"; "" of the only one
  std::optional<VerdictWord> word;  // nullopt: not judged
  std::string why;                  // why it was not judged, or what is missing
  double growth_bytes_per_second = 0;
  std::optional<Bytes> rss_start;  // of its window
  std::optional<Bytes> rss_end;
  double from = 0;  // its window
  double to = 0;
  bool has_heap_dump = false;
};

// A finding that somebody accepts (suppressions.h).
struct Suppressed {
  Finding finding;
  std::string reason;
  int line = 0;  // of the file that says so
};

struct Verdict {
  VerdictWord word = VerdictWord::kInconclusive;
  std::string summary;
  std::vector<Finding> findings;  // most growth first
  std::vector<Suppressed> suppressed;
  std::vector<Check> checks;
  Growth live;  // of all live bytes
  Growth rss;   // bins is 0 when there were no samples
  double window_from = 0;
  double window_to = 0;
  std::uint64_t operations = 0;
  std::string operation_name;                   // "request"; "" without marks
  std::optional<double> operations_per_second;  // nullopt without marks
  std::optional<double> wanted_seconds;         // kInconclusive: a recording so long would tell
  model::ProcessId process;                     // whose numbers these are
  double growth_rate = 0;                       // bytes per second: of all that grows
  std::string missing;                          // kInconclusive for lack of data: what is missing
  std::optional<Bytes> limit;                   // of the cgroup, with what is charged of it
  std::optional<Bytes> charged;
  std::vector<Experiment> experiments;  // in their order
  std::vector<ProcessRow> processes;    // of a recording with several, most growth first
};

}  // namespace memwhy::analysis
