// SPDX-License-Identifier: Apache-2.0
#include "model/tf_loads.h"

namespace memwhy::model {
namespace {

// Numbers come from a file: no difference may overflow.
std::int64_t Minus(std::int64_t after, std::int64_t before) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(after) -
                                   static_cast<std::uint64_t>(before));
}

}  // namespace

TfCounts Difference(const TfCounts& before, const TfCounts& after) {
  TfCounts out;
  out.functions = Minus(after.functions, before.functions);
  out.graphdef_bytes = Minus(after.graphdef_bytes, before.graphdef_bytes);
  out.handles = Minus(after.handles, before.handles);
  out.objects = Minus(after.objects, before.objects);
  if (before.malloc && after.malloc) out.malloc = Minus(*after.malloc, *before.malloc);
  out.rss = Minus(after.rss, before.rss);
  return out;
}

}  // namespace memwhy::model
