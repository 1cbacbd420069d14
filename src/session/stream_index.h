// SPDX-License-Identifier: Apache-2.0
//
// The first pass over one thread's stream: checks every record, finds where a damaged stream stops
// being good, and collects what is said once (thread, codes, nodes, marks, losses). After the pass
// the definitions are turned into ids of the recording's stack tree; the replay then only looks ids
// up. Invariant: within [0, good_bytes) every record decodes and every stack id is defined.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/sites/stack_tree.h"
#include "session/allowance.h"
#include "session/native_names.h"
#include "session/stream_decoder.h"

namespace memwhy::session {

// Where a piece of a stream lies: in a block of the file, or in a copied ring chunk.
struct PieceRef {
  std::uint32_t source = 0;  // index of the block, or kRingSource | index of the ring piece
  std::uint32_t begin = 0;   // in its raw bytes
  std::uint32_t length = 0;
};
inline constexpr std::uint32_t kRingSource = 1u << 31;

struct IndexedMark {
  std::uint64_t ticks = 0;
  std::uint64_t count = 0;
  std::string name;
};

class StreamIndex {
 public:
  // `allowance` outlives it.
  StreamIndex(std::uint64_t start_ticks, Allowance* allowance)
      : allowance_(allowance),
        start_ticks_(start_ticks),
        decoder_(start_ticks),
        last_ticks_(start_ticks) {}

  // The next piece; `offset` is its place in the stream, `stream_bytes` how much of that it stands
  // for. Bytes that are known already are left out; a gap ends the stream.
  void Add(PieceRef ref, std::uint64_t offset, std::uint64_t stream_bytes,
           std::span<const std::uint8_t> bytes);
  // Makes stack ids of the definitions, then forgets these.
  void ResolveStacks(model::StackTree* tree, NativeNames* names);

  const std::vector<PieceRef>& pieces() const { return pieces_; }
  std::uint64_t start_ticks() const { return start_ticks_; }
  std::uint64_t end_offset() const { return end_offset_; }  // of the good bytes
  // "" or why the stream ends before its end.
  const std::string& damage() const { return damage_; }
  bool has_gap() const { return has_gap_; }

  std::uint64_t records() const { return records_; }
  std::uint64_t last_ticks() const { return last_ticks_; }
  std::optional<std::uint64_t> end_ticks() const { return end_ticks_; }  // kThreadEnd
  std::uint32_t tid() const { return tid_; }
  std::uint64_t thread_pointer() const { return thread_pointer_; }
  std::uint64_t stack_pointer() const { return stack_pointer_; }
  const std::string& name() const { return python_name_.empty() ? kernel_name_ : python_name_; }
  std::uint64_t lost_events() const { return lost_events_; }
  std::uint64_t lost_bytes() const { return lost_bytes_; }
  const std::vector<IndexedMark>& marks() const { return marks_; }
  bool has_fork() const { return has_fork_; }

  // After ResolveStacks: by stack id of the stream.
  const std::vector<model::StackId>& stacks() const { return stacks_; }

 private:
  struct Code {
    std::string name;
    std::string file;
    std::string module;
    std::string line_table;
    int first_line = 0;
    unsigned python_version = 0;
    std::optional<NativeModule> native;  // then nothing of the above
  };
  struct Node {
    std::uint32_t parent;
    std::uint32_t code;
    std::uint32_t instruction;  // as sent: 0 for -1
    std::uint32_t depth;        // frames to the root
  };

  bool Accept(const Record& record);
  bool Define(const Record& record);
  bool DefineModule(const Record& record);
  void SayTooLarge(std::uint64_t offset);
  // Charges what is going to be kept.
  bool MayKeep(std::uint64_t bytes) {
    if (!allowance_->Charge(bytes)) is_too_large_ = true;
    return !is_too_large_;
  }
  bool HasStack(std::uint64_t stack) const { return stack < wire::kFirstNode + nodes_.size(); }

  Allowance* allowance_;
  bool is_too_large_ = false;
  std::uint64_t start_ticks_;
  StreamDecoder decoder_;
  std::vector<PieceRef> pieces_;
  std::uint64_t longest_piece_ = 0;
  std::uint64_t end_offset_ = 0;
  std::string damage_;
  bool has_gap_ = false;
  std::uint64_t records_ = 0;
  std::uint64_t last_ticks_;
  std::optional<std::uint64_t> end_ticks_;
  std::uint32_t tid_ = 0;
  std::uint64_t thread_pointer_ = 0;
  std::uint64_t stack_pointer_ = 0;
  std::string kernel_name_;
  std::string python_name_;
  std::uint64_t lost_events_ = 0;
  std::uint64_t lost_bytes_ = 0;
  std::vector<IndexedMark> marks_;
  bool has_fork_ = false;
  std::vector<Code> codes_;
  std::vector<Node> nodes_;
  std::vector<model::StackId> stacks_;
};

}  // namespace memwhy::session
