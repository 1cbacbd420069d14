// SPDX-License-Identifier: Apache-2.0
//
// The references of one object while they are collected: targets in order, the first of them with
// labels, the rest by a rule (wire/heap_dump.h). What is null stays: a label stands for a place.
// Reused for each object; no malloc.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "agent/ground/raw_list.h"
#include "cpython/peek.h"
#include "wire/heap_dump.h"

namespace memwhy::agent {

struct EdgeLabel {
  wire::EdgeKind kind = wire::EdgeKind::kNone;
  const char* text = nullptr;  // or
  cpython::Address str = 0;    // a str object
};

class EdgeList {
 public:
  void Clear() noexcept {
    targets_.Clear();
    labels_.Clear();
    told_.Clear();
    memory_count_ = 0;
    rest = wire::ShapeRest::kPlain;
    shape = 0;
    has_shape = false;
    is_cut = false;
    weak = 0;
  }

  // A labelled edge. Before the first Add. With a shape that is known the label is not kept.
  void AddNamed(cpython::Address target, const EdgeLabel& label) noexcept {
    if (!has_shape && !labels_.Push(label)) {
      Fail();
      return;
    }
    Add(target);
  }
  void Add(cpython::Address target) noexcept {
    if (!targets_.Push(target)) Fail();
  }

  // To memory that is no object, and need not be readable. Behind all others.
  void AddMemory(cpython::Address target) noexcept {
    Add(target);
    ++memory_count_;
  }

  // What the traversal told, to be added in the end without what was added by name.
  void Tell(cpython::Address target) noexcept {
    if (!told_.Push(target)) Fail();
  }
  // Takes one `target` out of what was told; false when it is not there.
  bool Untell(cpython::Address target) noexcept {
    for (cpython::Address& told : told_) {
      if (told == target) {
        told = 0;
        return true;
      }
    }
    return false;
  }
  std::size_t told_count() const { return told_.count(); }
  cpython::Address told(std::size_t i) const { return told_[i]; }
  const cpython::Address* told() const { return told_.begin(); }
  void UntellRange(std::size_t first, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) told_[first + i] = 0;
  }
  bool IsTold(cpython::Address target) const noexcept {
    return std::find(told_.begin(), told_.end(), target) != told_.end();
  }
  void AddTold() noexcept {
    for (const cpython::Address told : told_) {
      if (told != 0) Add(told);
    }
  }

  // No memory: references are missing, and from now on none are told.
  void Fail() noexcept { failed_ = true; }

  std::size_t count() const { return targets_.count(); }
  // Without those of AddMemory.
  std::size_t object_count() const { return failed_ ? 0 : targets_.count() - memory_count_; }
  cpython::Address target(std::size_t i) const { return targets_[i]; }
  std::size_t label_count() const { return labels_.count(); }
  const EdgeLabel& label(std::size_t i) const { return labels_[i]; }
  bool failed() const { return failed_; }

  wire::ShapeRest rest = wire::ShapeRest::kPlain;
  // Set when the shape is known already.
  std::uint32_t shape = 0;
  bool has_shape = false;
  bool is_cut = false;        // the object has more references than we could list
  cpython::Address weak = 0;  // what the object refers to weakly

 private:
  RawList<cpython::Address> targets_;
  RawList<EdgeLabel> labels_;
  RawList<cpython::Address> told_;
  std::size_t memory_count_ = 0;  // of targets_, the last ones
  bool failed_ = false;
};

}  // namespace memwhy::agent
