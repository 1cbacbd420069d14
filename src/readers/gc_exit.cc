// SPDX-License-Identifier: Apache-2.0
#include "readers/gc_exit.h"

namespace memwhy::readers {
namespace {

using model::GcCollection;

// Between the collections of an exit modules are taken down: the next one finds nothing in the
// young generations, and fewer objects than had survived.
bool IsTakenDown(const GcCollection& before, const GcCollection& after) {
  constexpr double kMin = 0.03;  // at least a tenth in empty programs of 3.6 to 3.14
  if (!before.before || !after.before || (*after.before)[0] != 0) return false;
  // The incremental collector has two old spaces, of which a full collection leaves one empty.
  if ((*after.before)[1] != 0 && (*after.before)[2] != 0) return false;
  const double all = static_cast<double>(ObjectsUpTo(before, 2));
  const double survived = all - static_cast<double>(before.collected.value_or(0));
  return static_cast<double>(ObjectsUpTo(after, 2)) < survived * (1 - kMin);
}

}  // namespace

std::size_t FirstOfExit(std::span<const GcCollection* const> last, bool has_text_before,
                        bool has_shutdown_line) {
  if (last.empty()) return 0;
  std::size_t first = last.size();
  while (first > 1 && IsTakenDown(*last[first - 2], *last[first - 1])) --first;
  if (first < last.size()) return first - 1;
  // 2.7 collects before it takes modules down, and only then.
  const bool is_27 = last.back()->form == model::GcTextForm::k27;
  const bool is_exit = has_shutdown_line || (is_27 && has_text_before);
  return is_exit ? last.size() - 1 : last.size();
}

std::uint64_t ObjectsUpTo(const GcCollection& collection, std::size_t generation) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= generation; ++i) {
    const std::uint64_t count = (*collection.before)[i];
    sum = count > UINT64_MAX - sum ? UINT64_MAX : sum + count;
  }
  return sum;
}

}  // namespace memwhy::readers
