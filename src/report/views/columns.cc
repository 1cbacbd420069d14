// SPDX-License-Identifier: Apache-2.0
#include "report/views/columns.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/strings.h"
#include "base/terminal_text.h"

namespace memwhy::report {
namespace {

bool IsInsideCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::string ShortenLeft(const std::string& raw, std::size_t columns) {
  const std::string text = EscapeName(raw);
  auto length = static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !IsInsideCharacter(c); }));
  if (length <= columns) return text;
  if (columns == 0) return "";
  std::size_t from = 0;
  for (; length >= columns; --length) {
    do ++from;
    while (from < text.size() && IsInsideCharacter(text[from]));
  }
  return "…" + text.substr(from);
}

std::string FrameLine(const model::Frame& frame) {
  std::string text = frame.function.empty() ? "unknown function" : frame.function;
  // The module of C code is its library, which stands behind, where it is not in the name already.
  const bool is_c = frame.language == model::Language::kC;
  if (!frame.module.empty() && !is_c) text = frame.module + "." + text;
  if (frame.file.empty() || (is_c && StartsWith(text, frame.module + "+"))) return text;
  text += "  " + std::string(Basename(frame.file));
  if (frame.line > 0) text += fmt::format(":{}", frame.line);
  return text;
}

std::string ShareText(Bytes part, Bytes whole) {
  if (whole == 0) return "-";
  return fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

SignedBytes Delta(Bytes baseline, Bytes value) {
  return static_cast<SignedBytes>(value - baseline);
}

std::string ChangeText(const model::Amount& baseline, const model::Amount& value) {
  if (baseline == value) return "0.0 %";
  if (baseline == model::Amount{}) return "new";
  if (value == model::Amount{}) return "gone";
  if (baseline.bytes == 0) return "-";
  const double percent = 100.0 * static_cast<double>(Delta(baseline.bytes, value.bytes)) /
                         static_cast<double>(baseline.bytes);
  if (percent >= 99'999.5) return "> +99999 %";
  return fmt::format("{:+.1f} %", percent);
}

const char* ShowPhrase(Show show) {
  switch (show) {
    case Show::kLive:
      return "live bytes";
    case Show::kPeak:
      return "bytes at the peak";
    case Show::kAllocated:
      return "bytes allocated";
    case Show::kTemporary:
      return "bytes released at once";
  }
  return "";
}

const char* ShowName(Show show) {
  switch (show) {
    case Show::kLive:
      return "live";
    case Show::kPeak:
      return "peak";
    case Show::kAllocated:
      return "allocated";
    case Show::kTemporary:
      return "temporary";
  }
  return "";
}

const char* GroupName(model::GroupBy by) {
  switch (by) {
    case model::GroupBy::kStack:
      return "stack";
    case model::GroupBy::kModule:
      return "module";
    case model::GroupBy::kThread:
      return "thread";
    case model::GroupBy::kProcess:
      return "process";
  }
  return "";
}

const char* CallKindName(model::CallKind kind) {
  switch (kind) {
    case model::CallKind::kRoot:
      return "root";
    case model::CallKind::kFrame:
      return "frame";
    case model::CallKind::kWithoutPython:
      return "no_python";
    case model::CallKind::kNotRead:
      return "unknown_stack";
    case model::CallKind::kTruncated:
      return "truncated";
    case model::CallKind::kMerged:
      return "merged";
  }
  return "frame";
}

std::string GroupTitle(const model::Recording& recording, const model::StackTree& stacks,
                       const model::SiteGroup& group, model::GroupBy by) {
  const std::size_t process = group.key.process.value;
  const std::size_t thread = group.key.thread.value;
  switch (by) {
    case model::GroupBy::kStack:
      if (stacks.has_frames(group.key.stack)) return FrameLine(stacks.leaf(group.key.stack));
      return group.key.stack == model::kNoPython ? "no Python on this thread" : "unknown stack";
    case model::GroupBy::kModule:
      return group.module.empty() ? "no module known" : group.module;
    case model::GroupBy::kThread: {
      std::string text = "unknown thread";
      if (thread < recording.threads.size()) {
        const model::Thread& known = recording.threads[thread];
        text = known.name.empty() ? "unnamed thread" : known.name;
        if (known.tid != 0) text += fmt::format("  tid {}", known.tid);
      }
      if (recording.processes.size() > 1 && process < recording.processes.size()) {
        text += fmt::format(", pid {}", recording.processes[process].pid);
      }
      return text;
    }
    case model::GroupBy::kProcess:
      if (process >= recording.processes.size()) return "unknown process";
      return fmt::format("pid {}  {}", recording.processes[process].pid,
                         recording.processes[process].command);
  }
  return "";
}

std::string NodeTitle(const model::StackTree& stacks, const model::CallNode& node) {
  switch (node.kind) {
    case model::CallKind::kRoot:
      return "all allocations";
    case model::CallKind::kFrame:
      return FrameLine(stacks.frame(node.frame));
    case model::CallKind::kWithoutPython:
      return "threads without Python";
    case model::CallKind::kNotRead:
      return "unknown stack";
    case model::CallKind::kTruncated:
      return "callers unknown (stack cut)";
    case model::CallKind::kMerged:
      return fmt::format("{} smaller nodes", FormatCount(node.merged));
  }
  return "";
}

}  // namespace memwhy::report
