// SPDX-License-Identifier: Apache-2.0
#include "readers/perf_script_reader.h"

#include <utility>

#include "base/strings.h"

namespace memwhy::readers {
namespace {

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "18107.390554:".
bool IsTime(std::string_view field) {
  if (!EndsWith(field, ":")) return false;
  field.remove_suffix(1);
  const std::size_t dot = field.find('.');
  return dot != std::string_view::npos && IsNumber(field.substr(0, dot)) &&
         IsNumber(field.substr(dot + 1));
}

// The event without its modifiers: "cpu-clock:ppp:" is cpu-clock, a tracepoint keeps its name.
std::string EventName(std::string_view field) {
  field.remove_suffix(1);
  const std::size_t colon = field.rfind(':');
  if (colon != std::string_view::npos &&
      field.substr(colon + 1).find_first_not_of("ukhGHpPSDWe") == std::string_view::npos) {
    field = field.substr(0, colon);
  }
  return std::string(field);
}

}  // namespace

void PerfScriptReader::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (line_.size() + part.size() > kMaxLine) {
      is_line_long_ = true;
    } else {
      line_ += part;
    }
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    Line(line_);
    line_.clear();
    is_line_long_ = false;
  }
}

model::PerfScript PerfScriptReader::Finish() {
  if (!line_.empty() || is_line_long_) Line(line_);
  EndSample();
  return std::move(script_);
}

void PerfScriptReader::Line(std::string_view line) {
  ++script_.lines;
  if (is_line_long_) {
    ++script_.unparsed;
    return;
  }
  if (EndsWith(line, "\r")) line.remove_suffix(1);
  if (Trim(line).empty()) {
    EndSample();
    return;
  }
  if (line.front() == '#') return;
  const bool is_indented = line.front() == ' ' || line.front() == '\t';
  if (is_indented && is_in_sample_ && Frame(line)) return;
  if (Head(line)) return;  // short names are printed behind blanks, too
  ++script_.unparsed;
}

bool PerfScriptReader::Head(std::string_view line) {
  const std::vector<std::string_view> fields = SplitFields(line);
  std::size_t at = 0;
  while (at < fields.size() && !IsTime(fields[at])) ++at;
  if (at < 2 || at + 1 >= fields.size()) return false;
  if (fields[at + 1] == "PERF_RECORD_LOST") {
    EndSample();
    const auto count = ParseUint(fields.back());
    if (!count) return false;
    script_.lost += *count;
    return true;
  }
  std::size_t name = at + 1;
  if (IsNumber(fields[name])) ++name;
  if (name >= fields.size() || fields[name].size() < 2 || !EndsWith(fields[name], ":")) {
    return false;
  }
  EndSample();
  is_in_sample_ = true;
  event_ = EventName(fields[name]);
  if (name + 1 < fields.size()) {
    // Recorded without call graph: the one frame is on the same line.
    Frame(line.substr(static_cast<std::size_t>(fields[name + 1].data() - line.data())));
  }
  return true;
}

bool PerfScriptReader::Frame(std::string_view line) {
  line = Trim(line);
  const std::size_t blank = line.find(' ');
  const auto address = ParseHex(line.substr(0, blank));
  if (!address || blank == std::string_view::npos || !EndsWith(line, ")")) return false;
  std::string_view rest = Trim(line.substr(blank));
  const std::size_t open = rest.rfind(" (", rest.size() - (EndsWith(rest, " (deleted))") ? 12 : 1));
  if (open == std::string_view::npos) return false;
  if (frames_.size() >= kMaxFrames) return true;
  model::NativeFrame frame;
  frame.address = *address;
  frame.object = rest.substr(open + 2, rest.size() - open - 3);
  if (EndsWith(frame.object, " (deleted)")) frame.object.resize(frame.object.size() - 10);
  std::string_view symbol = rest.substr(0, open);
  const std::size_t plus = symbol.rfind("+0x");
  if (plus != std::string_view::npos) symbol = symbol.substr(0, plus);
  if (symbol != "[unknown]") {
    frame.function = symbol;
    frame.address = 0;  // equal functions are one frame
  }
  frames_.push_back(std::move(frame));
  return true;
}

void PerfScriptReader::EndSample() {
  if (!std::exchange(is_in_sample_, false)) return;
  ++script_.samples;
  auto key = std::pair(std::move(event_), std::move(frames_));
  event_.clear();
  frames_.clear();
  if (script_.stacks.size() < kMaxStacks || script_.stacks.contains(key)) {
    ++script_.stacks[std::move(key)];
  } else {
    ++script_.left_out;
  }
}

}  // namespace memwhy::readers
