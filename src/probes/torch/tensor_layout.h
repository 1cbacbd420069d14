// SPDX-License-Identifier: Apache-2.0
//
// Where PyTorch's tensors keep what they say of themselves, learned from the words of all tensors
// of one process. A place is known when what stands there fits nearly every tensor and no other
// place does. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace memwhy::probes {

// What a dump has of one tensor.
struct TensorRecord {
  std::span<const std::uint64_t> words;     // of the TensorImpl
  std::span<const std::uint64_t> autograd;  // of its AutogradMeta; empty: it has none
  std::span<const std::uint64_t> sizes;     // where they do not lie among the words
  std::optional<std::uint8_t> device;       // its storage's type
  bool is_view = false;
};

struct TensorLayout {
  // c10::SizesAndStrides {number of dimensions, 5 sizes, 5 strides}, the offset, the number of
  // elements, then the word with the element type and the device.
  std::uint32_t sizes_at = 0;
  bool device_is_flag_first = false;  // optional<Device>: whether it has one stands before it
  // AutogradMeta's flags: requires_grad, retains_grad, is_view, and the number of the output.
  std::optional<std::uint32_t> flags_at;
};

struct TensorFacts {
  std::vector<std::int64_t> shape;
  std::uint64_t elements = 0;
  std::optional<std::string> dtype;
};

// nullopt: no place fits, or several do.
std::optional<TensorLayout> LearnTensorLayout(std::span<const TensorRecord> tensors);

// nullopt: this tensor says nothing that can be so.
std::optional<TensorFacts> ReadTensorFacts(const TensorLayout& layout, const TensorRecord& tensor);

// requires_grad of a leaf.
std::optional<bool> ReadRequiresGrad(const TensorLayout& layout, const TensorRecord& tensor);

// "float32" of a c10::ScalarType.
std::optional<std::string> ScalarTypeName(std::uint32_t type);

}  // namespace memwhy::probes
