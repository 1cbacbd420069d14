// SPDX-License-Identifier: Apache-2.0
//
// What one process holds at an instant of the replay: blocks and mappings, each booked to a row of
// the view that owns the set. A fork copies it. Not thread-safe.
#pragma once

#include "model/live/address_map.h"
#include "model/live/mapping_set.h"

namespace memwhy::model {

struct LiveSet {
  AddressMap blocks;
  MappingSet mappings;

  void Clear() {
    blocks.Clear();
    mappings.Clear();
  }
  template <typename Translate>
  void TranslateRows(Translate translate) {
    blocks.TranslateRows(translate);
    mappings.TranslateRows(translate);
  }
};

}  // namespace memwhy::model
