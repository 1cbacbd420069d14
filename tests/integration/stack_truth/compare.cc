// SPDX-License-Identifier: Apache-2.0
//
// Compares the stacks of a session with the truth that truth.c has noted, block by block, frame by
// frame: function, file, line. usage: stack_truth_compare SESSION TRUTH
//
// Blocks are recognised by their size and compared per kernel thread, in order. A stack that the
// session calls unknown or truncated, or a frame whose line it does not know, is "marked": allowed
// for at most one block in a thousand. Anything else that differs is wrong, and fails. Exit codes:
// 0 all agree, 1 not, 2 cannot be compared.
#include <fmt/core.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "session/reader.h"

namespace memwhy {
namespace {

constexpr std::uint64_t kBase = 70001;
constexpr std::uint64_t kKinds = 32;
constexpr int kExamples = 3;

struct TrueFrame {
  std::uint32_t name, file, line;
};
struct TrueNode {
  std::uint32_t parent, frame;
};
struct TrueEvent {
  std::uint32_t tid, node, size, unused;
  std::uint64_t address;
};

struct Truth {
  std::vector<std::string> strings;
  std::vector<TrueFrame> frames;
  std::vector<TrueNode> nodes;
  std::vector<TrueEvent> events;

  // Leaf first.
  std::vector<std::uint32_t> Stack(std::uint32_t node) const {
    std::vector<std::uint32_t> stack;
    for (; node != 0; node = nodes[node].parent) stack.push_back(nodes[node].frame);
    return stack;
  }
};

template <typename T>
bool Take(std::ifstream& file, std::uint64_t count, std::vector<T>* out) {
  out->resize(count);
  return static_cast<bool>(file.read(reinterpret_cast<char*>(out->data()),
                                     static_cast<std::streamsize>(count * sizeof(T))));
}

bool ReadTruth(const char* path, Truth* truth) {
  std::ifstream file(path, std::ios::binary);
  char magic[8];
  std::uint64_t counts[4];
  if (!file.read(magic, 8) || std::memcmp(magic, "TRUTH1\n", 8) != 0) return false;
  if (!file.read(reinterpret_cast<char*>(counts), sizeof(counts))) return false;
  for (std::uint64_t i = 0; i < counts[0]; ++i) {
    std::uint32_t length = 0;
    file.read(reinterpret_cast<char*>(&length), 4);
    truth->strings.emplace_back(length, '\0');
    if (!file.read(truth->strings.back().data(), length)) return false;
  }
  return Take(file, counts[1], &truth->frames) && Take(file, counts[2], &truth->nodes) &&
         Take(file, counts[3], &truth->events);
}

struct Seen {
  model::StackId stack;
  std::uint64_t size;
  std::uint64_t address;
};

// The blocks of recognisable size, per kernel thread, in order.
class Collector : public model::EventVisitor {
 public:
  explicit Collector(const model::Recording& recording) : recording_(recording) {}
  void OnAcquire(const model::Acquire& event) override {
    if (event.size < kBase || event.size >= kBase + kKinds) return;
    const std::uint32_t tid = recording_.threads[event.thread.value].tid;
    by_tid[tid].push_back({event.stack, event.size, event.address});
  }
  void OnRelease(double, model::ProcessId, model::ThreadId, std::uint64_t) override {}
  void OnUnmap(double, model::ProcessId, model::ThreadId, std::uint64_t, std::uint64_t) override {}

  std::map<std::uint32_t, std::vector<Seen>> by_tid;

 private:
  const model::Recording& recording_;
};

class Comparer {
 public:
  Comparer(const Truth& truth, const model::StackTree& stacks) : truth_(truth), stacks_(stacks) {}

  void Compare(const Seen& seen, const TrueEvent& event) {
    ++compared;
    if (seen.size != event.size || seen.address != event.address) {
      ++out_of_step;
      return;
    }
    Judge(Verdict(seen.stack, event.node), seen, event);
  }

  std::uint64_t compared = 0, agreed = 0, wrong = 0, out_of_step = 0;
  std::uint64_t unknown = 0, truncated = 0, without_line = 0;

 private:
  enum class Kind { kAgrees, kUnknown, kTruncated, kWithoutLine, kWrong };

  void Judge(Kind kind, const Seen& seen, const TrueEvent& event) {
    switch (kind) {
      case Kind::kAgrees:
        ++agreed;
        return;
      case Kind::kUnknown:
        Example(unknown++, "unknown", seen, event);
        return;
      case Kind::kTruncated:
        ++truncated;
        return;
      case Kind::kWithoutLine:
        Example(without_line++, "without a line", seen, event);
        return;
      case Kind::kWrong:
        Example(wrong++, "wrong", seen, event);
        return;
    }
  }

  // Equal pairs of stacks are judged once.
  Kind Verdict(model::StackId stack, std::uint32_t node) {
    const auto [entry, is_new] =
        known_.emplace(std::uint64_t{stack.value} << 32 | node, Kind::kAgrees);
    if (is_new) entry->second = Look(stack, node);
    return entry->second;
  }

