// SPDX-License-Identifier: Apache-2.0
#include "analysis/memcheck_findings.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "analysis/memcheck_stack.h"
#include "base/strings.h"
#include "model/cython_name.h"

namespace memwhy::analysis {
namespace {

constexpr Bytes kMuchLost = Bytes{1} << 20;
constexpr int kFirstImmortal = 12;  // CPython 3.12 never frees interned strings

enum class ErrorClass : unsigned char {
  kLost,
  kPossiblyLost,
  kInvalidWrite,
  kInvalidRead,
  kInvalidFree,
  kUninitialised,
  kOther,
};

ErrorClass ClassOf(const std::string& kind) {
  if (kind == "Leak_DefinitelyLost" || kind == "Leak_IndirectlyLost") return ErrorClass::kLost;
  if (kind == "Leak_PossiblyLost") return ErrorClass::kPossiblyLost;
  if (kind == "InvalidWrite") return ErrorClass::kInvalidWrite;
  if (kind == "InvalidRead" || kind == "InvalidJump") return ErrorClass::kInvalidRead;
  if (kind == "InvalidFree" || kind == "MismatchedFree") return ErrorClass::kInvalidFree;
  if (StartsWith(kind, "Uninit") || kind == "SyscallParam") return ErrorClass::kUninitialised;
  return ErrorClass::kOther;
}

bool IsLeak(ErrorClass error) {
  return error == ErrorClass::kLost || error == ErrorClass::kPossiblyLost;
}

// An error with its merged stacks.
struct ErrorCase {
  ErrorClass error = ErrorClass::kOther;
  const MemcheckProcess* process = nullptr;
  std::string says;
  Bytes bytes = 0;
  std::uint64_t blocks = 0;
  std::uint64_t count = 0;
  MergedStack stack;
  std::vector<std::pair<std::string, MergedStack>> related;
};

std::string KeyOf(const ErrorCase& one) {
  return fmt::format("{}\n{}", static_cast<int>(one.error), StackKey(one.stack));
}

std::vector<ErrorCase> CasesOf(const MemcheckProcess& process) {
  std::vector<ErrorCase> cases;
  for (const model::MemcheckError& error : process.run.errors) {
    if (error.kind == "Leak_StillReachable" || error.stacks.empty()) continue;
    ErrorCase one;
    one.error = ClassOf(error.kind);
    one.process = &process;
    one.says = error.says;
    one.bytes = error.leaked_bytes.value_or(0);
    one.blocks = error.leaked_blocks.value_or(0);
    one.count = error.count;
    one.stack = MergeMemcheckStack(error.stacks.front().frames, process.stubs);
    for (std::size_t i = 1; i < error.stacks.size(); ++i) {
      one.related.emplace_back(error.stacks[i].says,
                               MergeMemcheckStack(error.stacks[i].frames, process.stubs));
    }
    cases.push_back(std::move(one));
  }
  return cases;
}

struct Seen {
  Bytes bytes = 0;
  std::uint64_t blocks = 0;
};

// Takes what the baseline has away; what is left of a leak has fewer bytes.
std::size_t Subtract(std::vector<ErrorCase>* cases,
                     std::unordered_map<std::string, Seen> baseline) {
  const std::size_t before = cases->size();
  std::erase_if(*cases, [&](ErrorCase& one) {
    const auto found = baseline.find(KeyOf(one));
    if (found == baseline.end()) return false;
    if (!IsLeak(one.error)) return true;
    Seen& seen = found->second;
    if (one.blocks <= seen.blocks) {
      seen.blocks -= one.blocks;
      seen.bytes -= std::min(seen.bytes, one.bytes);
      return true;
    }
    one.blocks -= seen.blocks;
    one.bytes -= std::min(seen.bytes, one.bytes);
    seen = {};
    return false;
  });
  return before - cases->size();
}

bool IsPython(const MergedFrame& one) { return one.frame.language == model::Language::kPython; }

// The innermost frame of an extension that no Python function called from inside it hides.
// A helper that Cython adds is not it where the function that calls it is known.
const MergedFrame* ExtensionFrame(const MergedStack& stack) {
  const MergedFrame* helper = nullptr;
  for (const MergedFrame& one : stack.frames) {
    if (IsPython(one)) break;
    if (one.owner != NativeOwner::kExtension) continue;
    if (!model::IsCythonHelper(one.frame.function)) return &one;
    if (helper == nullptr) helper = &one;
  }
  return helper;
}

const MergedFrame* LeafFrame(const MergedStack& stack) {
  return stack.frames.empty() || IsPython(stack.frames.front()) ? nullptr : &stack.frames.front();
}

const MergedFrame* PythonFrame(const MergedStack& stack) {
  const auto found = std::find_if(stack.frames.begin(), stack.frames.end(), IsPython);
  return found == stack.frames.end() ? nullptr : &*found;
}

// Where the mistake is: for an uninitialised value the place that made it.
const MergedStack& GuiltyStack(const ErrorCase& one) {
  if (one.error != ErrorClass::kUninitialised || ExtensionFrame(one.stack) != nullptr) {
    return one.stack;
  }
  for (const auto& [says, stack] : one.related) {
    if (ExtensionFrame(stack) != nullptr) return stack;
  }
  return one.stack;
}

// What an extension makes while it is imported is made once. The import system calls an extension
// from one function only.
bool IsInitialisation(const MergedStack& stack) {
  for (const MergedFrame& one : stack.frames) {
    if (IsPython(one)) {
      return one.frame.function == "_call_with_frames_removed" &&
             StartsWith(one.frame.file, "<frozen importlib");
    }
    if (StartsWith(one.frame.function, "PyInit_") ||
        (one.frame.language == model::Language::kCython && one.frame.function == "<module>")) {
      return true;
    }
  }
  return false;
}

// The function of the interpreter's API that made the block for the extension; "" for none.
std::string_view ApiFunction(const MergedStack& stack) {
  for (const MergedFrame& one : stack.frames) {
    if (IsPython(one) || one.owner == NativeOwner::kExtension) return "";
    if (one.owner == NativeOwner::kInterpreter) return one.frame.function;
  }
  return "";
}

// An object, not plain memory.
bool MakesObject(std::string_view api) {
  return !api.empty() && !StartsWith(api, "PyMem_") && !StartsWith(api, "_PyMem_");
}

int MinorOf(const std::string& version) {
  const std::vector<std::string_view> parts = Split(version, '.');
  return parts.size() < 2 ? 0 : static_cast<int>(ParseUint(parts[1]).value_or(0));
}

std::string PlaceText(const model::Frame& frame) {
  if (frame.file.empty()) return frame.module;
  const std::string_view file = Basename(frame.file);
  return frame.line > 0 ? fmt::format("{}:{}", file, frame.line) : std::string(file);
}

std::string NativeText(const MergedFrame& one) {
  const std::string name = one.frame.function.empty() ? "code without symbols" : one.frame.function;
  return fmt::format("{} ({})", name, PlaceText(one.frame));
}

// "called by inner (app.py)".
std::string CalledBy(const MergedFrame* python) {
  if (python == nullptr) return "";
  return fmt::format(", called by {} ({})", python->frame.function, PlaceText(python->frame));
}

std::vector<model::Frame> FramesOf(const MergedStack& stack) {
  std::vector<model::Frame> frames;
  for (const MergedFrame& one : stack.frames) frames.push_back(one.frame);
  return frames;
}

WhoAllocated WhoOf(const MergedStack& stack) {
  WhoAllocated who;
  const MergedFrame* native = ExtensionFrame(stack);
  if (native == nullptr) native = LeafFrame(stack);
  if (native != nullptr) {
    who.native_function = native->frame.function;
    who.module = native->frame.module;
    who.file = native->frame.file;
    who.line = native->frame.line;
  }
  if (const MergedFrame* python = PythonFrame(stack)) who.callable = python->frame.function;
  who.stack = FramesOf(stack);
  who.is_truncated = !stack.is_exact;
  return who;
}

// Errors with one cause: the same class at the same place, from the same Python lines.
struct Group {
  std::vector<const ErrorCase*> cases;
  Bytes bytes = 0;
  std::uint64_t blocks = 0;
  std::uint64_t count = 0;
};

std::string GroupKey(const ErrorCase& one) {
  const MergedStack& stack = GuiltyStack(one);
  std::string key = fmt::format("{}", static_cast<int>(one.error));
  if (IsLeak(one.error)) return key + StackKey(stack);
  bool is_outside = false;
  for (const MergedFrame& frame : stack.frames) {
    if (&frame == ExtensionFrame(stack)) is_outside = true;
    if (is_outside || ExtensionFrame(stack) == nullptr) {
      key += fmt::format("\n{}|{}|{}|{}", frame.frame.function, frame.frame.module,
                         frame.frame.file, frame.frame.line);
    }
  }
  return key;
}

struct ClassWords {
  const char* id;
  const char* verb;  // "X VERB"
  const char* fix;
};

ClassWords WordsOf(ErrorClass error) {
  switch (error) {
    case ErrorClass::kLost:
    case ErrorClass::kPossiblyLost:
      return {"memcheck.lost", "lost", "Free the block on every way out of the function"};
    case ErrorClass::kInvalidWrite:
      return {"memcheck.invalid_write", "writes to memory that is not its own",
              "Keep the write inside of a live block"};
    case ErrorClass::kInvalidRead:
      return {"memcheck.invalid_read", "reads memory that is not its own",
              "Read only from live blocks, inside of their size"};
    case ErrorClass::kInvalidFree:
      return {"memcheck.invalid_free", "frees what is no block, or by another allocator's function",
              "Free each block once, by the function that belongs to its allocator"};
    case ErrorClass::kUninitialised:
      return {"memcheck.uninitialised", "uses memory that was never set",
              "Set the memory before it is used"};
    case ErrorClass::kOther:
      return {"memcheck.other", "makes an error", "See what valgrind says"};
  }
  return {"memcheck.other", "makes an error", ""};
}

void AddEvidence(const Group& group, Finding* finding) {
  const ErrorCase& first = *group.cases.front();
  for (const ErrorCase* one : group.cases) {
    finding->evidence.push_back({.says = one->says,
                                 .value = IsLeak(one->error) ? static_cast<double>(one->bytes)
                                                             : static_cast<double>(one->count),
                                 .unit = IsLeak(one->error) ? "bytes" : "times",
                                 .source = "valgrind memcheck"});
  }
  const MergedStack& stack = GuiltyStack(first);
  if (const MergedFrame* python = PythonFrame(stack);
      python != nullptr && python->frame.line == 0) {
    finding->evidence.push_back(
        {.says = fmt::format("{} begins at this line of {}; its line at the call is not known",
                             python->frame.function, Basename(python->frame.file)),
         .value = static_cast<double>(python->first_line),
         .unit = "line",
         .source = "code object"});
  }
  if (!stack.is_exact) {
    finding->evidence.push_back(
        {.says = "the stack has Python functions that were called without a frame of their own; "
                 "they stand where their callees name them",
         .value = 0,
         .unit = "",
         .source = "map of Python functions"});
  }
  for (const auto& [says, related] : first.related) {
    finding->related.push_back({.says = says, .stack = FramesOf(related)});
  }
}

void DescribeLeak(const Group& group, const MergedStack& stack, Finding* finding) {
  const ErrorCase& first = *group.cases.front();
  const MergedFrame* extension = ExtensionFrame(stack);
  const std::string_view api = ApiFunction(stack);
  const bool is_object = MakesObject(api);
  finding->kind = is_object ? Kind::kLeakedReference : Kind::kLeakedBuffer;
  finding->bytes_layer = is_object ? Layer::kInterpreter : Layer::kNative;
  finding->id = is_object ? "memcheck.lost_object" : "memcheck.lost_buffer";
  finding->bytes_at_stake = group.bytes;
  finding->what.count = group.blocks;
  finding->title = fmt::format(
      "{} in {} {} {} {}{}{}", FormatBytes(group.bytes), FormatCount(group.blocks),
      group.blocks == 1 ? "block" : "blocks",
      first.error == ErrorClass::kPossiblyLost ? "may be lost by" : "lost by",
      extension != nullptr ? NativeText(*extension) : "the interpreter",
      is_object ? fmt::format(", an object from {}", api) : "", CalledBy(PythonFrame(stack)));
  finding->severity = group.bytes >= kMuchLost ? Severity::kHigh
                      : group.blocks > 1       ? Severity::kMedium
                                               : Severity::kLow;
  finding->confidence = Confidence::kProven;
  finding->would_disprove =
      "the block is still needed, and its only pointer is kept in a form that memcheck cannot read";
  finding->prediction = group.blocks > 1 ? "each further call loses another block"
                                         : "each further call of this path loses another block";
  finding->fix = is_object ? "Give up the reference (Py_DECREF) on every way out of the function"
                           : WordsOf(first.error).fix;
  if (first.error == ErrorClass::kPossiblyLost) {
    finding->severity = Severity::kInfo;
    finding->confidence = Confidence::kWeak;
    finding->evidence.push_back(
        {.says = "only pointers into the block's inside are left, as every object that the garbage "
                 "collector tracks has them",
         .value = 0,
         .unit = "",
         .source = "valgrind memcheck"});
  } else if (IsInitialisation(stack)) {
    finding->severity = Severity::kInfo;
    finding->confidence = Confidence::kWeak;
    finding->evidence.push_back({.says = "the module takes it once, while it is imported",
                                 .value = 0,
                                 .unit = "",
                                 .source = "stack"});
  } else if (StartsWith(api, "PyUnicode_") &&
             MinorOf(first.process->stubs.version) >= kFirstImmortal) {
    finding->severity = Severity::kInfo;
    finding->confidence = Confidence::kWeak;
    finding->evidence.push_back(
        {.says = "from 3.12 on the interpreter never frees an interned string, and memcheck cannot "
                 "tell one from a lost reference",
         .value = 0,
         .unit = "",
         .source = "known behaviour"});
  }
}

void DescribeError(const Group& group, const MergedStack& stack, Finding* finding) {
  const ErrorCase& first = *group.cases.front();
  const ClassWords words = WordsOf(first.error);
  const MergedFrame* extension = ExtensionFrame(stack);
  const MergedFrame* where = extension != nullptr ? extension : LeafFrame(stack);
  finding->kind = Kind::kInvalidMemoryUse;
  finding->id = words.id;
  finding->bytes_layer = Layer::kNative;
  finding->what.type = first.says;
  finding->what.count = group.count;
  finding->title = fmt::format(
      "{} {}{}{}", where != nullptr ? NativeText(*where) : "code without symbols", words.verb,
      group.count > 1 ? fmt::format(", {} times", group.count) : "", CalledBy(PythonFrame(stack)));
  finding->severity = first.error == ErrorClass::kUninitialised || first.error == ErrorClass::kOther
                          ? Severity::kMedium
                          : Severity::kHigh;
  finding->confidence = Confidence::kProven;
  finding->would_disprove =
      "the code hands the memory out by an allocator of its own that valgrind does not know";
  finding->prediction = "the same call shows it again";
  finding->fix = words.fix;
  if (extension == nullptr && first.error == ErrorClass::kUninitialised) {
    finding->severity = Severity::kInfo;
    finding->confidence = Confidence::kWeak;
  }
}

Finding Describe(const Group& group) {
  const ErrorCase& first = *group.cases.front();
  const MergedStack& stack = GuiltyStack(first);
  Finding finding;
  finding.layer = ExtensionFrame(stack) != nullptr ? Layer::kExtension : Layer::kInterpreter;
  if (IsLeak(first.error)) {
    DescribeLeak(group, stack, &finding);
  } else {
    DescribeError(group, stack, &finding);
  }
  finding.who_allocated = WhoOf(stack);
  AddEvidence(group, &finding);
  finding.processes.push_back(
      {.pid = first.process->run.pid, .growth_bytes_per_second = 0, .bytes_at_stake = group.bytes});
  return finding;
}

std::vector<Group> GroupCases(const std::vector<ErrorCase>& cases) {
  std::vector<Group> groups;
  std::unordered_map<std::string, std::size_t> index;
  for (const ErrorCase& one : cases) {
    const auto [place, is_new] = index.emplace(GroupKey(one), groups.size());
    if (is_new) groups.emplace_back();
    Group& group = groups[place->second];
    group.cases.push_back(&one);
    group.bytes += one.bytes;
    group.blocks += one.blocks;
    group.count += one.count;
  }
  return groups;
}

// Lost by the interpreter alone: no extension had a part in it.
bool IsInterpretersOwn(const ErrorCase& one) {
  return IsLeak(one.error) && ExtensionFrame(one.stack) == nullptr;
}

void AddChecks(const std::vector<MemcheckProcess>& processes, std::size_t subtracted,
               bool has_baseline, Bytes own_bytes, std::uint64_t own_blocks,
               MemcheckVerdict* verdict) {
  std::vector<Check>& checks = verdict->checks;
  for (const MemcheckProcess& process : processes) {
    const model::MemcheckRun& run = process.run;
    const bool is_whole = run.is_finished && run.damage.empty() && run.left_out == 0;
    if (!is_whole) verdict->is_complete = false;
    std::string why = fmt::format("PID {}, CPython {}", run.pid, process.stubs.version);
    if (!run.fatal_signal.empty()) why += ", ended by " + run.fatal_signal;
    if (!run.damage.empty()) why += "; valgrind's text could be read in part only: " + run.damage;
    if (run.damage.empty() && !run.is_finished) why += "; valgrind did not come to its end";
    if (run.left_out > 0) why += fmt::format("; {} errors were left out", run.left_out);
    checks.push_back({.id = "memcheck.run",
                      .result = is_whole ? CheckResult::kPass : CheckResult::kCouldNot,
                      .why = why});
    std::string frames = fmt::format("{} calls of {} Python functions have frames of their own",
                                     process.stubs.stubs.size(), process.stubs.codes.size());
    const bool is_merged = process.stubs.stopped.empty() && process.stubs.damage.empty();
    if (!process.stubs.stopped.empty()) frames += "; then no more: " + process.stubs.stopped;
    if (!process.stubs.damage.empty()) frames += "; " + process.stubs.damage;
    checks.push_back({.id = "memcheck.python_frames",
                      .result = is_merged ? CheckResult::kPass : CheckResult::kCouldNot,
                      .why = frames});
    const std::string& allocator = process.stubs.allocator;
    if (!allocator.empty() && allocator != "malloc" && allocator != "malloc_debug") {
      checks.push_back(
          {.id = "memcheck.allocator",
           .result = CheckResult::kCouldNot,
           .why = fmt::format("PID {} allocates small objects by {}, as python -E and -I do: "
                              "memcheck does not see them",
                              run.pid, allocator)});
    }
  }
  checks.push_back(
      {.id = "memcheck.baseline",
       .result = has_baseline ? CheckResult::kPass : CheckResult::kCouldNot,
       .why = has_baseline
                  ? fmt::format("{} stacks are those of the same interpreter without a program, "
                                "and were subtracted",
                                subtracted)
                  : std::string("the interpreter could not be run without the program; what it "
                                "does by itself was not subtracted")});
  checks.push_back(
      {.id = "memcheck.interpreter",
       .result = CheckResult::kPass,
       .why = fmt::format("{} in {} blocks were lost by the interpreter without any extension: "
                          "names and constants that it never frees",
                          FormatBytes(own_bytes), FormatCount(own_blocks))});
  checks.push_back(
      {.id = "memcheck.reachable",
       .result = CheckResult::kCouldNot,
       .why =
           "memcheck cannot see a lost reference to a list, dict, exception or other object that "
           "the garbage collector tracks (the collector's own list still points to it), nor what "
           "the interpreter frees at its end; memwhy heap refs counts references"});
}

}  // namespace

MemcheckVerdict JudgeMemcheck(const std::vector<MemcheckProcess>& processes,
                              const std::vector<MemcheckProcess>& baseline) {
  std::unordered_map<std::string, Seen> seen;
  for (const MemcheckProcess& process : baseline) {
    for (const ErrorCase& one : CasesOf(process)) {
      Seen& sum = seen[KeyOf(one)];
      sum.bytes += one.bytes;
      sum.blocks += one.blocks;
    }
  }
  MemcheckVerdict verdict;
  std::size_t subtracted = 0;
  Bytes own_bytes = 0;
  std::uint64_t own_blocks = 0;
  for (const MemcheckProcess& process : processes) {
    std::vector<ErrorCase> cases = CasesOf(process);
    subtracted += Subtract(&cases, seen);
    for (const ErrorCase& one : cases) {
      if (!IsInterpretersOwn(one)) continue;
      own_bytes += one.bytes;
      own_blocks += one.blocks;
    }
    std::erase_if(cases, IsInterpretersOwn);
    for (const Group& group : GroupCases(cases)) verdict.findings.push_back(Describe(group));
  }
  std::stable_sort(verdict.findings.begin(), verdict.findings.end(),
                   [](const Finding& a, const Finding& b) {
                     if (a.severity != b.severity) return a.severity > b.severity;
                     return a.bytes_at_stake > b.bytes_at_stake;
                   });
  AddChecks(processes, subtracted, !baseline.empty(), own_bytes, own_blocks, &verdict);
  verdict.blamed = static_cast<std::uint64_t>(
      std::count_if(verdict.findings.begin(), verdict.findings.end(),
                    [](const Finding& one) { return one.severity != Severity::kInfo; }));
  if (processes.empty()) {
    verdict.is_complete = false;
    verdict.summary = "no Python process was looked at";
  } else if (verdict.blamed > 0) {
    verdict.summary =
        fmt::format("{} {} below Python; first: {}", verdict.blamed,
                    verdict.blamed == 1 ? "mistake" : "mistakes", verdict.findings.front().title);
  } else if (!verdict.is_complete) {
    verdict.summary = "no mistake was seen, but the program was not looked at to its end";
  } else {
    verdict.summary = "memcheck saw no mistake below Python";
  }
  return verdict;
}

}  // namespace memwhy::analysis
