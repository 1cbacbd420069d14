// SPDX-License-Identifier: Apache-2.0
//
// The references of one object while they are collected: targets in order, the first of them with
// labels, the rest by a rule (wire/heap_dump.h). What is null stays: a label stands for a place.
// Reused for each object; no malloc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/ground/raw_memory.h"
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
  ~EdgeList() {
    FreeRaw(targets_);
    FreeRaw(labels_);
    FreeRaw(told_);
  }
  void Clear() noexcept {
    count_ = 0;
    label_count_ = 0;
    told_count_ = 0;
    memory_count_ = 0;
    rest = wire::ShapeRest::kPlain;
    shape = 0;
    has_shape = false;
    weak = 0;
  }

  // A labelled edge. Before the first Add. With a shape that is known the label is not kept.
  void AddNamed(cpython::Address target, const EdgeLabel& label) noexcept {
    if (!has_shape) {
      if (!GrowRaw(labels_, label_count_ + 1)) {
        failed_ = true;
        return;
      }
      labels_.items[label_count_++] = label;
    }
    Add(target);
  }
  void Add(cpython::Address target) noexcept {
    if (!GrowRaw(targets_, count_ + 1)) {
      failed_ = true;
      return;
    }
    targets_.items[count_++] = target;
  }

  // To memory that is no object, and need not be readable. Behind all others.
  void AddMemory(cpython::Address target) noexcept {
    Add(target);
    ++memory_count_;
  }

  // What the traversal told, to be added in the end without what was added by name.
  void Tell(cpython::Address target) noexcept {
    if (!GrowRaw(told_, told_count_ + 1)) {
      failed_ = true;
      return;
    }
    told_.items[told_count_++] = target;
  }
  // Takes one `target` out of what was told; false when it is not there.
  bool Untell(cpython::Address target) noexcept {
    for (std::size_t i = 0; i < told_count_; ++i) {
      if (told_.items[i] == target) {
        told_.items[i] = 0;
        return true;
      }
    }
    return false;
  }
  std::size_t told_count() const { return told_count_; }
  cpython::Address told(std::size_t i) const { return told_.items[i]; }
  const cpython::Address* told() const { return told_.items; }
  void UntellRange(std::size_t first, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) told_.items[first + i] = 0;
  }
  bool IsTold(cpython::Address target) const noexcept {
    for (std::size_t i = 0; i < told_count_; ++i) {
      if (told_.items[i] == target) return true;
    }
    return false;
  }
  void AddTold() noexcept {
    for (std::size_t i = 0; i < told_count_; ++i) {
      if (told_.items[i] != 0) Add(told_.items[i]);
    }
  }

  std::size_t count() const { return count_; }
  // Without those of AddMemory.
  std::size_t object_count() const { return failed_ ? 0 : count_ - memory_count_; }
  cpython::Address target(std::size_t i) const { return targets_.items[i]; }
  std::size_t label_count() const { return label_count_; }
  const EdgeLabel& label(std::size_t i) const { return labels_.items[i]; }
  bool failed() const { return failed_; }

  wire::ShapeRest rest = wire::ShapeRest::kPlain;
  // Set when the shape is known already.
  std::uint32_t shape = 0;
  bool has_shape = false;
  cpython::Address weak = 0;  // what the object refers to weakly

 private:
  RawArray<cpython::Address> targets_;
  std::size_t count_ = 0;
  RawArray<EdgeLabel> labels_;
  std::size_t label_count_ = 0;
  std::size_t memory_count_ = 0;
  RawArray<cpython::Address> told_;
  std::size_t told_count_ = 0;
  bool failed_ = false;
};

}  // namespace memwhy::agent