  Kind Look(model::StackId stack, std::uint32_t node) const {
    if (stack == model::kUnknownStack) return Kind::kUnknown;
    const std::vector<model::FrameId> ours = stacks_.Frames(stack);
    const std::vector<std::uint32_t> theirs = truth_.Stack(node);
    const bool is_cut = stacks_.is_truncated(stack);
    if (is_cut ? ours.size() >= theirs.size() : ours.size() != theirs.size()) return Kind::kWrong;
    bool has_line = true;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const model::Frame& frame = stacks_.frame(ours[i]);
      const TrueFrame& known = truth_.frames[theirs[i]];
      if (frame.function != truth_.strings[known.name]) return Kind::kWrong;
      if (frame.file != truth_.strings[known.file]) return Kind::kWrong;
      if (static_cast<std::uint32_t>(frame.line) == known.line) continue;
      if (frame.line != 0) return Kind::kWrong;
      has_line = false;
    }
    if (is_cut) return Kind::kTruncated;
    return has_line ? Kind::kAgrees : Kind::kWithoutLine;
  }

  void Example(std::uint64_t number, const char* what, const Seen& seen,
               const TrueEvent& event) const {
    if (number >= kExamples) return;
    fmt::print("{}: thread {}, size {} (kind {}), address {:#x}\n", what, event.tid, event.size,
               event.size - kBase, event.address);
    const std::vector<std::uint32_t> theirs = truth_.Stack(event.node);
    std::vector<std::string> lines;
    for (const std::uint32_t id : theirs) {
      const TrueFrame& f = truth_.frames[id];
      lines.push_back(
          fmt::format("{} {}:{}", truth_.strings[f.name], truth_.strings[f.file], f.line));
    }
    Show("truth", lines);
    lines.clear();
    if (seen.stack != model::kUnknownStack) {
      for (const model::FrameId id : stacks_.Frames(seen.stack)) {
        const model::Frame& f = stacks_.frame(id);
        lines.push_back(fmt::format("{} {}:{}", f.function, f.file, f.line));
      }
    }
    Show("session", lines);
  }

  static void Show(const char* whose, const std::vector<std::string>& lines) {
    constexpr std::size_t kShown = 40;
    fmt::print("  {}: {} frames, leaf first\n", whose, lines.size());
    for (std::size_t i = 0; i < lines.size() && i < kShown; ++i) fmt::print("    {}\n", lines[i]);
  }

  const Truth& truth_;
  const model::StackTree& stacks_;
  std::map<std::uint64_t, Kind> known_;
};

int Run(const char* session_path, const char* truth_path) {
  Truth truth;
  if (!ReadTruth(truth_path, &truth)) {
    fmt::print(stderr, "compare: cannot read {}\n", truth_path);
    return 2;
  }
  const auto session = session::Session::Open(session_path);
  if (!session) {
    fmt::print(stderr, "compare: {}\n", session.error().message());
    return 2;
  }
  const model::Recording& recording = (*session)->recording();
  Collector collector(recording);
  if (auto replayed = (*session)->Replay(collector); !replayed) {
    fmt::print(stderr, "compare: {}\n", replayed.error().message());
    return 2;
  }
  std::map<std::uint32_t, std::vector<TrueEvent>> true_by_tid;
  for (const TrueEvent& event : truth.events) true_by_tid[event.tid].push_back(event);

  Comparer comparer(truth, (*session)->stacks());
  std::uint64_t missing = 0;
  std::uint64_t extra = 0;
  for (const auto& [tid, events] : true_by_tid) {
    const std::vector<Seen>& seen = collector.by_tid[tid];
    const std::size_t both = std::min(seen.size(), events.size());
    for (std::size_t i = 0; i < both; ++i) comparer.Compare(seen[i], events[i]);
    missing += events.size() - both;
    extra += seen.size() - both;
  }
  for (const auto& [tid, seen] : collector.by_tid) {
    if (!true_by_tid.contains(tid)) extra += seen.size();
  }
  const std::uint64_t marked = comparer.unknown + comparer.truncated + comparer.without_line;
  fmt::print(
      "blocks {} threads {} stacks {}: agree {}, wrong {}, marked {} (unknown {}, truncated {}, "
      "without a line {}), out of step {}, missing {}, extra {}, lost events {}\n",
      truth.events.size(), true_by_tid.size(), truth.nodes.size(), comparer.agreed, comparer.wrong,
      marked, comparer.unknown, comparer.truncated, comparer.without_line, comparer.out_of_step,
      missing, extra, recording.lost_events);
  if (!recording.damage.empty()) fmt::print("damage: {}\n", recording.damage);
  const bool is_good = comparer.agreed != 0 && comparer.wrong == 0 && comparer.out_of_step == 0 &&
                       missing == 0 && extra == 0 && recording.damage.empty() &&
                       marked * 1000 <= truth.events.size();
  return is_good ? 0 : 1;
}

}  // namespace
}  // namespace memwhy

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: stack_truth_compare SESSION TRUTH\n");
    return 2;
  }
  return memwhy::Run(argv[1], argv[2]);
}
