// SPDX-License-Identifier: Apache-2.0
#include "probes/torch/tensor_layout.h"

#include <array>

namespace memwhy::probes {
namespace {

constexpr std::uint32_t kFirstSizes = 6;
constexpr std::uint32_t kLastSizes = 11;
constexpr std::uint32_t kInlineSizes = 5;
constexpr std::uint32_t kElements = 12;  // words behind the number of dimensions
constexpr std::uint32_t kType = 13;
constexpr std::uint64_t kMaxDimensions = 64;
constexpr std::uint32_t kFirstFlags = 8;
constexpr std::uint32_t kEndOfFlags = 22;
// Tensors whose sizes are symbols, or that wrap others, say something else there.
constexpr std::size_t kPercent = 95;

std::uint8_t ByteOf(std::uint64_t word, unsigned index) {
  return static_cast<std::uint8_t>(word >> (8 * index) & 0xff);
}

bool FitsDevice(std::uint64_t word, bool is_flag_first, std::optional<std::uint8_t> device) {
  const std::uint8_t flag = ByteOf(word, is_flag_first ? 2 : 4);
  const std::uint8_t type = ByteOf(word, is_flag_first ? 3 : 2);
  return flag == 1 && (!device || *device == type);
}

// The shape at this place, where all that stands there agrees.
std::optional<TensorFacts> ReadAt(const TensorRecord& tensor, std::uint32_t at,
                                  bool is_flag_first) {
  if (at + kType >= tensor.words.size()) return std::nullopt;
  const std::uint64_t dimensions = tensor.words[at];
  if (dimensions > kMaxDimensions) return std::nullopt;
  std::span<const std::uint64_t> sizes;
  if (dimensions <= kInlineSizes) {
    sizes = tensor.words.subspan(at + 1, static_cast<std::size_t>(dimensions));
  } else if (tensor.sizes.size() == dimensions) {
    sizes = tensor.sizes;
  } else {
    return std::nullopt;
  }
  TensorFacts facts;
  std::uint64_t product = 1;
  for (const std::uint64_t size : sizes) {
    if (size >> 63 != 0) return std::nullopt;
    if (__builtin_mul_overflow(product, size, &product)) return std::nullopt;
    facts.shape.push_back(static_cast<std::int64_t>(size));
  }
  facts.elements = tensor.words[at + kElements];
  if (product != facts.elements) return std::nullopt;
  const std::uint64_t type = tensor.words[at + kType];
  if (!FitsDevice(type, is_flag_first, tensor.device)) return std::nullopt;
  facts.dtype = ScalarTypeName(static_cast<std::uint32_t>(type & 0xffff));
  return facts;
}

bool FitsFlags(const TensorRecord& tensor, std::uint32_t at, bool* has_any) {
  if (at >= tensor.autograd.size()) return false;
  const std::uint64_t word = tensor.autograd[at];
  constexpr std::uint64_t kMaxOutput = 1 << 20;
  for (unsigned i = 0; i < 3; ++i) {
    if (ByteOf(word, i) > 1) return false;
  }
  if ((ByteOf(word, 2) != 0) != tensor.is_view || word >> 32 > kMaxOutput) return false;
  *has_any |= (word & 0xffffff) != 0;
  return true;
}

std::optional<std::uint32_t> LearnFlags(std::span<const TensorRecord> tensors) {
  std::optional<std::uint32_t> found;
  for (std::uint32_t at = kFirstFlags; at < kEndOfFlags; ++at) {
    bool fits = true;
    bool has_any = false;
    for (const TensorRecord& tensor : tensors) {
      if (!tensor.autograd.empty()) fits = fits && FitsFlags(tensor, at, &has_any);
    }
    if (!fits || !has_any) continue;
    if (found) return std::nullopt;
    found = at;
  }
  return found;
}

}  // namespace

std::optional<TensorLayout> LearnTensorLayout(std::span<const TensorRecord> tensors) {
  std::optional<TensorLayout> best;
  for (std::uint32_t at = kFirstSizes; at <= kLastSizes; ++at) {
    for (const bool is_flag_first : {false, true}) {
      std::size_t fits = 0;
      for (const TensorRecord& tensor : tensors) {
        if (ReadAt(tensor, at, is_flag_first)) ++fits;
      }
      if (fits == 0 || fits * 100 < tensors.size() * kPercent) continue;
      if (best) return std::nullopt;
      best = TensorLayout{at, is_flag_first, std::nullopt};
    }
  }
  if (best) best->flags_at = LearnFlags(tensors);
  return best;
}

std::optional<TensorFacts> ReadTensorFacts(const TensorLayout& layout, const TensorRecord& tensor) {
  return ReadAt(tensor, layout.sizes_at, layout.device_is_flag_first);
}

std::optional<bool> ReadRequiresGrad(const TensorLayout& layout, const TensorRecord& tensor) {
  if (tensor.autograd.empty()) return false;
  if (!layout.flags_at || *layout.flags_at >= tensor.autograd.size()) return std::nullopt;
  return ByteOf(tensor.autograd[*layout.flags_at], 0) != 0;
}

// The numbers are in every saved model, so they stay. c10/core/ScalarType.h.
std::optional<std::string> ScalarTypeName(std::uint32_t type) {
  static constexpr std::array<const char*, 46> kNames = {"uint8",
                                                         "int8",
                                                         "int16",
                                                         "int32",
                                                         "int64",
                                                         "float16",
                                                         "float32",
                                                         "float64",
                                                         "complex32",
                                                         "complex64",
                                                         "complex128",
                                                         "bool",
                                                         "qint8",
                                                         "quint8",
                                                         "qint32",
                                                         "bfloat16",
                                                         "quint4x2",
                                                         "quint2x4",
                                                         "bits1x8",
                                                         "bits2x4",
                                                         "bits4x2",
                                                         "bits8",
                                                         "bits16",
                                                         "float8_e5m2",
                                                         "float8_e4m3fn",
                                                         "float8_e5m2fnuz",
                                                         "float8_e4m3fnuz",
                                                         "uint16",
                                                         "uint32",
                                                         "uint64",
                                                         "uint1",
                                                         "uint2",
                                                         "uint3",
                                                         "uint4",
                                                         "uint5",
                                                         "uint6",
                                                         "uint7",
                                                         "int1",
                                                         "int2",
                                                         "int3",
                                                         "int4",
                                                         "int5",
                                                         "int6",
                                                         "int7",
                                                         "float8_e8m0fnu",
                                                         "float4_e2m1fn_x2"};
  if (type >= kNames.size()) return std::nullopt;
  return kNames[type];
}

}  // namespace memwhy::probes
