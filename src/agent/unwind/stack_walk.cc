// SPDX-License-Identifier: Apache-2.0
#include "agent/unwind/stack_walk.h"

#include <cstring>

#include "agent/ground/private_memory.h"
#include "agent/unwind/code_module.h"

namespace memwhy::agent {
namespace {

using Base = FrameRule::Base;

constexpr std::size_t kFirstPcs = 256;
constexpr std::size_t kMaxPcs = 16384;

// The kernel's frame of a signal handler (struct ucontext at the stack pointer).
constexpr std::uintptr_t kSavedRbp = 120;
constexpr std::uintptr_t kSavedRsp = 160;
constexpr std::uintptr_t kSavedPc = 168;

std::size_t HashPc(std::uintptr_t pc) noexcept {
  const std::uint64_t value = pc * 0x9e3779b97f4a7c15ull;
  return static_cast<std::size_t>(value ^ (value >> 29));
}

}  // namespace

bool StackWalk::Room(std::size_t count) noexcept {
  if (count <= capacity_) return true;
  std::size_t capacity = capacity_ == 0 ? 128 : capacity_ * 2;
  while (capacity < count) capacity *= 2;
  auto* frames = static_cast<WalkedFrame*>(TakePrivate(capacity * sizeof(WalkedFrame)));
  auto* scratch = static_cast<WalkedFrame*>(TakePrivate(capacity * sizeof(WalkedFrame)));
  if (frames == nullptr || scratch == nullptr) return false;
  if (capacity_ != 0) {
    std::memcpy(frames, frames_, capacity_ * sizeof(WalkedFrame));
    std::memcpy(scratch, scratch_, capacity_ * sizeof(WalkedFrame));
  }
  frames_ = frames;
  scratch_ = scratch;
  capacity_ = capacity;
  return true;
}

bool StackWalk::GrowPcs() noexcept {
  const std::size_t capacity = pc_capacity_ == 0 ? kFirstPcs : pc_capacity_ * 2;
  auto* pcs = static_cast<KnownPc*>(TakePrivate(capacity * sizeof(KnownPc)));
  if (pcs == nullptr) return false;
  for (std::size_t i = 0; i < pc_capacity_; ++i) {
    if (pcs_[i].pc != 0) pcs[HashPc(pcs_[i].pc) & (capacity - 1)] = pcs_[i];
  }
  pcs_ = pcs;
  pc_capacity_ = capacity;
  misses_ = 0;
  return true;
}

// One place for each pc: what another pc has put there is looked up again.
KnownPc& StackWalk::Know(std::uintptr_t pc) noexcept {
  KnownPc* known = &pcs_[HashPc(pc) & (pc_capacity_ - 1)];
  if (__builtin_expect(known->pc == pc, true)) return *known;
  if (++misses_ > pc_capacity_ && pc_capacity_ < kMaxPcs && GrowPcs()) {
    known = &pcs_[HashPc(pc) & (pc_capacity_ - 1)];
  }
  *known = {};
  known->rule = FindRule(pc, &known->function);
  known->pc = pc;
  return *known;
}

// The frame that runs with these registers. False: where its caller is cannot be read.
bool StackWalk::Fill(WalkedFrame* frame, const Registers& at, bool is_exact) noexcept {
  *frame = {};
  frame->pc = is_exact ? at.pc : at.pc - 1;
  frame->sp = at.sp;
  frame->rbp = at.rbp;
  frame->cfa = at.sp;
  frame->is_exact = is_exact;
  const KnownPc& known = Know(frame->pc);
  frame->function = known.function;
  FrameRule rule = known.rule;
  frame->rule = rule;
  std::uintptr_t cfa = 0;
  switch (rule.base) {
    case Base::kCut:
    case Base::kEnd:
    case Base::kSignal:
      return true;
    case Base::kStack:
      cfa = at.sp + static_cast<std::uintptr_t>(std::intptr_t{rule.cfa_offset});
      break;
    case Base::kFrame:
      cfa = at.rbp + static_cast<std::uintptr_t>(std::intptr_t{rule.cfa_offset});
      break;
    case Base::kStackDeref:
    case Base::kFrameDeref: {
      const auto offset = static_cast<std::int16_t>(rule.cfa_offset & 0xffff);
      const std::uintptr_t base = rule.base == Base::kFrameDeref ? at.rbp : at.sp;
      if (!memory_.Read(base + static_cast<std::uintptr_t>(std::intptr_t{offset}), &cfa)) {
        return false;
      }
      cfa += static_cast<std::uintptr_t>(rule.cfa_offset >> 16);
      break;
    }
  }
  if (cfa <= at.sp) return false;
  frame->cfa = cfa;
  const auto slot = static_cast<std::uintptr_t>(std::intptr_t{rule.slot} * 8);
  if (rule.rbp == FrameRule::Saved::kAtCfa) frame->rbp_at = cfa + slot;
  if (rule.rbp == FrameRule::Saved::kAtFrame) frame->rbp_at = at.rbp + slot;
  return true;
}

bool StackWalk::Caller(const WalkedFrame& frame, Registers* caller, bool* is_exact) noexcept {
  if (frame.rule.base == Base::kSignal) {
    *is_exact = true;
    if (!memory_.Read(frame.sp + kSavedPc, &caller->pc) ||
        !memory_.Read(frame.sp + kSavedRbp, &caller->rbp) ||
        !memory_.Read(frame.sp + kSavedRsp, &caller->sp)) {
      return false;
    }
    memory_.Enter(caller->sp);  // it may be another stack
    return true;
  }
  *is_exact = false;
  caller->sp = frame.cfa;
  caller->rbp = frame.rbp;
  if (!memory_.Read(frame.cfa - 8, &caller->pc) || caller->pc == 0) return false;
  // Where it is not known, frames that need it are found nowhere.
  if (frame.rule.rbp == FrameRule::Saved::kUnknown) caller->rbp = 0;
  return frame.rbp_at == 0 || memory_.Read(frame.rbp_at, &caller->rbp);
}

// Whether `caller` is still what called `frame`, which is what it was.
bool StackWalk::IsCallerOf(const WalkedFrame& frame, const WalkedFrame& caller) noexcept {
  if (frame.rule.base == Base::kSignal || frame.rule.base == Base::kStackDeref ||
      frame.rule.base == Base::kFrameDeref) {
    return false;
  }
  std::uintptr_t pc = 0;
  if (!memory_.Read(frame.cfa - 8, &pc) || pc - 1 != caller.pc) return false;
  std::uintptr_t rbp = caller.rbp;
  return frame.rbp_at == 0 || (memory_.Read(frame.rbp_at, &rbp) && rbp == caller.rbp);
}

bool StackWalk::Walk(const Registers& start, bool may_ask) noexcept {
  if (pc_capacity_ == 0 && !GrowPcs()) return false;
  memory_.Begin(start.sp, may_ask);
  Registers at = start;
  bool is_exact = false;
  std::size_t old = depth_;  // of the frames of the walk before: those that may still be callers
  std::size_t fresh = 0;
  known_ = 0;
  depth_ = 0;
  while (fresh < kMaxFrames) {
    while (old != 0 && frames_[old - 1].sp < at.sp) --old;
    const std::uintptr_t pc = is_exact ? at.pc : at.pc - 1;
    const WalkedFrame* same = old == 0 ? nullptr : &frames_[old - 1];
    if (same != nullptr && same->sp == at.sp && same->pc == pc && same->rbp == at.rbp) {
      std::size_t first = old - 1;
      while (first != 0 && IsCallerOf(frames_[first], frames_[first - 1])) --first;
      if (first == 0) {
        known_ = old;
        break;
      }
      // The caller of frames_[first] is another, or has to be looked for.
      if (!Room(fresh + old)) return false;
      for (std::size_t i = old; i > first; --i) scratch_[fresh++] = frames_[i - 1];
      old = first;
    } else {
      if (!Room(fresh + 1)) return false;
      if (!Fill(&scratch_[fresh], at, is_exact)) scratch_[fresh].rule.base = Base::kCut;
      ++fresh;
    }
    WalkedFrame& last = scratch_[fresh - 1];
    if (last.rule.base == Base::kCut || last.rule.base == Base::kEnd) break;
    if (!Caller(last, &at, &is_exact)) {
      last.rule.base = Base::kCut;
      break;
    }
  }
  if (fresh == kMaxFrames) scratch_[fresh - 1].rule.base = Base::kCut;
  if (known_ + fresh > kMaxFrames) {
    depth_ = known_ = 0;
    return false;
  }
  if (!Room(known_ + fresh)) return false;
  for (std::size_t i = 0; i < fresh; ++i) frames_[known_ + i] = scratch_[fresh - 1 - i];
  depth_ = known_ + fresh;
  return true;
}

void StackWalk::Forget() noexcept {
  depth_ = known_ = 0;
  if (pcs_ != nullptr) std::memset(static_cast<void*>(pcs_), 0, pc_capacity_ * sizeof(KnownPc));
  memory_.Forget();
}

}  // namespace memwhy::agent
